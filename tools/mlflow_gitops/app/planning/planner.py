"""Plan one target against one registry: read git and MLflow, and pass values to the core.

`Planner.plan` plans all models or some; `Planner.replan` reads one model again and plans it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from mlflow_gitops.app.comparisons import with_comparisons
from mlflow_gitops.app.evidence import WorkspaceEvidence
from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.planned import Planned
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.base import Base, find_base
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec
from mlflow_gitops.core.manifests.names import Kind, file_stem
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.fingerprint import fingerprint
from mlflow_gitops.core.plan.plan import ModelPlan, Plan
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.core.plan.run_limit import limit_refusal
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.edges.git.notes import Notes
from mlflow_gitops.errors import Failure, GitFailure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


@dataclass(frozen=True, slots=True)
class _Selection:
    """The models of one plan. `managed` have a manifest or are emptied by --prune; `gone` are those
    that lost their manifest and stay as they are; `unmanaged` are only in MLflow."""

    desired: Mapping[str, Desired]
    observed: Mapping[str, ObservedModel]
    managed: Sequence[str]
    others: int
    """How many more models have a manifest and are not planned."""
    gone: tuple[str, ...]
    unmanaged: tuple[str, ...]
    is_everything_pruned: bool
    """Whether no manifest is left, and all models are to be emptied."""


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
        self.workspace = workspace
        self.registry = registry
        self.target = target
        self.options = options or PlanOptions()
        self.owner = workspace.owner(target.line)
        self.desired = _desired(target.snapshot, registry)
        """What the target wants of each model that it has a manifest of."""
        self.histories = HistoryReader(
            target.line,
            workspace.registry,
            workspace.git.blobs,
            stageless=registry.stageless,
        )
        self._branch = _desired(target.branch, registry) if target.branch else {}
        self._evidence = WorkspaceEvidence(workspace, registry, target.line, target.merge)

    def plan(
        self,
        names: Sequence[str] = (),
        progress: Callable[[str], None] = lambda step: None,
        *,
        others: int = 0,
    ) -> Planned:
        """The plan for `names`, or for every manifest. `others` more models were looked at and do
        not change. Raises Failure for a name that has no manifest."""
        progress("reading MLflow")
        selection = self._select(names, others)

        progress("reading git history")
        bases = {name: self._base(selection.observed.get(name)) for name in selection.managed}
        self.histories.prefetch((file_stem(name), base) for name, base in bases.items())
        models = tuple(
            self._plan_model(selection.desired[name], selection.observed.get(name), base)
            for name, base in bases.items()
        )
        plan = self._limited(models, selection)
        return Planned(
            plan, selection.desired, selection.observed, self.owner, self._pruned(selection)
        )

    def replan(self, planned: Planned, name: str) -> ModelPlan:
        """Read one model of a plan again and plan it anew."""
        desired = planned.desired[name]
        observed = self.registry.read(name, desired.manifest.kind)
        return self._plan_model(desired, observed, self._base(observed))

    def at(self, commit: str) -> Planner | None:
        """A planner with the same options for another commit; None if that is not on the main line
        or has no readable registry folder."""
        if commit not in self.workspace.main_line:
            return None
        try:
            snapshot = self.workspace.at(commit)
        except GitFailure:
            return None
        if snapshot.errors:
            return None
        target = Target.of_commit(self.workspace, snapshot, commit)
        return Planner(self.workspace, self.registry, target, self.options)

    def compared(self, planned: Planned) -> Plan:
        """The plan with a comparison of the old and the new version under each stage that gets
        another one."""

        def specs(name: str) -> Mapping[int, VersionSpec]:
            return planned.desired[name].manifest.versions

        plan = planned.plan
        models = with_comparisons(
            plan.models, planned.observed, self._evidence, specs, self.registry.writers
        )
        return replace(plan, models=models)

    def emptied(self, name: str, kind: Kind) -> Desired:
        """What the target wants of a model without a manifest: every stage empty on purpose, and
        nothing declared."""
        rules = _policy(self.target.snapshot, self.registry).for_model(name, kind)
        file = f"{self.workspace.registry}/models/{file_stem(name)}.yaml"
        stages: dict[str, tuple[int, ...]] = {stage: () for stage in rules.stages}
        return Desired(Manifest(name, file, None, (), {}, stages, {}, {}, kind), rules)

    def _select(self, names: Sequence[str], others: int) -> _Selection:
        """Decide which models are planned, and read them in MLflow."""
        candidates = list(names or self.desired)
        if self.target.merge is not None:
            if not names:
                candidates += self._branch
            candidates = [name for name in candidates if self._is_changed_by_merge(name)]
        observed = self._observe(candidates, reads_everything=not names and not self.target.merge)

        managed = set(candidates) & self.desired.keys()
        left_out = len(self.desired) - len(managed)
        # `others` comes from a saved plan, which may have been edited: never more than there are.
        rest = left_out if self.target.merge else max(0, min(others, left_out))

        unnamed = sorted(observed.keys() - self.desired.keys())
        gone = [name for name in unnamed if self._is_gone(observed[name])]
        self._check_names(names, observed, gone)

        desired = self.desired
        if self.options.prune:
            emptied = {name: self.emptied(name, observed[name].kind) for name in gone}
            desired, managed, gone = {**desired, **emptied}, managed | emptied.keys(), []
        return _Selection(
            desired,
            observed,
            sorted(managed),
            rest,
            tuple(gone),
            tuple(name for name in unnamed if name not in gone and name not in managed),
            is_everything_pruned=self.options.prune and not names and not self.desired,
        )

    def _observe(
        self, names: Collection[str], *, reads_everything: bool
    ) -> Mapping[str, ObservedModel]:
        prompts = []
        for name in names:
            desired = self.desired.get(name) or self._branch.get(name)
            if desired is not None and desired.manifest.kind == "prompt":
                prompts.append(name)
        if reads_everything:
            prompts += self.histories.former_prompts(self.desired)
        return self.registry.observe(names, only=not reads_everything, prompts=prompts)

    def _is_changed_by_merge(self, name: str) -> bool:
        """Whether the merge wants anything else of a model than the branch it goes into."""
        merged, branch = self.desired.get(name), self._branch.get(name)
        if merged is None or branch is None:
            return merged is not branch
        has_other_text = replace(merged.manifest, file=branch.manifest.file) != branch.manifest
        return has_other_text or merged.fields != branch.fields

    def _limited(self, models: tuple[ModelPlan, ...], selection: _Selection) -> Plan:
        """The plan of these models; if they are too many for one run, nothing of it applies."""
        limit = limit_refusal(
            models,
            _policy(self.target.snapshot, self.registry).limit,
            self.options.max_changes,
            selection.others,
            emptied=selection.is_everything_pruned,
        )
        if limit is not None:
            models = tuple(_held_back(model) for model in models)

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
            selection.unmanaged,
            selection.gone,
            (limit,) if limit else (),
            self.target.merge.name if self.target.merge else None,
            selection.others,
        )

    def _pruned(self, selection: _Selection) -> dict[str, str]:
        """The models of this repository that a run has reconciled to having no manifest."""
        if not self.owner:
            return {}
        return {
            name: model.base
            for name, model in sorted(selection.observed.items())
            if name not in self.desired
            and model.owner == self.owner
            and model.base
            and not self._is_gone(model)
        }

    def _plan_model(
        self, desired: Desired, observed: ObservedModel | None, base: Base
    ) -> ModelPlan:
        name = desired.manifest.name
        stem = file_stem(name)
        history = self.histories.history(
            stem, desired, base, uncommitted=self.target.is_uncommitted(stem)
        )
        owner = self.owner or (observed.owner if observed else None) or ""
        now = format_datetime(self.workspace.settings.now())
        context = PlanContext(
            owner, now, self._evidence, self.options.take_over, self.options.writing
        )
        return plan_model(name, self.histories.with_entries(history), observed, context)

    def _base(self, observed: ObservedModel | None) -> Base:
        return find_base(
            observed,
            self.owner,
            self.target.line.index,
            self._is_on_main_line,
            lambda name: self._last_applied.get(name),
            adopt=self.options.adopt,
        )

    def _is_on_main_line(self, commit: str) -> bool:
        return commit in self.workspace.main_line and self.workspace.git.exists(commit)

    @cached_property
    def _last_applied(self) -> Mapping[str, str]:
        """The models that a receipt here reports as applied, each with its newest such commit. Only
        read if a stamp is missing."""
        receipts = Notes.of(self.workspace.git).receipts()
        ours = [receipt for receipt in receipts if receipt.content.get("owner") == self.owner]
        return {name: receipt.commit for receipt in ours for name in receipt.applied()}

    def _is_gone(self, model: ObservedModel) -> bool:
        """Whether this repository managed a model at its base and has no manifest of it any more."""
        if self.owner is None or model.owner != self.owner or model.base is None:
            return False
        if model.base not in self.target.line.index:
            # If the base is a later commit, the manifest came later, and the target never had it.
            return not self._is_on_main_line(model.base)
        return self.histories.has_manifest(file_stem(model.name), model.base)

    def _check_names(
        self, names: Sequence[str], observed: Mapping[str, ObservedModel], gone: Sequence[str]
    ) -> None:
        for name in names:
            if name in self.desired or (name in gone and self.options.prune):
                continue
            suggestion = did_you_mean(name, self.desired)
            hint = f"; {suggestion}" if suggestion else "."
            what = "is in MLflow and has no manifest" if name in observed else "has no manifest"
            raise Failure(f"{name} {what} in {self.workspace.registry}/models/{hint}")


def _policy(snapshot: Snapshot, registry: Registry) -> Policy:
    return snapshot.policy.without_stages() if registry.stageless else snapshot.policy


def _desired(snapshot: Snapshot, registry: Registry) -> dict[str, Desired]:
    policy = _policy(snapshot, registry)
    return {
        name: Desired(manifest, policy.for_model(name, manifest.kind))
        for name, manifest in snapshot.manifests.items()
    }


def _held_back(model: ModelPlan) -> ModelPlan:
    changes = tuple(replace(change, applies=False) for change in model.changes)
    return replace(model, changes=changes, stamps=())
