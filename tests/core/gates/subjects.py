"""A subject of judgement with only what a test says of it."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow_gitops.core.gates import Finding, Subject
from mlflow_gitops.core.history.approvals import Approvals
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.observed.recorded import (
    Dataset,
    Metric,
    ModelFile,
    Record,
    Signature,
    Unreadable,
)

NOW = "2026-03-10T12:00:00Z"
HOLDOUT, OTHER = Dataset("holdout", "d1"), Dataset("other", "d2")


def commit(at: str = NOW, number: int = 7) -> Commit:
    return Commit(f"{number:040x}", at, "A Person <a@example.org>", f"Change {number}")


MADE = commit()


def measured(**values: float | tuple[float, Dataset] | list[tuple[float, Dataset]]) -> Record:
    """A record with these metrics; a value alone says nothing of its data."""
    metrics: dict[str, tuple[Metric, ...]] = {}
    for key, value in values.items():
        each = value if isinstance(value, list) else [value]
        metrics[key] = tuple(
            Metric(one[0], dataset=one[1]) if isinstance(one, tuple) else Metric(float(one))
            for one in each
        )
    return Record(metrics=metrics)


def subject(
    *,
    tags: Mapping[str, str] | None = None,
    status: str = "READY",
    spec: VersionSpec | None = None,
    stays: Mapping[str, Commit | None] | None = None,
    stage: str = "Production",
    holder: int | None = 12,
    versions: tuple[int, ...] = (12, 14),
    records: Mapping[int, Record] | None = None,
    signatures: Mapping[int, Signature | None] | None = None,
    made: Commit | None = MADE,
    merged: bool = True,
    approved_by: Approvals | None = None,
    claims: Approvals | None = None,
    unreadable: str = "",
) -> Subject:
    """Version 14 coming to hold a stage, Production unless said otherwise, that 12 held before."""
    seen = ObservedModel(
        "fraud",
        versions={
            n: ObservedVersion(n, tags=(tags or {}) if n == 14 else {}, status=status)
            for n in versions
        },
    )

    def read(version: ObservedVersion) -> Record | None:
        if unreadable:
            raise Unreadable(unreadable)
        return (records or {}).get(version.number)

    return Subject(
        model="fraud",
        entry=Entry(stage, 14, made, Policy().for_model("fraud"), stays or {}),
        seen=seen,
        spec=spec,
        holder=lambda stage: holder,
        read=read,
        read_file=lambda version: ModelFile(signature=(signatures or {}).get(version.number)),
        approvals=lambda: approved_by,
        merged=merged,
        now=NOW,
        claims=lambda: claims or Approvals(),
    )


def said(*findings: Finding) -> list[tuple[str, str]]:
    return [(finding.status, finding.detail) for finding in findings]
