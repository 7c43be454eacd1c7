"""Whether a delivery comes from an MLflow that has the secret, and comes now for the first time.

MLflow signs `<delivery id>.<timestamp>.<body>` with HMAC-SHA256, and sends the same headers again
when it retries (mlflow/webhooks/delivery.py, seen in MLflow 3.17).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

WINDOW = 300
"""Seconds by which the sender's clock may differ, the delivery's way included."""

MOST_REMEMBERED = 100_000
"""Delivery ids, of about 100 bytes each. Only deliveries with a right signature are remembered."""

_ID = re.compile(r"[0-9a-fA-F-]{36}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=")


@dataclass(frozen=True, slots=True)
class Delivery:
    """The headers of one delivery, as they were sent."""

    id: str
    timestamp: str
    signature: str

    @classmethod
    def from_headers(cls, environ: Mapping[str, Any]) -> Delivery | None:
        """The delivery of a WSGI request; None if a header is missing or is not as MLflow writes
        it. A strict form keeps the parts of what is signed apart."""
        delivery_id = environ.get("HTTP_X_MLFLOW_DELIVERY_ID", "")
        timestamp = environ.get("HTTP_X_MLFLOW_TIMESTAMP", "")
        signature = environ.get("HTTP_X_MLFLOW_SIGNATURE", "")
        is_well_formed = (
            _ID.fullmatch(delivery_id)
            and _TIMESTAMP.fullmatch(timestamp)
            and _SIGNATURE.fullmatch(signature)
        )
        return cls(delivery_id, timestamp, signature) if is_well_formed else None


class Deliveries:
    """The deliveries that were taken. `clock` is in seconds since 1970. Several threads use it."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret.encode("utf-8")
        self._clock = clock
        self._began = int(clock())
        self._taken: dict[str, int] = {}
        self._lock = threading.Lock()

    def is_timely(self, delivery: Delivery) -> bool:
        """Whether a delivery was signed within the window, and since this process began: it does
        not remember what another process took before."""
        signed_at, now = int(delivery.timestamp), self._clock()
        return max(now - WINDOW, self._began) <= signed_at <= now + WINDOW

    def is_signed(self, delivery: Delivery, body: bytes) -> bool:
        """Whether the delivery was signed with the secret."""
        signed = f"{delivery.id}.{delivery.timestamp}.".encode() + body
        digest = hmac.new(self._secret, signed, hashlib.sha256).digest()
        signature = "v1," + base64.b64encode(digest).decode("ascii")
        return hmac.compare_digest(signature, delivery.signature)

    def remember(self, delivery: Delivery) -> bool:
        """Remember a delivery. False if it was taken before. Raises OverflowError if no more can be
        remembered now."""
        with self._lock:
            if delivery.id in self._taken:
                return False
            if len(self._taken) >= MOST_REMEMBERED:
                self._forget_stale()
            if len(self._taken) >= MOST_REMEMBERED:
                raise OverflowError
            self._taken[delivery.id] = int(delivery.timestamp)
            return True

    def _forget_stale(self) -> None:
        oldest = self._clock() - WINDOW
        self._taken = {name: at for name, at in self._taken.items() if at >= oldest}
