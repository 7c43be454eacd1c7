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
from mlflow_gitops.edges.mlflow.stores import is_remote
from mlflow_gitops.edges.system.http_answers import answers_up_to
from mlflow_gitops.edges.system.redaction import redact, without_credentials
from mlflow_gitops.errors import RegistryFailure
from mlflow_gitops.settings import DEFAULT_PATIENCE, Patience

T = TypeVar("T")

MAX_ANSWER = 32 << 20
"""The largest answer of a server that is read, in bytes. A version in a list takes about 1,000."""

_READ_RETRIES = "2"


def read_settings(backoff: int = 1) -> None:
    """Let MLflow's client retry briefly, honouring Retry-After: while nothing is written yet.
    `backoff` is the pause before the first retry, in seconds; before the second it is doubled."""
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = _READ_RETRIES
    os.environ["MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR"] = str(backoff)


def write_settings() -> None:
    """Let MLflow's client send each request once: from the first write on."""
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"


class Server:
    """The far side of a registry: a server behind HTTP, or a store that is opened directly. `warn`
    gets one line if the server turns out to be slow; `patience` says how long to wait for it."""

    def __init__(
        self,
        uri: str,
        warn: Callable[[str], None] = lambda text: None,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        self.shown = without_credentials(uri)
        self.http = uri.startswith(("http://", "https://"))
        self.has_prompts = not uri.startswith(("databricks", "uc:"))
        """Whether MLflow's client takes this for a registry that keeps prompts among its models:
        then it asks for models in a way of its own (`listing.MODELS`)."""
        self._uri = uri
        self._warn = warn
        self._patience = patience
        self._is_remote = is_remote(uri)
        self._has_answered = False
        self._warned_slow = False
        self._given_up_at: float | None = None

    def ask(self, call: Callable[..., T], *args: Any, **options: Any) -> T:
        """Make one call through MLflow's client. Raises RegistryFailure for everything that can go
        wrong, in time.

        A server that does not answer at all is given up after `answer` + `probe` seconds (see
        Patience). One that is alive but slow is waited for, as long as MLFLOW_HTTP_REQUEST_TIMEOUT
        allows.
        """
        try:
            if self.http:
                return self._call_in_time(call, args, options)
            if self._is_remote and not self._has_answered and not isinstance(call, type):
                return self._first_answer(call, args, options)
            return call(*args, **options)
        except (RegistryFailure, KeyboardInterrupt):
            raise
        except Exception as error:  # MLflow passes on what its stores, drivers, transports raise
            raise self.explain(error, getattr(call, "__name__", "")) from error

    def report(self, text: str) -> None:
        """Tell the user about this server."""
        self._warn(text)

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
        given_up = self._patience.given_up
        if self._given_up_at is not None and time.monotonic() - self._given_up_at < given_up:
            raise self._no_answer()

        results: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                with answers_up_to(MAX_ANSWER):
                    results.append(call(*args, **options))
            except BaseException as error:  # raised again below, in the calling thread
                errors.append(error)

        worker = threading.Thread(target=run, daemon=True)
        worker.start()
        worker.join(self._patience.answer)

        while worker.is_alive():
            if not self._is_alive() and worker.is_alive():
                self._given_up_at = time.monotonic()
                raise self._no_answer()
            if not self._warned_slow:
                self._warned_slow = True
                self._warn(f"{self.shown} is slow to answer; waiting")
            worker.join(self._patience.answer)

        if errors:
            raise errors[0]
        return results[0]

    def _first_answer(
        self, call: Callable[..., T], args: tuple[Any, ...], options: dict[str, Any]
    ) -> T:
        """Run a call to what MLflow or a plug-in reaches in its own way, such as Databricks. Until
        it has answered once, it is given up as a server is; its client may retry for minutes."""
        results: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                results.append(call(*args, **options))
            except BaseException as error:  # raised again below, in the calling thread
                errors.append(error)

        worker = threading.Thread(target=run, daemon=True)
        worker.start()
        worker.join(self._patience.answer + self._patience.probe)
        if errors:
            raise errors[0]
        if not results:
            raise self._no_answer()
        self._has_answered = True
        return results[0]

    def _no_answer(self) -> RegistryFailure:
        seconds = f"{self._patience.answer + self._patience.probe:.0f}"
        return RegistryFailure(
            f"{self.shown} did not answer within {seconds} seconds.", fix=CHECK_ADDRESS
        )

    def _is_alive(self) -> bool:
        """Whether the server answers anything in time. MLflow has `/health`, but any
        answer to it will do, an error too."""
        import requests

        parts = urlsplit(self._uri)
        host = parts.netloc.rpartition("@")[2]
        path = parts.path.rstrip("/") + "/health"
        address = urlunsplit((parts.scheme, host, path, "", ""))
        try:
            # No certificate check: nothing secret is sent, and the answer is not read.
            probe = self._patience.probe
            requests.get(address, timeout=probe, allow_redirects=False, verify=False)
        except requests.exceptions.RequestException:
            return False
        return True
