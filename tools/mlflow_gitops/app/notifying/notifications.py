"""Notifies people of the events of a run, or of the rounds of a loop.

Nothing here stops or fails what it is about: a channel that takes no message is a fault in words,
and the run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from mlflow_gitops.app.notifying.channels import address_of, missing_address
from mlflow_gitops.app.notifying.settings_file import merged_settings
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.notifying.events import EventKind, NotifyEvent
from mlflow_gitops.core.notifying.message import message_for, routed
from mlflow_gitops.core.notifying.outbox import Outbox, SentEvents
from mlflow_gitops.core.notifying.settings import NotifySettings
from mlflow_gitops.edges.notifying.sending import Parcel, send
from mlflow_gitops.edges.system.redaction import without_environment_secrets
from mlflow_gitops.errors import Failure

Send = Callable[[Sequence[Parcel]], list[str | None]]
"""Sends messages, and returns for each why it was not delivered, or None."""


def notify(workspace: Workspace, events: Iterable[NotifyEvent]) -> None:
    """Send one message to each channel that gets some of these events. What does not work is
    reported as a warning."""
    for fault in Notifications().report(workspace, happened=list(events)):
        workspace.settings.warn(fault)


class Notifications:
    """Sends events, each once: what a channel did not take is sent to it again by the next
    `report`, together with what is new."""

    def __init__(self, sent: SentEvents | None = None, send: Send = send) -> None:
        self._outbox = Outbox(sent)
        self._send = send

    @property
    def sent(self) -> SentEvents:
        """The ongoing events that were sent, to be remembered."""
        return self._outbox.sent

    def report(
        self,
        workspace: Workspace,
        *,
        happened: Sequence[NotifyEvent] = (),
        ongoing: Sequence[NotifyEvent] = (),
        kinds: Collection[EventKind] = (),
    ) -> list[str]:
        """Send what is due. `ongoing` are all events of the kinds in `kinds` that go on now.
        Returns what did not work, one sentence each."""
        try:
            settings = merged_settings(workspace)
        except Failure as failure:
            return [f"nobody was notified: {failure}"]
        if settings is None:
            return []
        environment = workspace.environment.name if workspace.environment else None
        self._outbox.add_happened(routed(settings, happened, environment))
        self._outbox.add_ongoing(routed(settings, ongoing, environment), kinds)
        return self._deliver(settings, environment)

    def _deliver(self, settings: NotifySettings, environment: str | None) -> list[str]:
        mask = without_environment_secrets()
        parcels, faults = [], []
        for name, events in self._outbox.due().items():
            channel = settings.channels.get(name)
            if channel is None:  # the file names it no longer
                self._outbox.delivered(name)
                continue
            address = address_of(channel)
            if address is None:
                faults.append(_sentence(name, missing_address(channel)))
                continue
            message = message_for(name, events, environment)
            parcels.append(Parcel(name, address, mask(message.title), mask(message.text)))

        results = self._send(parcels) if parcels else []
        for parcel, fault in zip(parcels, results, strict=True):
            if fault is None:
                self._outbox.delivered(parcel.channel)
            else:
                faults.append(_sentence(parcel.channel, fault))
        return faults


def _sentence(channel: str, fault: str) -> str:
    return f"notification not delivered: the channel {channel} {fault}."
