"""Show what a plan's target changes in the policy, and whether that counts (RULES R3, R9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.plan_lines import PlanLine
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.policy import Policy

if TYPE_CHECKING:
    from mlflow_gitops.core.comparison.policies import PolicyComparison


class PolicyChangeReader:
    """The policy of one target compared with the one that judges its changes. `bases` are the
    commits that the models were reconciled to."""

    def __init__(
        self, line: PlanLine, target: Target, policy: Policy, file: str, bases: Collection[str]
    ) -> None:
        self._line = line
        self._policy = policy
        self._file = file
        self._bases = bases
        merge = target.merge
        self._onto = merge.onto if merge is not None and not merge.is_nothing else None

    def comparison(self, models: Mapping[str, Kind]) -> PolicyComparison | None:
        """What the policy changes for these models; None if it changes nothing.

        It is compared with the policy that counts at the branch's tip, or at the commit that was
        reconciled last, or, if an unapproved one was reconciled already, at the target.
        """
        if not self._line.line.shas or self._line.histories.policies.is_first(self._policy):
            return None
        approved = self._line.approved
        before: str | None
        if self._onto is not None:
            is_shown, before = self._differs_from(self._onto), self._onto
        elif self._is_new():
            is_shown, before = True, self._reconciled()
        else:
            is_shown, before = approved.was_asked, None
        judging = approved.judging(before) if is_shown else None
        if judging is None or judging.policy.raw == self._policy.raw:
            return None

        # Few plans change the policy.
        from mlflow_gitops.app.planning.judging.changed_rules import changed_rules

        return changed_rules(self._file, judging, self._policy, approved.standing(None), models)

    def _differs_from(self, commit: str) -> bool:
        policy = self._line.histories.policies.at(commit)
        return policy is None or policy.raw != self._policy.raw

    def _reconciled(self) -> str | None:
        """The commit of the line that was reconciled last."""
        position = self._line.policies.position_before(None, None)
        return self._line.line.shas[position] if position is not None else None

    def _is_new(self) -> bool:
        return self._line.policies.is_new(self._onto, self._bases)
