"""`notify`: shows who is notified of what, and sends trial messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mlflow_gitops.app.notifying.channels import address_of, missing_address
from mlflow_gitops.app.notifying.run_notifications import owners_in
from mlflow_gitops.app.notifying.settings_file import notify_path, tree_settings
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import print_result
from mlflow_gitops.core.notifying.events import KINDS, NotifyEvent
from mlflow_gitops.core.notifying.message import routed
from mlflow_gitops.core.notifying.settings import Channel, NotifySettings
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.edges.notifying.sending import Parcel, missing_extra, send
from mlflow_gitops.errors import ERROR, OK, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.setup.notify import ChannelState, NotifyOutput, NotifyRoute
from mlflow_gitops.settings import Settings

_TITLE = "mlflow-gitops: trial message"


def run(settings: Settings, names: Sequence[str], *, is_test: bool, form: str) -> int:
    """Show the routes of the working tree's file, or send a trial message to each channel. Exits 1
    if one was not delivered."""
    workspace = Workspace(settings, all_environments=settings.environment is None)
    notify_settings = tree_settings(workspace)
    channels = _chosen(notify_settings, names)
    if is_test:
        output = NotifyOutput(_tested(workspace, channels), (), is_test=True)
    else:
        states = tuple(ChannelState(channel.name, _fault(channel)) for channel in channels)
        output = NotifyOutput(states, tuple(_routes(workspace, notify_settings, names)))
    print_result(formats.NOTIFY, form, output)
    has_failed = is_test and any(state.fault is not None for state in output.channels)
    return ERROR if has_failed else OK


def _chosen(settings: NotifySettings, names: Sequence[str]) -> list[Channel]:
    for name in names:
        if name not in settings.channels:
            hint = did_you_mean(name, settings.channels) or "known: " + ", ".join(settings.channels)
            raise UsageFailure(f"There is no channel {name!r}; {hint}")
    return [channel for name, channel in settings.channels.items() if not names or name in names]


def _fault(channel: Channel) -> str | None:
    """Why a channel could get no message from here; None if it could."""
    return missing_extra() or (missing_address(channel) if address_of(channel) is None else None)


def _tested(workspace: Workspace, channels: Sequence[Channel]) -> tuple[ChannelState, ...]:
    """Send the trial messages, and report what became of each."""
    states = {channel.name: ChannelState(channel.name, _fault(channel)) for channel in channels}
    parcels = [
        Parcel(channel.name, address, _TITLE, _trial_text(workspace, channel))
        for channel in channels
        if (address := address_of(channel)) is not None and states[channel.name].fault is None
    ]
    for parcel, fault in zip(parcels, send(parcels), strict=True):
        states[parcel.channel] = ChannelState(parcel.channel, fault)
    return tuple(states.values())


def _trial_text(workspace: Workspace, channel: Channel) -> str:
    return (
        f"The channel {channel.name} of {notify_path(workspace)} works. Nothing has happened; this"
        " message was sent by mlflow-gitops notify --test."
    )


def _routes(
    workspace: Workspace, settings: NotifySettings, names: Sequence[str]
) -> Iterator[NotifyRoute]:
    """Which channels get which events: of each model, then of no model. With names, only these
    channels are shown."""
    for part in _environments(workspace):
        environment = part.environment.name if part.environment else None
        snapshot = part.tree()
        owners_of = owners_in(snapshot)
        for model in (*sorted(snapshot.manifests), None):
            owners = owners_of(model) if model is not None else ()
            events = [NotifyEvent(kind, "", model, owners=owners) for kind in KINDS]
            by_channel = routed(settings, events, environment)
            yield from (
                NotifyRoute(model, environment, tuple(event.kind for event in events), channel)
                for channel, events in by_channel.items()
                if not names or channel in names
            )


def _environments(workspace: Workspace) -> list[Workspace]:
    """The workspace itself, or one for each environment."""
    if workspace.environment is not None or not workspace.has_environments:
        return [workspace]
    names = workspace.environments
    return [Workspace(replace(workspace.settings, environment=name)) for name in names]
