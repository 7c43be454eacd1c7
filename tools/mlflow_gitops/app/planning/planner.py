"""Plan one target against one registry: read git and MLflow, and pass values to the core.

`Planner.plan` plans all models or some; `Planner.replan` plans one that was read again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.assembled_plan import assembled
from mlflow_gitops.app.planning.bases.base_finder import BaseFinder
from mlflow_gitops.app.planning.desired_models import DesiredModels
from mlflow_gitops.app.planning.judging.policy_change import PolicyChangeReader
from mlflow_gitops.app.planning.model_planner import ModelPlanner
from mlflow_gitops.app.planning.notices import plan_notices
from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.plan_lines import PlanLines
from mlflow_gitops.app.planning.planned import Planned
from mlflow_gitops.app.planning.run_limits import RunLimits
from mlflow_gitops.app.planning.selection import Selector, branch_models
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.base import Base, base_while_writing
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.plan.plan import ModelPlan, Plan
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.edges.git.receipts.one_moment import one_moment
from mlflow_gitops.errors import GitFailure

if TYPE_CHECKING:
    from mlflow_gitops.app.planning.version_files import VersionFiles
    from mlflow_gitops.core.observed.absence import Absence
    from mlflow_gitops.core.observed.model import ObservedModel
    from mlflow_gitops.edges.mlflow.registry import Registry


class Planner:
    """Plans one target against one registry. What gates ask is read once and kept, so planning a
    model again judges it by the same facts."""

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        target: Target,
        options: PlanOptions | None = None,
    ) -> None:
        self.registry = registry
        self.target = target
        self.began = format_datetime(workspace.settings.now(), "milliseconds")
        self.owner = workspace.owner(target.line)
        self.lines = PlanLines(workspace, registry, target)
        self.histories = self.lines.first.histories
        self._workspace = workspace
        self.models = DesiredModels(
            target.snapshot,
            workspace.registry,
            self.histories,
            target.is_uncommitted,
            stageless=registry.stageless,
        )
        self._options = options = options or PlanOptions()
        self._bases = BaseFinder(workspace, target, self.owner, self.lines, adopt=options.adopt)
        self._model_planner = ModelPlanner(
            workspace, target, self.models, self._bases, options, self.began
        )
        self._limits = RunLimits(target, self.models.policy, self.lines.first.policies, options)
        self._selector = Selector(
            registry,
            self.models,
            branch_models(workspace, self.lines, target, stageless=registry.stageless),
            self.histories,
            self._bases,
            prune=options.prune,
            touched=target.touched,
        )

    @cached_property
    def files(self) -> VersionFiles:
        """The files of versions, which only a run compares with their pins."""
        from mlflow_gitops.app.planning.version_files import VersionFiles

        return VersionFiles(self.registry)

    @one_moment()
    def plan(
        self,
        names: Sequence[str] = (),
        progress: Callable[[str], None] = lambda step: None,
        *,
        unplanned: int = 0,
    ) -> Planned:
        """The plan for `names`, or for every manifest. `unplanned` more models were compared before
        and do not change. Raises Failure for a name that has no manifest."""
        progress("reading MLflow")
        selection = self._selector.select(names, unplanned)

        progress("reading git history")
        self.read_receipts_again()
        bases = {
            name: self._bases.base(name, selection.observed.get(name)) for name in selection.managed
        }
        bases |= {name: Base(None, "renamed") for name in selection.renamed if name in bases}
        managed = self.models.kinds if names and not self._options.adopt else {}
        absence, bases = _with_absence(
            bases, selection.observed, self.registry, self._bases, managed
        )
        self.lines.prefetch(bases)
        held = self.models.held_states(
            selection.invalid, bases, lambda base: self.lines.of(base).histories
        )
        selection = replace(selection, desired={**selection.desired, **held})
        models = tuple(
            self._model_planner.plan_or_refuse(
                name,
                selection.desired.get(name),
                selection.observed.get(name),
                base,
                selection.invalid.get(name),
            )
            for name, base in bases.items()
        )
        notices = plan_notices(
            self._workspace, self.target, self.lines, bases, self._bases, absence
        )
        plan = replace(
            assembled(self._workspace, self.registry, self.target, models, selection, self._limits),
            notices=tuple(notices),
            policy=self._policy_change(bases).comparison(self.models.kinds),
        )
        self.lines.remember()
        return Planned(
            plan,
            selection.desired,
            selection.observed,
            self.owner,
            selection.pruned,
            selection.invalid,
        )

    def read_receipts_again(self) -> None:
        """Let the next question read the receipts anew: a run may have written some since."""
        self._bases.read_receipts_again()
        self.lines.read_receipts_again()

    def replan(self, planned: Planned, name: str, observed: ObservedModel | None) -> ModelPlan:
        """Plan one model of a plan anew, for writing: `observed` is what MLflow holds now, and the
        files of versions that enter a stage are compared with their pins."""
        desired = planned.desired[name]
        base = self._bases.base(name, observed)
        if not (self._options.adopt and observed is not None):
            base = base_while_writing(base, planned.observed.get(name), observed)
        return self._model_planner.plan(
            name, desired, observed, base, planned.invalid.get(name), read_files=self.files.read
        )

    def at(self, commit: str) -> Planner | None:
        """A planner with the same options for another commit; None if that is not on the main line
        or has no registry folder."""
        if commit not in self._workspace.main_line and commit not in self.lines:
            return None
        try:
            snapshot = self._workspace.at(commit)
        except GitFailure:
            return None
        target = Target.of_commit(self._workspace, snapshot, commit)
        return Planner(self._workspace, self.registry, target, self._options)

    def compared(self, planned: Planned) -> Plan:
        """The plan with a comparison of the old and the new version under each stage that gets
        another one, and with what reviewers ask."""
        if not any(model.stages for model in planned.plan.models):
            return planned.plan
        from mlflow_gitops.app.reviewing.reviewed_plan import PlanReviewer

        evidence = self.lines.first.evidence
        reviewer = PlanReviewer(self._workspace, self.registry, evidence, self.target)
        return reviewer.reviewed(planned, self.began)

    def _policy_change(self, bases: Mapping[str, Base]) -> PolicyChangeReader:
        commits = {base.commit for base in bases.values() if base.commit is not None}
        file = self._workspace.registry.policy_path
        line = self.lines.of(None)
        return PolicyChangeReader(line, self.target, self.models.policy, file, commits)


def _with_absence(
    bases: dict[str, Base],
    observed: Mapping[str, ObservedModel],
    registry: Registry,
    finder: BaseFinder,
    managed: Mapping[str, Kind],
) -> tuple[Absence | None, dict[str, Base]]:
    """Which reconciled models the registry does not show, None if it shows all; and the bases,
    with those of models that may be hidden. A plan of some models, new ones among them, also looks
    for the others that are `managed`."""
    has_deleted = any(base.state == "deleted" for base in bases.values())
    has_new = any(base.state == "none" and name not in observed for name, base in bases.items())
    if not has_deleted and not (managed and has_new):
        return None, bases
    from mlflow_gitops.app.planning.bases.absent_models import (
        find_absence,
        find_absence_beside,
        with_hidden,
    )

    absence: Absence | None
    if has_deleted:
        absence = find_absence(bases, observed, registry, finder)
    else:
        absence = find_absence_beside(managed, observed, registry, finder)
    return absence, bases if absence is None else with_hidden(bases, observed, absence)
