"""The plan as a value: what would change, why, and what stands in the way. Renderers print it,
apply carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.plan.fingerprint import Fingerprint
from mlflow_gitops.core.secrets import is_secret_name, mask_pair, shown_source
from mlflow_gitops.core.verdicts.verdict import ChangeApprovers, Refusal, ReturningVersion, Verdict
from mlflow_gitops.core.yaml.problems import Problem

if TYPE_CHECKING:
    from mlflow_gitops.core.comparison.policies import PolicyComparison
    from mlflow_gitops.core.comparison.values import Comparison
    from mlflow_gitops.core.history.people import RecordedPeople
    from mlflow_gitops.core.plan.review import PlanLinks, StageReview

Action = Literal[
    "create_model",
    "register_version",
    "transition",
    "set_alias",
    "delete_alias",
    "set_tag",
    "delete_tag",
    "set_description",
]
Cause = Literal["commit", "drift", "unknown"]
Sync = Literal["Synced", "Pending", "Drifted", "Missing", "Unmanaged", "Unknown", "Invalid"]
Value = str | int | None


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `version` is None for what belongs to the model; `key` is an alias's or a tag's
    name.

    `before` and `after` are what MLflow holds and what it shall hold. `applies` is False where a
    refusal or `drift: report` keeps it from being done. `commit` made it so; None for drift and for
    what is not committed yet. `pin` says what a version that is to be registered is made from.
    """

    action: Action
    version: int | None = None
    key: str | None = None
    before: Value = None
    after: Value = None
    cause: Cause = "commit"
    applies: bool = True
    commit: Commit | None = None
    pin: VersionSpec | None = field(default=None, compare=False)

    @property
    def shown(self) -> tuple[Value, Value]:
        """`before` and `after` as they may be shown and recorded: without the credentials of an
        address, and without the values of tags whose names look like secrets."""
        if self.action == "register_version" and isinstance(self.after, str):
            return self.before, shown_source(self.after)
        if self.action in ("set_tag", "delete_tag") and is_secret_name(self.key or ""):
            before, after = (None if value is None else str(value) for value in self._values)
            return mask_pair(before, after)
        return self._values

    @property
    def _values(self) -> tuple[Value, Value]:
        return self.before, self.after


@dataclass(frozen=True, slots=True)
class StageChange:
    """What one stage will be: the versions that hold it in MLflow and those that shall."""

    stage: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    cause: Cause
    commit: Commit | None
    reason: str = ""
    """For drift: what happened in MLflow."""
    comparison: Comparison | None = None
    """The version that the stage loses and the one it gets, where it is asked for
    (`Planner.compared`)."""
    review: StageReview | None = None
    """What is known of these versions, in a plan that is made to be reviewed."""


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """One model's part of the plan. `changes` is in the order of the writes (RULES R5); `stamps`
    follow them, the model's own `gitops.commit` last."""

    model: str
    file: str | None
    sync: Sync
    base: str | None
    observed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    desired: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    stages: tuple[StageChange, ...] = ()
    changes: tuple[Change, ...] = ()
    stamps: tuple[Change, ...] = ()
    gates: tuple[Verdict, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    deferred: str | None = None
    """Until when a soak keeps back what git asks for, RFC 3339; None where none does."""
    people: Mapping[str, RecordedPeople] = field(default_factory=dict)
    """Making commits to who stands behind them, in a plan that is made to be carried out."""
    already_applied: tuple[Change, ...] = ()
    """What git changed since the base and MLflow holds already, in a plan that is made to be
    carried out."""
    compared_files: Mapping[int, str] = field(default_factory=dict)
    """The versions whose files were read and have their pinned digest, with that digest."""
    is_adoption: bool = False
    """Whether MLflow has the model and no reconcile of this repository came before."""
    returning: tuple[ReturningVersion, ...] = ()
    """The versions that come back to a stage from which they were rolled back."""
    owners: tuple[str, ...] = ()
    """The people and teams that the manifest names, in a plan that is made to be reviewed."""
    approvers: ChangeApprovers | None = None
    """Who approved the change; None if no gate asked for it, or the forge gave no answer."""
    registered: str | None = None
    """When MLflow registered the model, RFC 3339; None if it does not have the model or does not
    say."""

    @property
    def applying(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.applies)

    @property
    def is_invalid(self) -> bool:
        """Whether a file of the model is invalid."""
        return any(refusal.is_invalid for refusal in self.refusals)

    @property
    def is_refused(self) -> bool:
        """Whether something is refused for another reason than an invalid file."""
        return any(not refusal.is_invalid for refusal in self.refusals)

    @property
    def has_work(self) -> bool:
        """Whether reconciling would write anything, stamps included."""
        return bool(self.applying or self.stamps)


@dataclass(frozen=True, slots=True)
class RemovedManifest:
    """A model whose manifest the target deletes, and what MLflow keeps in its stages."""

    model: str
    stages: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole plan. `commit` is None for a working tree with uncommitted changes, which can be
    planned but not applied."""

    commit: str | None
    models: tuple[ModelPlan, ...]
    fingerprint: Fingerprint
    unmanaged: tuple[str, ...] = ()
    without_manifest: tuple[str, ...] = ()
    """Models that were reconciled from this repository and have no manifest any more."""
    refusals: tuple[Refusal, ...] = ()
    """What stops the whole run."""
    onto: str | None = None
    """The branch that a merge is planned into; then `models` are those that the merge changes, and
    `others` counts the rest."""
    unchanged_models: int = 0
    errors: tuple[Problem, ...] = ()
    """What is invalid in git, of the planned models and of the policy."""
    earlier_errors: tuple[Problem, ...] = ()
    """For a merge: what is invalid on the branch already, and not changed by the merge."""
    notices: tuple[str, ...] = ()
    """What is wrong with the clone or the main line as a whole, one sentence or two each."""
    policy: PolicyComparison | None = None
    """What the target changes in the policy, compared with the one that judges; None if nothing."""
    removed: tuple[RemovedManifest, ...] = ()
    """The models of `without_manifest` whose manifest this very target deletes."""
    made_at: str = ""
    """When the plan was made, RFC 3339, if it is made to be reviewed."""
    links: PlanLinks | None = None
    """Where people see its commits, versions and runs, if it is made to be reviewed."""

    @property
    def summary(self) -> dict[str, int]:
        return {
            "models": len(self.models),
            "changed": sum(1 for model in self.models if model.changes),
            "changes": sum(len(model.changes) for model in self.models),
            "refused": sum(model.is_refused for model in self.models) + len(self.refusals),
            "invalid": sum(model.is_invalid for model in self.models),
        }


def stages_already_held(model: ModelPlan) -> dict[str, list[int]]:
    """Stages that gates were asked for although MLflow already shows the versions there."""
    changing = {row.stage for row in model.stages}
    versions_by_stage: dict[str, set[int]] = {}
    for verdict in model.gates:
        if verdict.stage not in changing:
            versions_by_stage.setdefault(verdict.stage, set()).add(verdict.version)
    return {stage: sorted(versions) for stage, versions in versions_by_stage.items()}
