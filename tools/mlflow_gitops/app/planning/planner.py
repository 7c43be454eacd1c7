"""Plan one target against one registry: read git and MLflow, and pass values to the core.

`Planner.plan` plans all models or some; `Planner.replan` reads one model again and plans it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlflow_gitops.app.comparisons import with_comparisons
from mlflow_gitops.app.planning.bases import BaseFinder
from mlflow_gitops.app.planning.changed_plans import held_back, without_secrets
from mlflow_gitops.app.planning.desired_models import DesiredModels, InvalidModel
from mlflow_gitops.app.planning.lines import LineReader
from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.plan_lines import PlanLines
from mlflow_gitops.app.planning.planned import Planned
from mlflow_gitops.app.planning.selection import PlannedModels, Selector
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.base import Base, base_while_writing
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.rerouting import first_parents_changed
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.restrictions import Limit
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.fingerprint import fingerprint
from mlflow_gitops.core.plan.plan import ModelPlan, Plan, Sync
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.core.plan.run_limit import limit_refusal
from mlflow_gitops.core.plan.stage_rows import observed_stages
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.core.verdicts.invalid_files import FileErrors, invalid_model_refusal
from mlflow_gitops.edges.system.unexpected import is_unexpected, unexpected_refusal
from mlflow_gitops.errors import GitFailure

if TYPE_CHECKING:
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
        self._options = options or PlanOptions()
        self._bases = BaseFinder(
            workspace, target, self.owner, self.lines, adopt=self._options.adopt
        )
        self._selector = Selector(
            registry,
            self.models,
            self._branch_models(),
            self.histories,
            self._bases,
            prune=self._options.prune,
            touched=target.touched,
        )

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
        self._bases.read_receipts_again()
        bases = {
            name: self._bases.base(name, selection.observed.get(name)) for name in selection.managed
        }
        self.lines.prefetch(bases)
        selection = self._with_held_states(selection, bases)
        models = tuple(
            self._plan_alone(
                name,
                selection.desired.get(name),
                selection.observed.get(name),
                base,
                selection.invalid.get(name),
            )
            for name, base in bases.items()
        )
        return Planned(
            replace(self._limited(models, selection), notices=tuple(self._notices(bases))),
            selection.desired,
            selection.observed,
            self.owner,
            selection.pruned,
            selection.invalid,
        )

    def replan(self, planned: Planned, name: str) -> ModelPlan:
        """Read one model of a plan again and plan it anew."""
        desired = planned.desired[name]
        observed = self.registry.read(name, desired.manifest.kind)
        base = self._bases.base(name, observed)
        if not (self._options.adopt and observed is not None):
            base = base_while_writing(base, planned.observed.get(name), observed)
        return self._plan_model(name, desired, observed, base, planned.invalid.get(name))

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
        another one."""

        def specs(name: str) -> Mapping[int, VersionSpec]:
            return planned.desired[name].manifest.versions

        plan = planned.plan
        models = with_comparisons(
            plan.models, planned.observed, self.lines.first.evidence, specs, self.registry.writers
        )
        return replace(plan, models=models)

    def _with_held_states(
        self, selection: PlannedModels, bases: Mapping[str, Base]
    ) -> PlannedModels:
        """The selection in which each held model wants what it was reconciled to, if that is
        known."""
        held = {}
        for name, model in selection.invalid.items():
            base = bases.get(name)
            if model.is_held and base is not None and base.state == "known" and base.commit:
                histories = self.lines.of(base.commit).histories
                state = self.models.at_base(name, base.commit, histories)
                if state is not None:
                    held[name] = state
        return replace(selection, desired={**selection.desired, **held})

    def _plan_alone(
        self,
        name: str,
        desired: Desired | None,
        observed: ObservedModel | None,
        base: Base,
        invalid: InvalidModel | None,
    ) -> ModelPlan:
        """Plan one model. An unexpected exception refuses this model, and no other."""
        try:
            return self._plan_model(name, desired, observed, base, invalid)
        except Exception as error:
            if not is_unexpected(error):
                raise
            refusal = unexpected_refusal(name, error, self._workspace.settings)
            sync: Sync = "Missing" if observed is None else "Unknown"
            file = desired.manifest.file if desired else None
            return ModelPlan(name, file, sync, base.commit, refusals=(refusal,))

    def _plan_model(
        self,
        name: str,
        desired: Desired | None,
        observed: ObservedModel | None,
        base: Base,
        invalid: InvalidModel | None,
    ) -> ModelPlan:
        errors = FileErrors(
            invalid.problems if invalid else (),
            invalid is not None and invalid.is_held,
            (*self._workspace.list_errors, *self.models.validity.policy),
            self.models.is_policy_known,
        )
        if desired is None:  # no valid commit is known that wants anything of the model
            refusal = invalid_model_refusal(errors)
            stages = observed_stages(observed) if observed else {}
            refusals = (refusal,) if refusal else ()
            return ModelPlan(name, None, "Invalid", base.commit, stages, refusals=refusals)

        stem = file_stem(name)
        line = self.lines.of(base.commit)
        history = line.histories.history(
            stem, desired, base, uncommitted=self.target.is_uncommitted(stem)
        )
        gap = self._bases.clone_gap if base.state == "unfetched" else None
        context = PlanContext(
            owner=self.owner or (observed.owner if observed else None) or "",
            now=format_datetime(self._workspace.settings.now()),
            evidence=line.evidence,
            take_over=self._options.take_over,
            writing=self._options.writing,
            errors=errors,
            way_to_fetch=gap.fix if gap else "",
        )
        judged = line.histories.with_entries(history, line.policies.before)
        plan = plan_model(name, judged, observed, context)
        return without_secrets(plan)

    def _notices(self, bases: Mapping[str, Base]) -> Iterator[str]:
        """What is wrong with this clone or with the main line as a whole."""
        if any(base.state == "unfetched" for base in bases.values()):
            gap = self._bases.clone_gap
            if gap is not None:
                yield gap.advice
        for merge in self.lines.recent_detours:
            yield first_parents_changed(self._workspace.git.describe(merge))

    def _limited(self, models: tuple[ModelPlan, ...], selection: PlannedModels) -> Plan:
        """The plan of these models. If they are too many for one run, none of it applies."""
        refusals = (
            limit_refusal(
                models,
                limit,
                self._options.max_changes,
                selection.unplanned,
                is_everything_pruned=selection.is_everything_pruned,
            )
            for limit in self._limits(models)
        )
        refusal = next((refusal for refusal in refusals if refusal is not None), None)
        if refusal is not None:
            models = tuple(held_back(model) for model in models)

        made_from = fingerprint(
            self.target.snapshot.digest,
            self.registry.display_uri,
            self.registry.workspace,
            self.owner,
            ((name, selection.observed.get(name)) for name in selection.managed),
        )
        return Plan(
            self.target.commit,
            models,
            made_from,
            unmanaged=selection.unmanaged,
            without_manifest=selection.without_manifest,
            refusals=(refusal,) if refusal else (),
            onto=self.target.merge.name if self.target.merge else None,
            unchanged_models=selection.unplanned,
            errors=(*self._workspace.list_errors, *selection.validity.errors),
            earlier_errors=selection.earlier_errors,
        )

    def _branch_models(self) -> DesiredModels | None:
        """The models of the branch that a merge goes into; None if the target is not a merge."""
        merge, branch = self.target.merge, self.target.branch
        if merge is None or branch is None:
            return None
        histories = self.histories
        if branch.errors:
            line = LineReader(self._workspace).to_commit(merge.onto)
            histories = self.lines.histories_of(line)
        return DesiredModels(
            branch, self._workspace.registry, histories, stageless=self.registry.stageless
        )

    def _limits(self, models: Sequence[ModelPlan]) -> list[Limit | None]:
        """The limit of the target's policy, and that of the policy that was last in force, if
        something would change."""
        limits = [self.models.policy.limit]
        if any(model.applying for model in models):
            newest = self.target.line.shas[-1] if self.target.commit else None
            made = Commit(newest, "", "", "") if newest else None
            policy = self.lines.first.policies.before(made, None)
            limits += [policy.limit] if policy is not None else []
        return limits
