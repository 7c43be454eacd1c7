"""Asks Prometheus' HTTP API (`/api/v1/query`, `/api/v1/query_range`), through `requests`.

Redirects are not followed: the credentials would go with them, or another server would answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.health.values import NoValue, TimedValue
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.edges.prometheus.access import Access
from mlflow_gitops.edges.prometheus.answer import one_number, one_series, read_data
from mlflow_gitops.edges.system.http_answers import AnswerTooLarge, answers_up_to
from mlflow_gitops.edges.system.redaction import redact, without_credentials

if TYPE_CHECKING:
    import requests

MAX_ANSWER = 4 << 20
"""The largest answer that is read, in bytes. A hundred looks take a few thousand."""


class PrometheusClient:
    """One Prometheus. Methods raise NoValue if it gives no number.

    A server that gave no answer is not asked again for `given_up` seconds: many models have checks,
    and none of them shall wait for it once more.
    """

    def __init__(self, access: Access, patience: float = 10.0, given_up: float = 30.0) -> None:
        self._access = access
        self._patience = patience
        self._given_up = given_up
        self._fault: tuple[float, str] | None = None
        self.shown = without_credentials(access.address)

    def query(self, query: str, at: datetime) -> float:
        """The one number that a query has at a moment."""
        moment = format_datetime(at, "milliseconds")
        return one_number(self._get("query", {"query": query, "time": moment}))

    def query_range(
        self, query: str, first: datetime, last: datetime, step: timedelta
    ) -> Sequence[TimedValue]:
        """The numbers of the one series of a query at each step."""
        span = {"start": format_datetime(first), "end": format_datetime(last)}
        seconds = f"{step.total_seconds():.0f}s"
        return one_series(self._get("query_range", {"query": query, **span, "step": seconds}))

    def _get(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        if self._fault is not None and time.monotonic() < self._fault[0]:
            raise NoValue(self._fault[1])

        import requests  # takes a tenth of a second, and few policies have checks

        try:
            with answers_up_to(MAX_ANSWER, self._patience * 2):
                response = requests.get(
                    f"{self._access.address}/api/v1/{path}",
                    params=parameters,
                    headers={"Accept": "application/json"},
                    auth=_Credentials(self._access),
                    timeout=self._patience,
                    allow_redirects=False,
                )
                status = response.status_code
                text = response.content.decode("utf-8", "replace")
        except AnswerTooLarge as error:
            raise NoValue(f"Prometheus {error}") from None
        except (requests.RequestException, OSError, ValueError) as error:
            raise self._no_answer(error) from None

        if 300 <= status < 400:
            raise NoValue(f"{self.shown} redirects to another address, which is not asked")
        if status in (401, 403):
            raise NoValue(f"{self.shown} refuses the credentials (status {status})")
        try:
            return read_data(status, text)
        except NoValue as fault:  # what a server writes may repeat the credentials
            raise NoValue(redact(str(fault))) from None

    def _no_answer(self, error: Exception) -> NoValue:
        import requests

        reason = type(error).__name__
        if isinstance(error, requests.Timeout):
            reason = f"nothing came within {self._patience:.0f} s"
        elif isinstance(error, requests.exceptions.SSLError):
            reason = "its certificate is not trusted"
        elif isinstance(error, requests.ConnectionError):
            reason = "the connection failed"
        fault = redact(f"Prometheus at {self.shown} gives no answer: {reason}")
        self._fault = time.monotonic() + self._given_up, fault
        return NoValue(fault)


class _Credentials:
    """Adds the credentials, and keeps `requests` from taking others out of a `.netrc`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        from requests.auth import HTTPBasicAuth

        access = self._access
        if access.token is not None:
            request.headers["Authorization"] = f"Bearer {access.token}"
        elif access.user is not None and access.password is not None:
            user, password = access.user.encode(), access.password.encode()
            HTTPBasicAuth(user, password)(request)
        return request
