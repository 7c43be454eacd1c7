"""What a gate is told, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mlflow_gitops.core.gates.verdict import GateStatus
from mlflow_gitops.core.history.approvals import Approvals
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import OriginPin, copied_tags
from mlflow_gitops.core.observed.model import HELD_PREFIX, ObservedModel, ObservedVersion
from mlflow_gitops.core.observed.recorded import ModelFile, Record
from mlflow_gitops.core.times import parse_time


@dataclass(frozen=True, slots=True)
class Finding:
    """What a gate says: a status and the numbers behind it. `until` (RFC 3339) and `needs` tell
    what it waits for."""

    status: GateStatus
    detail: str
    until: str | None = None
    needs: str | None = None


def passed(detail: str) -> Finding:
    return Finding("passed", detail)


def failed(detail: str) -> Finding:
    return Finding("failed", detail)


@dataclass(frozen=True, slots=True)
class Subject:
    """One entry, with all that may be asked about it.

    `seen` is the model as MLflow shows it, `spec` the manifest's pin of the version. `holder` gives
    the version that held a stage before, by git's base or, without one, by MLflow: the highest
    number is the one served. `read` and `read_file` give what MLflow recorded of a version; both
    raise Unreadable, and return None where there is nothing. `approvals` gives what GitHub knows of
    the making commit's approvals, or None where nobody can be asked, and raises Unreadable;
    `claims` what its messages say of them. `merged` says whether that commit is on the main line.
    `now` is RFC 3339 in UTC.
    """

    model: str
    entry: Entry
    seen: ObservedModel
    spec: VersionSpec | None
    holder: Callable[[str], int | None]
    read: Callable[[ObservedVersion], Record | None]
    read_file: Callable[[ObservedVersion], ModelFile | None]
    approvals: Callable[[], Approvals | None]
    merged: bool
    now: str
    claims: Callable[[], Approvals] = Approvals
    origin: Callable[[OriginPin], ObservedVersion | None] = lambda pin: None

    @property
    def number(self) -> int:
        return self.entry.version

    @property
    def version(self) -> ObservedVersion:
        """The version as MLflow shows it. One that the manifest shall register is known by its pin
        alone."""
        if (found := self.seen.versions.get(self.number)) is not None:
            return found
        spec = self.spec or VersionSpec()
        return unregistered(self.number, spec)

    def tags(self) -> Mapping[str, str]:
        """The version's tags in MLflow; of one that is still to be copied, those that it will have.
        Raises Unreadable."""
        if (pin := self.version.origin) is None:
            return self.version.tags
        found = self.origin(pin)
        return copied_tags(found.tags) if found is not None else {}

    def held(self, stage: str) -> datetime | None:
        """When a reconcile last put the version into a stage, by its stamp; None if none ever did."""
        sha, _, at = self.version.tags.get(HELD_PREFIX + stage, "").partition("@")
        try:
            return parse_time(at) if sha else None
        except ValueError:
            return None


def unregistered(number: int, spec: VersionSpec) -> ObservedVersion:
    """A version that MLflow does not have yet, as its pin tells of it."""
    if (
        spec.origin is not None
    ):  # nothing of it is here; what is to be known is asked of where it is
        return ObservedVersion(number, status="", origin=spec.origin)
    return ObservedVersion(
        number, run_id=spec.run_id, source=spec.source, model_id=spec.model_id, status=""
    )


Gate = Callable[[Subject, Any], "Finding | Iterable[Finding]"]
"""A gate. `settings` are the policy's, as its YAML says them."""


def span(length: timedelta) -> str:
    """A length of time as a person says it: `3 days`, `5 h`, `40 min`, `12 s`."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds >= 2 * 86400:
        return f"{seconds // 86400} days"
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
