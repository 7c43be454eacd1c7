"""A gate's subject with only what a test says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mlflow_gitops.core.gates import Finding
from mlflow_gitops.core.gates.change_approvals import Approvals
from mlflow_gitops.core.health.values import LiveValues
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.check_records import CheckRecord
from mlflow_gitops.core.recorded.signed_files import SignedFiles
from mlflow_gitops.core.recorded.values import (
    Dataset,
    Metric,
    ModelFile,
    Record,
    Signature,
    Unreadable,
)
from mlflow_gitops.core.verdicts.entry_subject import EntrySubject
from tests.support.core.evidence import FakeEvidence
from tests.support.core.tenures import held

NOW = "2026-03-10T12:00:00Z"
HOLDOUT, OTHER = Dataset("holdout", "d1"), Dataset("other", "d2")


def commit(at: str = NOW, number: int = 7) -> Commit:
    return Commit(f"{number:040x}", at, "A Person <a@example.org>", f"Change {number}")


MADE = commit()


def measured(**values: float | tuple[float, Dataset] | list[tuple[float, Dataset]]) -> Record:
    """A record with these metrics; a value alone says nothing of its data."""
    metrics: dict[str, tuple[Metric, ...]] = {}
    for key, value in values.items():
        entries = value if isinstance(value, list) else [value]
        metrics[key] = tuple(
            Metric(entry[0], dataset=entry[1]) if isinstance(entry, tuple) else Metric(float(entry))
            for entry in entries
        )
    return Record(metrics=metrics)


def no_origin(pin: OriginPin) -> ObservedVersion | None:
    return None


def subject(
    *,
    tags: Mapping[str, str] | None = None,
    status: str = "READY",
    spec: VersionSpec | None = None,
    stays: Mapping[str, Commit | None] | None = None,
    held_since: Mapping[str, str] | None = None,
    held_by: Commit | None = None,
    stage: str = "Production",
    holder: int | None = 12,
    holders: Mapping[str, int] | None = None,
    versions: tuple[int, ...] = (12, 14),
    records: Mapping[int, Record] | None = None,
    signatures: Mapping[int, Signature | None] | None = None,
    sizes: Mapping[int, int] | None = None,
    flavors: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None,
    paths: tuple[str, ...] = (),
    signed: SignedFiles | None = None,
    checks: Mapping[str, tuple[CheckRecord, ...]] | None = None,
    live: LiveValues | None = None,
    made: Commit | None = MADE,
    merged: bool = True,
    approved_by: Approvals | None = None,
    claims: Approvals | None = None,
    unreadable: str = "",
    approvals_unreadable: str = "",
    origin: Callable[[OriginPin], ObservedVersion | None] = no_origin,
    prompt: bool = False,
    has_file: bool = True,
) -> EntrySubject:
    """Version 14 coming to hold a stage, Production unless said otherwise, that 12 held before."""
    observed = ObservedModel(
        "fraud",
        versions={
            n: ObservedVersion(n, tags=(tags or {}) if n == 14 else {}, status=status)
            for n in versions
        },
        is_prompt=prompt,
    )

    def read(version: ObservedVersion) -> Record | None:
        if unreadable:
            raise Unreadable(unreadable)
        return (records or {}).get(version.number)

    def read_file(model: str, version: ObservedVersion) -> ModelFile | None:
        if unreadable:
            raise Unreadable(unreadable)
        if not has_file:
            return None
        return ModelFile(
            signature=(signatures or {}).get(version.number),
            size=(sizes or {}).get(version.number),
            flavors=flavors or {},
        )

    def approvals(commit: Commit, file: str) -> Approvals | None:
        if approvals_unreadable:
            raise Unreadable(approvals_unreadable)
        return approved_by

    evidence = FakeEvidence(
        read=read,
        read_file=read_file,
        signed=lambda keys: signed or SignedFiles(fault="nobody signed it"),
        checks=lambda experiment: (checks or {}).get(experiment, ()),
        live=live,
        read_paths=lambda model, version: paths,
        approvals=approvals,
        claims=lambda commit: claims or Approvals(),
        merged=lambda commit: merged,
        origin=origin,
        reconciles=held(
            *((stage, 14, at) for stage, at in (held_since or {}).items()), began=held_by
        ),
    )
    rules = Policy().for_model("fraud")
    if holders is None:
        holders = {other_stage: holder for other_stage in rules.stages} if holder else {}
    base = desired_of({other_stage: (number,) for other_stage, number in holders.items()}, {})
    target = desired_of({stage: (14,)}, {14: spec} if spec else {})
    points = (Point(commit(number=1), base), Point(made, target))
    history = ModelHistory(commit(number=1).sha, "known", points)
    return EntrySubject(
        Entry(stage, 14, made, rules, stays or {}), history, observed, evidence, NOW
    )


def desired_of(
    stages: Mapping[str, tuple[int, ...]], versions: Mapping[int, VersionSpec]
) -> Desired:
    """The state that a manifest of the model `fraud` asks for."""
    file = "registry/models/fraud.yaml"
    manifest = Manifest("fraud", file, None, (), {}, dict(stages), {}, dict(versions))
    return Desired(manifest, Policy().for_model("fraud"))


def said(*findings: Finding) -> list[tuple[str, str]]:
    return [(finding.status, finding.detail) for finding in findings]
