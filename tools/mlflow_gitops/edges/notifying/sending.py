"""Sends messages: all channels at once, each within a time limit, and none stops anything."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from mlflow_gitops.installation import install_command

SECONDS = 15.0
"""How long all channels of a run together may take."""

_STATUS = re.compile(r"\berror=([1-5][0-9]{2})\b")
"""How Apprise 2 logs the status with which a server answered."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message, and the address of the channel that gets it. The address is a secret."""

    channel: str
    address: str
    title: str
    text: str

    def __repr__(self) -> str:
        return f"Parcel({self.channel!r})"


def missing_extra() -> str | None:
    """Why nothing can be sent here; None if Apprise is installed. It is not imported."""
    if find_spec("apprise") is not None:
        return None
    return f"notifications need the extra notify: {install_command('notify')}"


def send(parcels: Sequence[Parcel], seconds: float = SECONDS) -> list[str | None]:
    """Send each message. Returns for each why it was not delivered, in words without its address,
    or None."""
    if (fault := missing_extra()) is not None:
        return [fault] * len(parcels)
    faults: list[str | None] = [f"gave no answer within {seconds:g} seconds"] * len(parcels)
    deadline = time.monotonic() + seconds

    def send_one(index: int, parcel: Parcel) -> None:
        faults[index] = _send(parcel)

    threads = [
        # A channel that hangs does not keep the process from ending.
        threading.Thread(target=send_one, args=(index, parcel), daemon=True)
        for index, parcel in enumerate(parcels)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(faults)


def _send(parcel: Parcel) -> str | None:
    """Send one message. What Apprise and the server say may quote the address, so it is not shown:
    only the status of an HTTP answer is."""
    try:
        return _notify(parcel)
    except Exception as error:  # a plug-in of Apprise: nothing it does may stop a run
        return f"could not be reached ({type(error).__name__})"


def _notify(parcel: Parcel) -> str | None:
    import apprise

    _silence()
    asset = apprise.AppriseAsset(
        app_id="mlflow-gitops",
        app_desc="mlflow-gitops",
        app_url="",
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    service = apprise.Apprise.instantiate(parcel.address, asset=asset)
    if service is None:
        return "has an address that Apprise does not understand"
    service.logger = log = _StatusLog("apprise")
    # Not through `Apprise.notify`: that sends in another thread (2.3), which may outlive this one.
    if service.notify(parcel.text, title=parcel.title, body_format=apprise.NotifyFormat.TEXT):
        return None
    if log.status is not None:
        return f"did not take the message: its server answered {log.status}"
    return "did not take the message, or could not be reached"


def _silence() -> None:
    """Keep Apprise's own log from being printed: it may quote addresses."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # without any handler, Python prints warnings


class _StatusLog(logging.Logger):
    """Takes the HTTP status from what one service logs, and prints nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.status: int | None = None

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 the name is of `logging`
        return level >= logging.WARNING

    def handle(self, record: logging.LogRecord) -> None:
        match = _STATUS.search(record.getMessage())
        if match is not None:
            self.status = int(match[1])
