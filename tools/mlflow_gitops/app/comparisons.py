"""Read what two versions recorded, and put it side by side: for `compare`, and for the stages of a
plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from mlflow_gitops.core.comparison.compare import compare, holds
from mlflow_gitops.core.comparison.values import Comparison, Facts
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.plan import ModelPlan, StageChange
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.core.verdicts.entry_subject import unregistered
from mlflow_gitops.core.verdicts.evidence import RecordedEvidence
from mlflow_gitops.errors import Failure

T = TypeVar("T")

Specs = Callable[[str], Mapping[int, VersionSpec]]


def side_by_side(
    seen: ObservedModel,
    before: int,
    after: int,
    evidence: RecordedEvidence,
    specs: Mapping[int, VersionSpec] | None = None,
) -> Comparison:
    """Compare two versions of one model. `specs` are a manifest's pins, for a version that MLflow
    does not have yet. Never raises for what cannot be read; the comparison says so instead."""
    one, two = (_facts(seen, number, evidence, specs or {}) for number in (before, after))
    return compare(seen.name, one, two)


def with_comparisons(
    models: tuple[ModelPlan, ...],
    seen: Mapping[str, ObservedModel],
    evidence: RecordedEvidence,
    specs: Specs,
    readers: int,
) -> tuple[ModelPlan, ...]:
    """A plan's models, with a comparison on each stage that gets another version. Others ask
    nothing; `readers` models are read side by side."""
    asking = [model for model in models if model.model in seen and any(map(replaced, model.stages))]
    if not asking:
        return models

    def compared(model: ModelPlan) -> ModelPlan:
        known = seen[model.model]
        rows = (_row(row, known, evidence, specs(model.model)) for row in model.stages)
        return replace(model, stages=tuple(rows))

    with ThreadPoolExecutor(max_workers=max(readers, 1)) as pool:
        done = {model.model: model for model in pool.map(compared, asking)}
    return tuple(done.get(model.model, model) for model in models)


def replaced(row: StageChange) -> tuple[int, int] | None:
    """The version that a stage serves and the one that it will; None where it gets none, or had
    none. Of several the highest is served."""
    if row.stage == "Archived" or not row.before or not row.after:
        return None
    before, after = max(row.before), max(row.after)
    return None if before == after else (before, after)


def _row(
    row: StageChange,
    seen: ObservedModel,
    evidence: RecordedEvidence,
    specs: Mapping[int, VersionSpec],
) -> StageChange:
    pair = replaced(row)
    return (
        row if pair is None else replace(row, comparison=side_by_side(seen, *pair, evidence, specs))
    )


def _facts(
    seen: ObservedModel, number: int, evidence: RecordedEvidence, specs: Mapping[int, VersionSpec]
) -> Facts:
    version = seen.versions.get(number)
    if version is None:
        version = unregistered(number, specs.get(number) or VersionSpec())
    unread: dict[str, str] = {}
    record = _read("record", lambda: evidence.record(version), unread)
    file = _read("file", lambda: evidence.model_file(seen.name, version), unread)
    return Facts(version, holds(seen, number), record, file, unread)


def _read(what: str, get: Callable[[], T | None], unread: dict[str, str]) -> T | None:
    try:
        return get()
    except (Unreadable, Failure) as reason:
        unread[what] = str(reason)
        return None
