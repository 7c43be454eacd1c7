"""What a plan says about the registry, this clone, or the main line as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.bases.base_finder import BaseFinder
from mlflow_gitops.app.planning.plan_lines import PlanLines
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.base import Base
from mlflow_gitops.core.history.line.rerouting import first_parents_changed

if TYPE_CHECKING:
    from mlflow_gitops.core.observed.absence import Absence


def plan_notices(
    workspace: Workspace,
    target: Target,
    lines: PlanLines,
    bases: Mapping[str, Base],
    finder: BaseFinder,
    absence: Absence | None,
) -> Iterator[str]:
    """What is wrong with the registry, with this clone, or with the main line as a whole."""
    if absence is not None:
        yield absence.advice
    if any(base.state == "unfetched" for base in bases.values()):
        gap = finder.clone_gap
        if gap is not None:
            yield gap.advice
    for merge in lines.recent_detours:
        yield first_parents_changed(workspace.git.describe(merge))

    line, planned_merge = lines.of(None), target.merge
    commit = planned_merge.onto if planned_merge and not planned_merge.is_nothing else None
    commits = {base.commit for base in bases.values() if base.commit is not None}
    if line.line.shas:
        yield from line.approved.notices(commit, lambda: line.policies.is_new(commit, commits))
