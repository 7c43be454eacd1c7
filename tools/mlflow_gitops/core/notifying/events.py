"""What people can be notified of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

EventKind = Literal[
    "approval_needed",
    "refused",
    "applied",
    "drift",
    "rolled_back",
    "unhealthy",
    "reconciler_late",
]

KINDS: tuple[EventKind, ...] = get_args(EventKind)

HEADINGS: Mapping[EventKind, str] = {
    "approval_needed": "waiting for approval",
    "refused": "refused",
    "applied": "applied",
    "drift": "drift",
    "rolled_back": "rolled back",
    "unhealthy": "unhealthy",
    "reconciler_late": "reconciler not running",
}
"""What a message calls each kind."""


@dataclass(frozen=True, slots=True)
class NotifyEvent:
    """One thing that happened, or that began to be so.

    `model` is None for what belongs to no model: the whole run is refused, the reconciler does not
    run. `detail` is for people: what happened, in one sentence without a full stop; texts of others
    may be in it. `owners` are those of the manifest, or the policy's. `url` is a page of the forge
    about it. `identity` is what makes it one thing beside kind, model, stage and version: two
    events with the same `key` are one, and are reported once.
    """

    kind: EventKind
    detail: str
    model: str | None = None
    stage: str | None = None
    version: int | None = None
    owners: tuple[str, ...] = ()
    identity: str = ""
    url: str | None = None

    @property
    def key(self) -> str:
        """16 hexadecimal digits that are the same for the same thing."""
        parts = (self.kind, self.model, self.stage, self.version, self.identity)
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
