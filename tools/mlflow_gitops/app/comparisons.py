"""Read what two versions recorded, and put it side by side: for `compare`, and for the stages of a
plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from mlflow_gitops.core.comparison.compare import compare, stages_and_aliases
from mlflow_gitops.core.comparison.values import Comparison, Facts
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.plan import ModelPlan, StageChange
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.core.verdicts.entry_subject import unregistered
from mlflow_gitops.core.verdicts.evidence import RecordedEvidence
from mlflow_gitops.edges.system.unexpected import describe, is_unexpected
from mlflow_gitops.errors import Failure

T = TypeVar("T")

Specs = Callable[[str], Mapping[int, VersionSpec]]


def compare_versions(
    model: ObservedModel,
    before: int,
    after: int,
    evidence: RecordedEvidence,
    specs: Mapping[int, VersionSpec] | None = None,
) -> Comparison:
    """Compare two versions of one model. `specs` are a manifest's pins, for a version that MLflow
    does not have yet. What cannot be read is noted in the comparison; nothing is raised for it."""
    old = _facts(model, before, evidence, specs or {})
    new = _facts(model, after, evidence, specs or {})
    return compare(model.name, old, new)


def with_comparisons(
    models: tuple[ModelPlan, ...],
    observed: Mapping[str, ObservedModel],
    evidence: RecordedEvidence,
    specs: Specs,
    readers: int,
) -> tuple[ModelPlan, ...]:
    """A plan's models, with a comparison on each stage that gets another version. Models without
    such a stage make no requests; at most `readers` models are read at the same time."""
    compared = [plan for plan in models if plan.model in observed and _replaces_a_version(plan)]
    if not compared:
        return models

    def with_rows(plan: ModelPlan) -> ModelPlan:
        model = observed[plan.model]
        pins = specs(plan.model)
        try:
            rows = [_with_comparison(row, model, evidence, pins) for row in plan.stages]
        except Exception as error:
            if not is_unexpected(error):
                raise
            note = f"its versions cannot be compared: unexpected {describe(error)}"
            return replace(plan, notes=(*plan.notes, note))
        return replace(plan, stages=tuple(rows))

    with ThreadPoolExecutor(max_workers=max(readers, 1)) as pool:
        by_name = {plan.model: plan for plan in pool.map(with_rows, compared)}
    return tuple(by_name.get(plan.model, plan) for plan in models)


def served_versions(row: StageChange) -> tuple[int, int] | None:
    """The version that a stage serves now and the one that it will serve; None if it gets none, or
    has none. MLflow serves the highest of several."""
    if row.stage == "Archived" or not row.before or not row.after:
        return None
    before, after = max(row.before), max(row.after)
    return None if before == after else (before, after)


def _replaces_a_version(plan: ModelPlan) -> bool:
    return any(served_versions(row) for row in plan.stages)


def _with_comparison(
    row: StageChange,
    model: ObservedModel,
    evidence: RecordedEvidence,
    specs: Mapping[int, VersionSpec],
) -> StageChange:
    versions = served_versions(row)
    if versions is None:
        return row
    return replace(row, comparison=compare_versions(model, *versions, evidence, specs))


def _facts(
    model: ObservedModel, number: int, evidence: RecordedEvidence, specs: Mapping[int, VersionSpec]
) -> Facts:
    version = model.versions.get(number)
    if version is None:
        version = unregistered(number, specs.get(number) or VersionSpec())
    unread: dict[str, str] = {}
    record = _read("record", lambda: evidence.record(version), unread)
    if record is not None and record.fault is not None:
        if not record.is_run_missing:
            unread["record"] = record.fault
        record = None
    file = _read("file", lambda: evidence.model_file(model.name, version), unread)
    return Facts(version, stages_and_aliases(model, number), record, file, unread)


def _read(name: str, get: Callable[[], T | None], unread: dict[str, str]) -> T | None:
    try:
        return get()
    except (Unreadable, Failure) as reason:
        unread[name] = str(reason)
        return None
