"""When the version of an entry held which stage: by git, by MLflow, and by receipts (RULES R3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.history.tenures import Tenure, was_declared
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.times import parse_time

if TYPE_CHECKING:
    from mlflow_gitops.core.verdicts.evidence import Evidence


@dataclass(frozen=True, slots=True)
class EntryTenures:
    """The tenures of one entry's version. The fields are those of `EntrySubject`."""

    entry: Entry
    history: ModelHistory
    observed: ObservedModel
    evidence: Evidence

    def of(self, stage: str) -> Tenure | None:
        """The last time in which the version held a stage, by receipts of reconciles before the
        making commit."""
        return self._tenure(stage, self.entry.making_commit)

    def _tenure(self, stage: str, before: Commit | None = None) -> Tenure | None:
        """The last tenure of the version that MLflow has under this number now."""
        version = self.observed.versions.get(self.entry.version)
        reconciles = self.evidence.reconciles(self.observed.name)
        possible = reconciles.since(version.created if version else None, self.observed.created)
        return possible.tenures(self.history.all_points, stage, before).get(self.entry.version)

    @property
    def is_rollback(self) -> bool:
        """Whether receipts say that the version held this stage before and was not rolled back
        since (RULES R3)."""
        tenure = self.earlier
        return tenure is not None and not tenure.is_rolled_back

    @property
    def is_declared_before(self) -> bool:
        """Whether the main line had the version in this stage once before."""
        return self._place is not None

    @property
    def earlier(self) -> Tenure | None:
        """The last time in which the version held this stage, by receipts."""
        # Receipts are only read if git makes it possible that the version held the stage.
        return self.of(self._place) if self._place is not None else None

    @property
    def _place(self) -> str | None:
        """The stage that git had the version in once before; for an alias, else the alias as
        `@alias`. None if git had it in neither."""
        entry = self.entry
        places = [entry.stage]
        if entry.kind == "alias" and entry.alias is not None:
            places.append(f"@{entry.alias}")
        points = self.history.all_points
        for place in places:
            if was_declared(points, place, entry.version, entry.making_commit):
                return place
        return None

    @property
    def holds_stage(self) -> bool:
        """Whether only an alias comes to the version, and it was in the stage already: what that
        stage's gates ask was asked when it came there."""
        return self.entry.kind == "alias" and self.entry.stage in self.entry.stays

    @property
    def is_adopted(self) -> bool:
        """Whether MLflow showed the version in the stage before the first reconcile, and the commit
        that first declared the model accepts that; or, if a known model is adopted anew, receipts
        say that a reconcile put it there (RULES R3)."""
        if self.history.base_state != "none" or not self._is_shown:
            return False
        first, made = self.history.points[0].commit, self.entry.making_commit
        if made is None or (first is not None and first.sha == made.sha):
            return True

        tenure = self._tenure(self.entry.stage)
        return tenure is not None and tenure.ended is None

    def in_stage_since(self, stage: str) -> datetime | None:
        """When the present unbroken stay in a stage began, as in `core.gates.Subject`."""
        tenure = self.of(stage)
        if tenure is None or tenure.ended is not None or stage not in self.entry.stays:
            return None
        reconciled = parse_time(tenure.reconciled_at)
        merge = self.entry.stays[stage]
        # The reconcile of this very commit was not before its merge, whatever its date says.
        if merge is None or (tenure.began is not None and tenure.began.sha == merge.sha):
            return reconciled
        return max(reconciled, parse_time(merge.at))

    def holders_in_mlflow(self, stage: str) -> tuple[int, ...]:
        """The versions that MLflow shows in a stage, or behind the alias of a team's own stage."""
        target = self.history.target
        rule = target.policy.stages.get(stage) if target else None
        if rule is None or rule.native:
            return self.observed.holders(stage)
        number = self.observed.aliases.get(rule.alias or "")
        return (number,) if number is not None else ()

    @property
    def _is_shown(self) -> bool:
        """Whether MLflow shows the version in the stage, or behind the alias, already."""
        if self.entry.kind == "alias":
            return self.observed.aliases.get(self.entry.alias or "") == self.entry.version
        return self.entry.version in self.holders_in_mlflow(self.entry.stage)
