"""The versions that are served now, and whether what MLflow recorded of their files is still there
(RULES R7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.values import Record, Unreadable


def occupied_versions(
    desired: Desired | None, observed: ObservedModel
) -> Mapping[int, tuple[str, ...]]:
    """The versions that MLflow shows in a stage, or behind a stage's alias, each with its stages.
    Archived versions are not served."""
    stages: dict[int, list[str]] = {}
    for version in observed.versions.values():
        if version.stage in ACTIVE_STAGES:
            stages.setdefault(version.number, []).append(version.stage)
    for alias, stage in (desired.policy.stage_aliases if desired else {}).items():
        number = observed.aliases.get(alias)
        if number in observed.versions and stage not in stages.get(number or 0, ()):
            stages.setdefault(number or 0, []).append(stage)
    return {number: tuple(names) for number, names in sorted(stages.items())}


def gone_sources(
    desired: Desired | None,
    observed: ObservedModel,
    record: Callable[[ObservedVersion], Record | None],
) -> Iterator[Unexplained]:
    """Versions that are served and whose run or logged model is in MLflow's trash, or gone. What
    cannot be read is not reported: a reader may have no access to experiments."""
    for number, stages in occupied_versions(desired, observed).items():
        try:
            recorded = record(observed.versions[number])
        except Unreadable:
            continue
        if recorded is not None and recorded.is_gone:
            detail = f"{number} holds {', '.join(stages)}, and {recorded.fault}"
            yield Unexplained(observed.name, f"source {number}", detail)
