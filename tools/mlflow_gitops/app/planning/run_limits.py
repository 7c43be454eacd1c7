"""How many models one run may change, by every policy whose limit applies (RULES R3, R4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.judging.policies_in_force import PoliciesInForce
from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.selection import PlannedModels
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.plan.refusals.run_limit import limit_refusal
from mlflow_gitops.core.verdicts.verdict import Refusal

if TYPE_CHECKING:
    from mlflow_gitops.core.manifests.restrictions import Limit


class RunLimits:
    """The limits on a run that applies one target: that of the target's own `policy`, and that of
    the policy that was last in force, so that no change lifts the limit on itself."""

    def __init__(
        self, target: Target, policy: Policy, policies: PoliciesInForce, options: PlanOptions
    ) -> None:
        self._target = target
        self._policy = policy
        self._policies = policies
        self._max_changes = options.max_changes

    def refusal(self, models: Sequence[ModelPlan], selection: PlannedModels) -> Refusal | None:
        """Refuse a run that changes too many of these models; None if it may go on."""
        refusals = (
            limit_refusal(
                models,
                limit,
                self._max_changes,
                selection.unplanned,
                is_everything_pruned=selection.is_everything_pruned,
            )
            for limit in self._limits(models)
        )
        return next((refusal for refusal in refusals if refusal is not None), None)

    def _limits(self, models: Sequence[ModelPlan]) -> Iterator[Limit | None]:
        yield self._policy.limit
        if any(model.applying for model in models):  # reading receipts takes time
            newest = self._target.line.shas[-1] if self._target.commit else None
            made = Commit(newest, "", "", "") if newest else None
            policy = self._policies.before(made, None)
            if policy is not None:
                yield policy.limit
