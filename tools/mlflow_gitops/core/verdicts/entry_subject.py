"""A gate's subject, made of an entry in git, the model in MLflow and the evidence about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlflow_gitops.core.gates.change_approvals import Approvals, Reviewed
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.manifests.desired import Field
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import copied_tags
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.values import ModelFile, Record
from mlflow_gitops.core.times import parse_time
from mlflow_gitops.core.verdicts.approved_entry import reviewed_difference
from mlflow_gitops.core.verdicts.entry_tenures import EntryTenures

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Version
    from mlflow_gitops.core.health.values import LiveValues
    from mlflow_gitops.core.recorded.check_records import CheckRecord
    from mlflow_gitops.core.recorded.signed_files import SignedFiles
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
    def tenures(self) -> EntryTenures:
        """When the version held which stage."""
        return EntryTenures(self.entry, self.history, self.observed, self.evidence)

    @property
    def pinned_digest(self) -> str | None:
        return self.spec.files_digest if self.spec is not None else None

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
        return self.tenures.in_stage_since(stage)

    def held(self, stage: str) -> datetime | None:
        tenure = self.tenures.of(stage)
        return parse_time(tenure.reconciled_at) if tenure and not tenure.ended else None

    def receipts_hint(self) -> str | None:
        return self.evidence.reconciles(self.model).fetch_hint

    def holder(self, stage: str) -> int | None:
        if self.history.base_state != "known":
            return max(self.tenures.holders_in_mlflow(stage), default=None)
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

    def file_paths(self, version: Version) -> tuple[str, ...]:
        return self.evidence.file_paths(self.model, self._observed_version(version.number))

    def signed_files(self, keys: str) -> SignedFiles:
        target = self.history.target
        names = (self.model, *(target.manifest.formerly if target else ()))
        return self.evidence.signed_files(names, self.number, keys, self.entry.making_commit)

    def check_records(self, experiment: str, digest: str) -> tuple[CheckRecord, ...]:
        return self.evidence.check_records(experiment, digest)

    def live_values(self) -> LiveValues:
        declared = [key for key in self.version.tags if self.declares_tag(key)]
        return self.evidence.live_values(self.version, declared)

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

    def _observed_version(self, number: int) -> ObservedVersion:
        return self.version if number == self.number else self.observed.versions[number]


def unregistered(number: int, spec: VersionSpec) -> ObservedVersion:
    """A version that MLflow does not have yet, as its pin describes it."""
    if spec.origin is not None:
        # Its run and logged model are in the other environment, not here.
        return ObservedVersion(number, status="", origin=spec.origin)
    return ObservedVersion(
        number, run_id=spec.run_id, source=spec.source, model_id=spec.model_id, status=""
    )
