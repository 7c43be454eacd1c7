"""Find the policies that judge a change beside the one before its making commit (RULES R3): those
before the other commits of the same change, the one that was last in force at a reconcile, and for
each of these that was not approved the last approved one before it.

A change that came by one pull request may be several commits of the main line, if it was rebased. A
reconcile may have run between them, so its own first commits must not judge the later ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.app.evidence import WorkspaceEvidence
from mlflow_gitops.app.planning.judging.approved_policies import ApprovedPolicies
from mlflow_gitops.app.planning.judging.policies_in_force import PoliciesInForce
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import Commit, MainLine
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.recorded.values import Unreadable

_MAX_COMMITS = 250
"""Commits of one pull request that a forge lists; a larger one is not read."""
_ONE_PUSH = 10
"""Seconds between the committer dates of commits that a forge rebases together."""


class ChangeJudges:
    """The policies that judge the changes of one line of commits."""

    def __init__(
        self,
        line: MainLine,
        histories: HistoryReader,
        evidence: WorkspaceEvidence,
        policies: PoliciesInForce,
        approved: ApprovedPolicies,
    ) -> None:
        self._line = line
        self._histories = histories
        self._evidence = evidence
        self._policies = policies
        self._approved = approved
        self._answers: dict[tuple[str | None, str | None], Sequence[Policy]] = {}
        self._starts: dict[str, int] = {}

    def of(self, making_commit: Commit | None, base: str | None) -> Sequence[Policy]:
        """The policies that judge what a commit makes, beside the one before it. `base` is the
        model's own."""
        key = making_commit.sha if making_commit is not None else None, base
        if key not in self._answers:
            policies = self._find(making_commit, base)
            self._answers[key] = [policy for policy in policies if policy is not None]
        return self._answers[key]

    def _find(self, making_commit: Commit | None, base: str | None) -> Iterator[Policy | None]:
        end = len(self._line.shas)
        position = start = end
        if making_commit is not None:
            position = start = self._line.index.get(making_commit.sha, end)
        if making_commit is not None and position < end:
            start = self._start(making_commit)

        commits = [making_commit]
        if start < position:
            commits.append(self._commit(start))
        for commit in commits:
            yield self._policies.before(commit, base)
            reconciled = self._policies.position_before(commit, base)
            if reconciled is not None:
                yield self._approved.before(reconciled + 1)

        yield from (self._histories.policies.before_or_none(at) for at in range(start, position))
        yield from (self._approved.before(at) for at in range(start, position + 1))

    def _start(self, making_commit: Commit) -> int:
        """The position of the first commit of the change that a commit belongs to. The forge is
        asked only if the policy changed not long before the commit."""
        if making_commit.sha not in self._starts:
            self._starts[making_commit.sha] = self._find_start(making_commit)
        return self._starts[making_commit.sha]

    def _find_start(self, making_commit: Commit) -> int:
        position = self._line.index[making_commit.sha]
        earliest = max(0, position - _MAX_COMMITS + 1)
        changes = self._histories.policies.changed_at()
        if not any(earliest <= changed_at < position for changed_at in changes):
            return position
        if not self._evidence.is_merged(making_commit):
            return position

        try:
            first = self._evidence.first_of_change(making_commit)
        except Unreadable:
            return self._start_by_dates(position, earliest)
        if first is None:
            return position
        return min(self._line.index.get(first, position), position)

    def _start_by_dates(self, position: int, earliest: int) -> int:
        """Where the change may have begun, if the forge gives no answer: a rebase commits all of
        its commits within seconds."""
        dates = self._line.dates
        while position > earliest and abs(dates[position] - dates[position - 1]) <= _ONE_PUSH:
            position -= 1
        return position

    def _commit(self, position: int) -> Commit:
        return Commit(self._line.shas[position], "", "", "")
