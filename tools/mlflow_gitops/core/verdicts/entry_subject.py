"""A gate's subject, made of an entry in git, the model in MLflow and the evidence about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mlflow_gitops.core.gates.approvals import Approvals, Reviewed
from mlflow_gitops.core.gates.subject import Version
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.history.tenures import Tenure, was_declared
from mlflow_gitops.core.manifests.desired import Field
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import copied_tags
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.values import ModelFile, Record
from mlflow_gitops.core.times import parse_time
from mlflow_gitops.core.verdicts.approved_entry import reviewed_difference
from mlflow_gitops.core.verdicts.evidence import Evidence


@dataclass(frozen=True, slots=True)
class EntrySubject:
    """One entry as gates see it; the methods are those of `core.gates.Subject`.

    `history` is the model's history in git, whose target must be there; `observed` is the model as
    MLflow shows it; `now` is RFC 3339 in UTC.
    """

    entry: Entry
    history: ModelHistory
    observed: ObservedModel
    evidence: Evidence
    now: str

    @property
    def model(self) -> str:
        return self.observed.name

    @property
    def stage(self) -> str:
        return self.entry.stage

    @property
    def number(self) -> int:
        return self.entry.version

    @property
    def spec(self) -> VersionSpec | None:
        """What the manifest declares for the version under `versions:`."""
        target = self.history.target
        return target.manifest.versions.get(self.number) if target else None

    @property
    def version(self) -> ObservedVersion:
        """The version as MLflow shows it, or as its pin describes it if MLflow does not have it."""
        observed = self.observed.versions.get(self.number)
        if observed is not None:
            return observed
        return unregistered(self.number, self.spec or VersionSpec())

    @property
    def is_registered(self) -> bool:
        return self.number in self.observed.versions

    @property
    def is_prompt(self) -> bool:
        return self.observed.is_prompt

    @property
    def is_pinned(self) -> bool:
        spec = self.spec
        if spec is None:
            return False
        return bool(spec.run_id or spec.source or spec.model_id or spec.digest or spec.origin)

    @property
    def is_rollback(self) -> bool:
        """Whether receipts say that the version held this stage before and was not rolled back
        since (RULES R3)."""
        tenure = self.earlier_tenure
        return tenure is not None and not tenure.is_rolled_back

    @property
    def is_declared_before(self) -> bool:
        """Whether the main line had the version in this stage once before."""
        return was_declared(
            self.history.all_points, self.stage, self.number, self.entry.making_commit
        )

    @property
    def earlier_tenure(self) -> Tenure | None:
        """The last time in which the version held this stage, by receipts."""
        # Receipts are only read if git makes it possible that the version held the stage.
        return self._tenure(self.stage) if self.is_declared_before else None

    @property
    def is_shown(self) -> bool:
        """Whether MLflow shows the version in the stage, or behind the alias, already."""
        if self.entry.kind == "alias":
            return self.observed.aliases.get(self.entry.alias or "") == self.number
        return self.number in self._holders_in_mlflow(self.stage)

    @property
    def is_adopted(self) -> bool:
        """Whether MLflow showed the version in the stage before the first reconcile, and the commit
        that first declared the model accepts that; or, if a known model is adopted anew, receipts
        say that a reconcile put it there (RULES R3)."""
        if self.history.base_state != "none" or not self.is_shown:
            return False
        first, made = self.history.points[0].commit, self.entry.making_commit
        if made is None or (first is not None and first.sha == made.sha):
            return True

        reconciles = self.evidence.reconciles(self.model)
        tenure = reconciles.tenures(self.history.all_points, self.stage).get(self.number)
        return tenure is not None and tenure.ended is None

    @property
    def copied_from(self) -> str | None:
        origin = self.version.origin
        return origin.label if origin is not None else None

    @property
    def making_commit(self) -> str | None:
        return self.entry.making_commit.sha if self.entry.making_commit is not None else None

    @property
    def is_merged(self) -> bool:
        return self.entry.making_commit is not None and self.evidence.is_merged(
            self.entry.making_commit
        )

    def was_in(self, stage: str) -> bool:
        return stage in self.entry.stays

    def in_stage_since(self, stage: str) -> datetime | None:
        tenure = self._tenure(stage)
        if tenure is None or tenure.ended is not None or not self.was_in(stage):
            return None
        reconciled = parse_time(tenure.reconciled_at)
        merge = self.entry.stays[stage]
        # The reconcile of this very commit was not before its merge, whatever its date says.
        if merge is None or (tenure.began is not None and tenure.began.sha == merge.sha):
            return reconciled
        return max(reconciled, parse_time(merge.at))

    def held(self, stage: str) -> datetime | None:
        tenure = self._tenure(stage)
        return parse_time(tenure.reconciled_at) if tenure and not tenure.ended else None

    def receipts_hint(self) -> str | None:
        return self.evidence.reconciles(self.model).fetch_hint

    def holder(self, stage: str) -> int | None:
        if self.history.base_state != "known":
            return max(self._holders_in_mlflow(stage), default=None)
        # Git decides, so that a click in MLflow does not change what a version is compared with.
        before = self.history.before
        return max(before.holders(stage), default=None) if before else None

    def other_version(self, number: int) -> ObservedVersion | None:
        return self.observed.versions.get(number)

    def tags(self) -> Mapping[str, str]:
        pin = self.version.origin
        if pin is None:
            return self.version.tags
        original = self.evidence.version_at_origin(pin)
        return copied_tags(original.tags) if original is not None else {}

    def declares_tag(self, key: str) -> bool:
        return Field("tag", self.number, key) in self.history.declared

    def read(self, version: Version) -> Record | None:
        return self.evidence.record(self._observed_version(version.number))

    def read_file(self, version: Version) -> ModelFile | None:
        return self.evidence.model_file(self.model, self._observed_version(version.number))

    def approvals(self) -> Approvals | None:
        commit = self.entry.making_commit
        if commit is None:
            return None
        file = next(iter(self.history.files(commit)), "")
        return self.evidence.approvals(commit, file)

    def differs_from(self, reviewed: Reviewed) -> str | None:
        return reviewed_difference(self.entry, self.history, reviewed)

    def claims(self) -> Approvals:
        commit = self.entry.making_commit
        return self.evidence.claims(commit) if commit else Approvals()

    def _tenure(self, stage: str) -> Tenure | None:
        reconciles = self.evidence.reconciles(self.model)
        points = self.history.all_points
        return reconciles.tenures(points, stage, self.entry.making_commit).get(self.number)

    def _observed_version(self, number: int) -> ObservedVersion:
        return self.version if number == self.number else self.observed.versions[number]

    def _holders_in_mlflow(self, stage: str) -> tuple[int, ...]:
        """The versions that MLflow shows in a stage, or behind the alias of a team's own stage."""
        target = self.history.target
        rule = target.policy.stages.get(stage) if target else None
        if rule is None or rule.native:
            return self.observed.holders(stage)
        number = self.observed.aliases.get(rule.alias or "")
        return (number,) if number is not None else ()


def unregistered(number: int, spec: VersionSpec) -> ObservedVersion:
    """A version that MLflow does not have yet, as its pin describes it."""
    if spec.origin is not None:
        # Its run and logged model are in the other environment, not here.
        return ObservedVersion(number, status="", origin=spec.origin)
    return ObservedVersion(
        number, run_id=spec.run_id, source=spec.source, model_id=spec.model_id, status=""
    )
