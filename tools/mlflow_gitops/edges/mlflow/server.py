"""Calls to an MLflow server that may be down, hanging, slow, or refusing requests.

MLflow's own client retries every request, writes included, for over four minutes before it reports
a server that is down (3.17, default settings). Here that client retries reads briefly and writes
never: after a failed write the state is read back, and what is left to do is decided from it
(DESIGN §6).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from mlflow_gitops.edges.mlflow.server_errors import CHECK_ADDRESS, NOT_FOUND, explain
from mlflow_gitops.edges.system.redaction import redact, without_credentials
from mlflow_gitops.errors import RegistryFailure

T = TypeVar("T")

PATIENCE = 6.0
"""Seconds that a request may take before the server is probed for being alive."""

PROBE = 4.0
"""Seconds within which a server that is alive answers anything at all."""

SILENCE = 30.0
"""Seconds for which no request is sent to a server that was given up: a run over many models must
not wait for it once for each model."""

_READ_RETRIES = "2"
_BACKOFF = "1"
"""Seconds before the first retry; twice as many before the second."""


def read_settings() -> None:
    """Let MLflow's client retry briefly, honouring Retry-After: while nothing is written yet."""
    _set_retries(_READ_RETRIES)


def write_settings() -> None:
    """Let MLflow's client send each request once: from the first write on."""
    _set_retries("0")


def _set_retries(retries: str) -> None:
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = retries
    os.environ["MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR"] = _BACKOFF


class Server:
    """The far side of a registry: a server behind HTTP, or a store that is opened directly. `warn`
    gets one line if the server turns out to be slow."""

    def __init__(self, uri: str, warn: Callable[[str], None] = lambda text: None) -> None:
        self.shown = without_credentials(uri)
        self.http = uri.startswith(("http://", "https://"))
        self._uri = uri
        self._warn = warn
        self._warned_slow = False
        self._given_up_at: float | None = None

    def ask(self, call: Callable[..., T], *args: Any, **options: Any) -> T:
        """Make one call through MLflow's client. Raises RegistryFailure for everything that can go
        wrong, in time.

        A server that does not answer at all is given up after PATIENCE + PROBE seconds. One that is
        alive but slow is waited for, as long as MLFLOW_HTTP_REQUEST_TIMEOUT allows.
        """
        try:
            if self.http:
                return self._call_in_time(call, args, options)
            return call(*args, **options)
        except (RegistryFailure, KeyboardInterrupt):
            raise
        except Exception as error:  # MLflow passes on what its stores, drivers, transports raise
            raise self.explain(error, getattr(call, "__name__", "")) from error

    def find(self, get: Callable[[str], T], key: str) -> T | None:
        """What `get` returns; None if MLflow has no such thing."""
        try:
            return self.ask(get, key)
        except RegistryFailure as failure:
            if failure.code == NOT_FOUND:
                return None
            raise

    def explain(self, error: BaseException, call: str = "") -> RegistryFailure:
        """The failure that an exception from MLflow's client stands for, without credentials."""
        failure = explain(error, self.shown, over_http=self.http, call=call)
        return RegistryFailure(
            redact(failure.message, self._uri),
            fix=failure.fix,
            transient=failure.transient,
            code=failure.code,
        )

    def _call_in_time(
        self, call: Callable[..., T], args: tuple[Any, ...], options: dict[str, Any]
    ) -> T:
        """Run a call in a thread and check meanwhile that the server is alive. The thread is a
        daemon, so that a request that never ends does not keep the process from exiting."""
        if self._given_up_at is not None and time.monotonic() - self._given_up_at < SILENCE:
            raise self._no_answer()

        results: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                results.append(call(*args, **options))
            except BaseException as error:  # raised again below, in the calling thread
                errors.append(error)

        worker = threading.Thread(target=run, daemon=True)
        worker.start()
        worker.join(PATIENCE)

        while worker.is_alive():
            if not self._is_alive() and worker.is_alive():
                self._given_up_at = time.monotonic()
                raise self._no_answer()
            if not self._warned_slow:
                self._warned_slow = True
                self._warn(f"{self.shown} is slow to answer; waiting")
            worker.join(PATIENCE)

        if errors:
            raise errors[0]
        return results[0]

    def _no_answer(self) -> RegistryFailure:
        seconds = f"{PATIENCE + PROBE:.0f}"
        return RegistryFailure(
            f"{self.shown} did not answer within {seconds} seconds.", fix=CHECK_ADDRESS
        )

    def _is_alive(self) -> bool:
        """Whether the server answers anything within PROBE seconds. MLflow has `/health`, but any
        answer to it will do, an error too."""
        import requests

        parts = urlsplit(self._uri)
        host = parts.netloc.rpartition("@")[2]
        path = parts.path.rstrip("/") + "/health"
        address = urlunsplit((parts.scheme, host, path, "", ""))
        try:
            # No certificate check: nothing secret is sent, and the answer is not read.
            requests.get(address, timeout=PROBE, allow_redirects=False, verify=False)
        except requests.exceptions.RequestException:
            return False
        return True
