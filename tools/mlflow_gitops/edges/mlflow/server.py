"""Speaking with an MLflow server that may be dead, silent, slow, or not willing: what went wrong,
in words, and the way out.

MLflow's own client retries every request, writes included, for over four minutes before it says
that a server is dead (3.17, default settings). Here reads are retried briefly by that client;
writes never are: after a failed write the state is read back, and what is still to be done is
decided from it (DESIGN §6).
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from mlflow_gitops.edges.system.redaction import hide
from mlflow_gitops.edges.system.redaction import without_credentials as without_credentials
from mlflow_gitops.errors import RegistryFailure

T = TypeVar("T")

PATIENCE = 6.0
"""Seconds until a request without an answer makes us ask whether the server lives."""

PROBE = 4.0
"""Seconds that a living server has to say anything at all."""

SILENCE = 30.0
"""Seconds for which a server that was given up is not asked again: a run over many models must not
wait for it at each."""

LOCKED = (
    "the SQLite database is locked by another process. Wait for it to finish, then run this again."
)

_HIDDEN = ", made this moment, or hidden from these credentials, which then lack READ on it."
"""A server with permissions leaves out of its answers what one may not read (MLflow's basic-auth
app, 3.17)."""

_READ_RETRIES = "2"
_BACKOFF = "1"  # seconds before the first retry, twice as many before the second
_STATUS = re.compile(
    r"failed with error code (\d{3})|too many (\d{3}) error responses", re.IGNORECASE
)
_PERMISSION = {
    "delete_registered_model_alias": "MANAGE (EDIT is not enough to remove an alias)",
    "delete_model_version": "MANAGE (EDIT is not enough to delete a version)",
    "create_registered_model": "the right to create registered models",
    "search_registered_models": "READ",
    "search_model_versions": "READ",
    "get_registered_model": "READ",
    "get_run": "READ on the experiment",
}

_WAYS = {
    "credentials": (
        "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
    ),
    "where": "Is it running? Name the registry with --tracking-uri or MLFLOW_TRACKING_URI.",
    "later": "Try again in a while; nothing is lost, the next run goes on from what MLflow holds.",
}


def read_settings() -> None:
    """Let MLflow's client retry, briefly, honouring Retry-After: for the phase in which nothing is
    written."""
    _settings(_READ_RETRIES)


def write_settings() -> None:
    """Let MLflow's client send each request once: for the phase in which things are written."""
    _settings("0")


def _settings(retries: str) -> None:
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = retries
    os.environ["MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR"] = _BACKOFF


