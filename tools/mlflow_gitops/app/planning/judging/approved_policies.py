"""Find out which policies of a line were approved, and so count (RULES R3).

The forge is asked only if a policy asks for approvals and was changed after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.policy import Policy

if TYPE_CHECKING:
    from mlflow_gitops.app.planning.judging.counting_policies import (
        CountingPolicies,
        PolicyStanding,
    )
    from mlflow_gitops.core.verdicts.evidence import Evidence


class JudgingPolicy(NamedTuple):
    """A policy that judges changes, and the commit that made it."""

    policy: Policy
    commit: str


class ApprovedPolicies:
    """The policies along one line of commits, and which of them count."""

    def __init__(
        self, workspace: Workspace, line: MainLine, histories: HistoryReader, evidence: Evidence
    ) -> None:
        self._workspace = workspace
        self._line = line
        self._histories = histories
        self._evidence = evidence
        self.was_asked = False
        """Whether anything was judged by these policies."""

    def before(self, position: int) -> Policy | None:
        """The last policy before the commit at a position that counts, if the one there does
        not."""
        self.was_asked = True
        standing = self._counting.at(position - 1)
        if standing is None or standing.is_approved:
            return None
        return standing.counting.policy

    def standing(self, commit: str | None) -> PolicyStanding | None:
        """Which policy counts at a commit of the line; None stands for the line's end. None if
        there is no policy yet."""
        position = len(self._line.shas) - 1 if commit is None else self._line.index[commit]
        return self._counting.at(position)

    def notices(self, commit: str | None, is_new: Callable[[], bool]) -> Iterator[str]:
        """The policy at a commit of the line, or at its end, that does not count: only if something
        was judged, or that policy `is_new`, not reconciled yet."""
        if self.was_asked or (len(self._histories.policies.changed_at()) > 1 and is_new()):
            standing = self.standing(commit)
            if standing is not None and not standing.is_approved:
                yield standing.unapproved_notice(self._workspace.registry.policy_path)

    def judging(self, commit: str | None) -> JudgingPolicy | None:
        """The policy that counts at a commit of the line, or at its end; None if there is none."""
        standing = self.standing(commit)
        if standing is None:
            return None
        return JudgingPolicy(standing.counting.policy, standing.counting.commit.sha)

    @cached_property
    def _counting(self) -> CountingPolicies:
        # Few plans judge anything by a policy that was changed.
        from mlflow_gitops.app.planning.judging.counting_policies import CountingPolicies
        from mlflow_gitops.app.planning.judging.policy_approvals import PolicyApprovals

        approvals = PolicyApprovals(self._workspace, self._line, self._evidence)
        return CountingPolicies(self._histories.policies.usable(), approvals.of)
