"""Where git and MLflow meet: plan one target against one registry, all of it or a single model
again.

It reads both edges and hands values to the core's planner.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

from mlflow_gitops.app.approvals import Approving
from mlflow_gitops.app.comparisons import with_comparisons
from mlflow_gitops.app.evidence import evidence
from mlflow_gitops.app.workspace import Merge, Workspace, now_utc
from mlflow_gitops.core.audit.receipts import RECEIPT_TAG
from mlflow_gitops.core.history.mainline import Commit, Line
from mlflow_gitops.core.history.model_history import BaseState, Histories
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.fingerprint import fingerprint
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan
from mlflow_gitops.core.plan.plan_model import found, plan_model
from mlflow_gitops.core.plan.refusals import Context
from mlflow_gitops.core.plan.run_limit import limit_refusal
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.edges.git.notes import Notes
from mlflow_gitops.errors import Failure, GitFailure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways past guards that the user has taken (RULES R4), and whether the plan is made to be
    carried out."""

    adopt: bool = False
    take_over: bool = False
    prune: bool = False
    max_changes: int | None = None
    writing: bool = False


class Planner:
    """Plans one snapshot against one registry.

    `commit` is the commit that the snapshot is of, or on top of which it lies uncommitted (`dirty`
    names the paths); None where there is none yet.
    """

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        snapshot: Snapshot,
        commit: str | None,
        dirty: Collection[str] = (),
        ways: Ways | None = None,
        line: Line | None = None,
    ) -> None:
        self.registry = registry
        self.target = None if dirty else commit
        self._workspace = workspace
        self._snapshot = snapshot
        self._ways = ways or Ways()
        policy = snapshot.policy.without_stages() if registry.stageless else snapshot.policy
        self._policy = policy
        self._line = line or (workspace.line(commit) if commit else Line([], [], {}))
        self._merge: Merge | None = None
        self._before: Mapping[str, Desired] = {}
        self._seen: Mapping[str, ObservedModel] = {}
        self.owner = workspace.owner(self._line)
        self._retelling: dict[str, Planner | None] = {}
        self.receipts: dict[str, str | None] = {}
        """The receipt that each model's stamp named when it was planned."""
        self.pruned: dict[str, str] = {}
        """Models without a manifest that were reconciled to that, each to the commit of its stamp."""
        self._desired = {
            name: Desired(m, policy.for_model(name, m.kind))
            for name, m in snapshot.manifests.items()
        }
        policy_dirty = any(workspace.registry.classify(path) == "policy" for path in dirty)
        stems = {stem_of(path) for path in dirty}
        self._evidence = replace(evidence(workspace, registry), messages=cache(self._messages))
        self._histories = Histories(
            self._line,
            workspace.registry,
            workspace.git.blobs,
            self._desired,
            dirty=lambda stem: commit is None or policy_dirty or stem in stems,
            stageless=registry.stageless,
        )

    @classmethod
    def for_tree(
        cls, workspace: Workspace, registry: Registry, snapshot: Snapshot, ways: Ways | None = None
    ) -> Planner:
        """A planner for the working tree: for HEAD where nothing is uncommitted, else for what lies
        on top of it."""
        head = workspace.git.resolve("HEAD") if workspace.git.has_commits() else None
        return cls(workspace, registry, snapshot, head, workspace.dirty_paths(), ways)

    @classmethod
    def for_merge(
        cls,
        workspace: Workspace,
        registry: Registry,
        snapshot: Snapshot,
        merge: Merge,
        ways: Ways | None = None,
    ) -> Planner:
        """A planner for a revision as merged into a branch (RULES R9): `snapshot` is the merge's.
        Only models that the merge wants otherwise than the branch does are planned."""
        line = workspace.line_of(merge)
        planner = cls(workspace, registry, snapshot, line.shas[-1], (), ways, line)
        before = workspace.at(merge.onto)
        policy = before.policy.without_stages() if registry.stageless else before.policy
        planner._merge = merge
        planner._before = {
            name: Desired(m, policy.for_model(name, m.kind)) for name, m in before.manifests.items()
        }
        planner._evidence = replace(
            planner._evidence,
            messages=lambda commit, file: workspace.messages(commit.sha, file, merge),
            approvals=(approving := Approving(workspace, merge)).approvals,
            claims=approving.claims,
            merged=lambda commit: merge.is_nothing or commit.sha != merge.revision,
        )
        return planner

    @property
    def names(self) -> Collection[str]:
        """The models that the snapshot has manifests of."""
        return self._desired.keys()

    @property
    def foreign(self) -> frozenset[str]:
        """The models that had another owner when they were planned: their stamps say what another
        run did."""
        return frozenset(
            name for name, model in self._seen.items() if model.owner not in (None, self.owner)
        )

    def at(self, commit: str) -> Planner | None:
        """A planner like this one for another commit; None where that is not of the main line, or
        not readable: the registry folder may not have been there yet."""
        if commit not in self._workspace.main_line:
            return None
        try:
            snapshot = self._workspace.at(commit)
        except GitFailure:
            return None
        if snapshot.errors:
            return None
        return Planner(self._workspace, self.registry, snapshot, commit, ways=self._ways)

    def retold(self, name: str, commit: str, base: str | None) -> tuple[Change, ...]:
        """What a run that left no receipt did to a model, as far as git and MLflow tell: what git
        changed from `base`, the commit of the receipt before (None: from nothing), to the commit
        that the model is stamped with."""
        if commit not in self._retelling:
            self._retelling[commit] = self if commit == self.target else self.at(commit)
        planner = self._retelling[commit]
        if planner is None:
            return ()
        planner._desired.setdefault(name, planner._nothing(name))  # where it was pruned
        known = base if base in planner._line.index else None
        history = planner._histories.of(name, file_stem(name), known, "known" if known else "none")
        return found(history, self._seen.get(name))

    def plan(
        self,
        names: Sequence[str] = (),
        progress: Callable[[str], None] = lambda step: None,
        *,
        others: int = 0,
    ) -> Plan:
        """The plan for `names`, or for every manifest; `others` more were looked at and do not
        change. Raises Failure for a name that has no manifest."""
        progress("reading MLflow")
        everything = not names and self._merge is None
        wanted = list(names or self._desired)
        if self._merge is not None:
            wanted = [
                name for name in (*wanted, *(() if names else self._before)) if self._differs(name)
            ]
        prompts = self._prompts(wanted) + (
            self._histories.former_prompts(self._desired) if everything else []
        )
        observed = self._seen = self.registry.observe(wanted, only=not everything, prompts=prompts)
        managed = set(wanted) & self._desired.keys()
        left = len(self._desired) - len(managed)
        # A saved plan says how many others there are; its word may have been edited.
        rest = left if self._merge is not None else max(0, min(others, left))
        unnamed = [m for name, m in sorted(observed.items()) if name not in self._desired]
        gone = [model.name for model in unnamed if self._is_gone(model)]
        ours = (m for m in unnamed if m.name not in gone and self.owner and m.owner == self.owner)
        self.pruned = {model.name: model.base for model in ours if model.base}
        self._check_names(names, observed, gone)
        emptied = self._ways.prune and not names and not self._desired
        if self._ways.prune:
            self._desired.update((name, self._nothing(name)) for name in gone)
            managed, gone = managed | set(gone), []
        self.receipts = {name: model.tags.get(RECEIPT_TAG) for name, model in observed.items()}
        progress("reading git history")
        bases = {name: self._base(observed.get(name)) for name in sorted(managed)}
        read = [
            (file_stem(name), base)
            for name, (base, state) in bases.items()
            if state in ("none", "known")
        ]
        self._histories.prefetch(read)
        models = tuple(self._model(name, observed.get(name), *base) for name, base in bases.items())
        limit = limit_refusal(
            models, self._policy.limit, self._ways.max_changes, rest, emptied=emptied
        )
        if limit is not None:
            models = tuple(_held_back(model) for model in models)
        made_from = fingerprint(
            self._snapshot.digest,
            self.registry.shown,
            self.registry.workspace,
            self.owner,
            ((name, observed.get(name)) for name in bases),
        )
        strangers = tuple(m.name for m in unnamed if m.name not in gone and m.name not in managed)
        onto = self._merge.name if self._merge else None
        return Plan(
            self.target,
            models,
            made_from,
            strangers,
            tuple(gone),
            (limit,) if limit else (),
            onto,
            rest,
        )

    def _differs(self, name: str) -> bool:
        """Whether the merge wants anything else of a model than the branch it goes into."""
        now, then = self._desired.get(name), self._before.get(name)
        if now is None or then is None:
            return now is not then
        moved = replace(now.manifest, file=then.manifest.file) != then.manifest
        return moved or now.fields != then.fields

    def compared(self, plan: Plan) -> Plan:
        """A plan made here, with the old and the new version compared under each stage that gets
        another one."""

        def specs(name: str) -> Mapping[int, VersionSpec]:
            return self.manifest(name).versions

        models = with_comparisons(
            plan.models, self._seen, self._evidence, specs, self.registry.writers
        )
        return replace(plan, models=models)

    def again(self, name: str) -> ModelPlan:
        """Read one model anew and plan it again."""
        observed = self.registry.read(name, self.manifest(name).kind)
        return self._model(name, observed, *self._base(observed))

    def _messages(self, commit: Commit, file: str) -> list[str]:
        """The messages that speak for a commit's change of a file."""
        place = self._line.index.get(commit.sha, 0)
        before = self._line.shas[place - 1] if place else None
        return self._workspace.git.messages(commit.sha, file, before)

    def _prompts(self, names: Collection[str]) -> list[str]:
        """Those of `names` that are prompts by their manifest."""
        known = ((name, self._desired.get(name) or self._before.get(name)) for name in names)
        return [
            name
            for name, desired in known
            if desired is not None and desired.manifest.kind == "prompt"
        ]

    def manifest(self, name: str) -> Manifest:
        """What the target says of a planned model."""
        return self._desired[name].manifest

    def _model(
        self, name: str, observed: ObservedModel | None, base: str | None, state: BaseState
    ) -> ModelPlan:
        history = self._histories.of(name, file_stem(name), base, state)
        owner = self.owner or (observed.owner if observed else None) or ""
        context = Context(
            owner, now_utc(), self._evidence, self._ways.take_over, self._ways.writing
        )
        return plan_model(
            name, self._histories.with_entries(history, name, file_stem(name)), observed, context
        )

    def _base(self, observed: ObservedModel | None) -> tuple[str | None, BaseState]:
        """The commit a model was last reconciled to, and whether the target can be compared with it
        (RULES R1)."""
        stamp = observed.base if observed else None
        later = stamp is not None and stamp not in self._line.index and self._is_on_main(stamp)
        # Of another owner's commits, this line has no later and no earlier ones.
        ours = observed is not None and observed.owner in (None, self.owner)
        if self._ways.adopt and not (later and ours):
            return None, "none"
        if stamp is None:
            if observed is not None and (known := self._applied.get(observed.name)):
                # Whoever takes the stamps away must not have what MLflow shows adopted, past every
                # gate: receipts know better.
                return known, "lost"
            # A shallow clone cannot tell what earlier commits declared, nor which repository it is.
            return (None, "none") if self.owner else (None, "unknown")
        if stamp in self._line.index:
            return stamp, "known"
        return stamp, "stale" if later else "unknown"

    def _is_on_main(self, commit: str) -> bool:
        return commit in self._workspace.main_line and self._workspace.git.exists(commit)

    @cached_property
    def _applied(self) -> Mapping[str, str]:
        """The models that a receipt here says were applied, each to its newest such commit. Read
        where a stamp is missing."""
        known = Notes.of(self._workspace.git).receipts()
        ours = [receipt for receipt in known if receipt.content.get("owner") == self.owner]
        return {name: receipt.commit for receipt in ours for name in receipt.applied()}

    def _is_gone(self, model: ObservedModel) -> bool:
        """Whether this repository managed a model at its base and has no manifest of it any more."""
        if self.owner is None or model.owner != self.owner or model.base is None:
            return False
        if model.base not in self._line.index:
            return not self._is_on_main(
                model.base
            )  # else its manifest came later, and this commit never had it
        return self._histories.names_at(file_stem(model.name), model.base)

    def _nothing(self, name: str) -> Desired:
        """What a manifest that is gone wants: every stage empty on purpose, and nothing declared."""
        kind = self._seen[name].kind if name in self._seen else "model"
        rules = self._policy.for_model(name, kind)
        file = f"{self._workspace.registry}/models/{file_stem(name)}.yaml"
        return Desired(
            Manifest(name, file, None, (), {}, {stage: () for stage in rules.stages}, {}, {}, kind),
            rules,
        )

    def _check_names(
        self, names: Sequence[str], observed: Mapping[str, ObservedModel], gone: Sequence[str]
    ) -> None:
        for name in names:
            if name in self._desired or (name in gone and self._ways.prune):
                continue
            suggestion = did_you_mean(name, self._desired)
            hint = f"; {suggestion}" if suggestion else "."
            what = "is in MLflow and has no manifest" if name in observed else "has no manifest"
            raise Failure(f"{name} {what} in {self._workspace.registry}/models/{hint}")


def _held_back(model: ModelPlan) -> ModelPlan:
    return replace(
        model, changes=tuple(replace(change, applies=False) for change in model.changes), stamps=()
    )