class Server:
    """The far side of a registry: a server behind HTTP, or a store opened directly."""

    def __init__(self, uri: str, say: Callable[[str], None] = lambda text: None) -> None:
        self.shown = without_credentials(uri)
        self.http = uri.startswith(("http://", "https://"))
        self._uri = uri
        self._say = say
        self._told_slow = False
        self._given_up = 0.0

    def ask(self, call: Callable[..., T], *args: Any, **options: Any) -> T:
        """Make one call through MLflow's client; raise RegistryFailure for whatever goes wrong, in
        time.

        A server that answers nothing is given up after PATIENCE + PROBE seconds; one that lives and
        is slow is waited for, as long as MLFLOW_HTTP_REQUEST_TIMEOUT allows.
        """
        try:
            return self._watched(call, args, options) if self.http else call(*args, **options)
        except (RegistryFailure, KeyboardInterrupt):
            raise
        except (
            Exception
        ) as error:  # MLflow lets through what its stores, drivers and transports raise
            said = hide(self.explain(error, getattr(call, "__name__", "")), self._uri)
            passing = any(way in said for way in (_WAYS["later"], LOCKED, _HIDDEN))
            raise RegistryFailure(said, transient=passing) from error

    def find(self, get: Callable[[str], T], key: str) -> T | None:
        """What `get` finds; None where MLflow says that there is no such thing."""
        try:
            return self.ask(get, key)
        except RegistryFailure as error:
            if getattr(error.__cause__, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def explain(self, error: BaseException, doing: str = "") -> str:
        """What an exception from MLflow's client means to a person, the server's name first."""
        chain = [type(one).__name__ for one in _chain(error)]
        text = str(getattr(error, "message", None) or error)
        found = _STATUS.search(text)
        status = int(found.group(1) or found.group(2)) if found else _status(error)
        server = self.shown
        if (
            doing == "create_registered_model"
            and getattr(error, "error_code", "") == "RESOURCE_ALREADY_EXISTS"
        ):
            return f"{server} has a model of that name already{_HIDDEN}"
        if not self.http:
            return f"{server}: {_said(text, error)}"
        if (
            "SSLError" in chain
            or "SSLCertVerificationError" in chain
            or "CERTIFICATE_VERIFY_FAILED" in text
        ):
            return (
                f"{server}: its TLS certificate is not trusted here ({_reason(text)}). "
                "Name the authority's certificate in MLFLOW_TRACKING_SERVER_CERT_PATH."
            )
        if "Timeout" in "".join(chain) or "timeout exception" in text or "Read timed out" in text:
            return f"{server} did not answer in time. {_WAYS['later']}"
        if (
            "NameResolutionError" in text
            or "Name or service not known" in text
            or "nodename nor servname" in text
        ):
            return f"{server}: no host of that name is known. {_WAYS['where']}"
        if "Connection refused" in text:
            return f"{server} refuses connections. {_WAYS['where']}"
        if status == 401:
            return f"{server} does not accept these credentials (401). {_WAYS['credentials']}"
        if status == 403:
            needs = _PERMISSION.get(doing, "EDIT on this model")
            return (
                f"{server} forbids this (403): these credentials lack {needs}. Ask MLflow's"
                " administrator for it."
            )
        if status == 429:
            return f"{server} asks to slow down (429). {_WAYS['later']}"
        if status is not None and status >= 500:
            return f"{server} failed ({status}): {_reason(text)}. {_WAYS['later']}"
        if (
            "not in a valid JSON format" in text
            or "<html" in text.lower()
            or "TooManyRedirects" in chain
        ):
            return (
                f"{server} answers with something that is not MLflow's, a login page perhaps. "
                f"Check the address and the credentials. {_WAYS['credentials']}"
            )
        if "Connection" in "".join(chain) or "Connection" in text:
            return f"The connection to {server} broke: {_reason(text)}. {_WAYS['later']}"
        return f"{server}: {_said(text, error)}"

    def _watched(self, call: Callable[..., T], args: tuple[Any, ...], options: dict[str, Any]) -> T:
        """Run a call beside a watch. The thread is a daemon: a request that never ends must not
        keep the process."""
        silent = RegistryFailure(
            f"{self.shown} did not answer within {PATIENCE + PROBE:.0f} seconds. {_WAYS['where']}"
        )
        if self._given_up and time.monotonic() - self._given_up < SILENCE:
            raise silent
        box: list[T] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                box.append(call(*args, **options))
            except BaseException as error:  # handed to the caller below
                failed.append(error)

        worker = threading.Thread(target=run, daemon=True)
        worker.start()
        worker.join(PATIENCE)
        while worker.is_alive():
            if not self._lives() and worker.is_alive():
                self._given_up = time.monotonic()
                raise silent
            if not self._told_slow:
                self._told_slow = True
                self._say(f"{self.shown} is slow to answer; waiting")
            worker.join(PATIENCE)
        if failed:
            raise failed[0]
        return box[0]

    def _lives(self) -> bool:
        """Whether the server says anything at all. `/health` is MLflow's own; any answer to it will
        do."""
        import requests

        parts = urlsplit(self._uri)
        address = urlunsplit(
            (
                parts.scheme,
                parts.netloc.rpartition("@")[2],
                parts.path.rstrip("/") + "/health",
                "",
                "",
            )
        )
        try:
            requests.get(
                address, timeout=PROBE, allow_redirects=False, verify=False
            )  # nothing is sent or read
        except requests.exceptions.RequestException:
            return False
        return True


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _status(error: BaseException) -> int | None:
    """The HTTP status of an error that a server sent as JSON; 200s and client errors of meaning are
    no status."""
    get = getattr(error, "get_http_status_code", None)
    name = getattr(error, "error_code", "")
    if get is None or type(error).__name__ != "RestException":
        return None
    code = int(get())
    # MLflow sends INTERNAL_ERROR for what it does not know better; its words then matter more than
    # the number.
    return (
        code
        if code in (401, 403, 429) or (code >= 500 and name == "TEMPORARILY_UNAVAILABLE")
        else None
    )


def _reason(text: str) -> str:
    """The innermost explanation in requests' nested messages."""
    inner = re.findall(r"(?:\[[^\]]*\] |: )([A-Za-z][^:()'\"\[\]<>]{8,120})", text)
    return (inner[-1] if inner else text)[:160].rstrip(". ")


def _said(text: str, error: BaseException) -> str:
    if "database is locked" in text:
        return LOCKED
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    first = first.partition("[SQL:")[0].strip()
    return first if len(first) <= 400 else first[:397] + "..."
