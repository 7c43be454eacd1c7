"""Find out which policies of a line were approved, and so count (RULES R3).

The forge is asked only if a policy asks for approvals and was changed after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from mlflow_gitops.app.planning.judging.counting_policies import (
    ChangedPolicy,
    CountingPolicies,
    PolicyStanding,
    required_approvals,
    unapproved_policy,
)
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.gates.approvals import RequiredApprovals
from mlflow_gitops.core.gates.gate import Finding, failed
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.history.policy_history import PolicyChange
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS
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
                yield unapproved_policy(standing, self._workspace.registry.policy_path)

    def judging(self, commit: str | None) -> JudgingPolicy | None:
        """The policy that counts at a commit of the line, or at its end; None if there is none."""
        standing = self.standing(commit)
        if standing is None:
            return None
        return JudgingPolicy(standing.counting.policy, standing.counting.commit.sha)

    def missing(self, policy: Policy, judging: Policy) -> tuple[str | None, str]:
        """The commit that made the target's policy, None if it is not committed; and what approvals
        it still needs, by the policy that judges its change."""
        standing = self.standing(None)
        if standing is not None and standing.newest.policy.raw == policy.raw:
            missing = dict.fromkeys(finding.detail for finding in standing.missing)
            return standing.newest.commit.sha, "; ".join(missing)
        required = required_approvals(judging)
        return None, "; ".join(f"needs {approval.text} of a pull request" for approval in required)

    @cached_property
    def _counting(self) -> CountingPolicies:
        return CountingPolicies(self._histories.policies.usable(), self._approval)

    def _approval(self, change: PolicyChange, required: RequiredApprovals) -> Finding:
        """Whether a change of the policy has these approvals. Naming another policy file in the
        list of environments is one, too."""
        files = [self._workspace.registry.policy_path]
        if self._blob(change.commit.sha, files[0]) != change.blob:
            return failed("the merge makes another policy of it, or it was in another file then")
        if self._workspace.environment is not None:
            listed = f"{self._workspace.root}/{ENVIRONMENTS}"
            before = self._line.shas[change.index - 1] if change.index else ""
            if self._blob(change.commit.sha, listed) != self._blob(before, listed):
                files.append(listed)

        findings = [
            ChangedPolicy(change.commit, file, self._evidence).judged(required) for file in files
        ]
        missing = (finding for finding in findings if finding.status != "passed")
        return next(missing, findings[0])

    def _blob(self, commit: str, path: str) -> str | None:
        return self._workspace.git.query("rev-parse", "--verify", "-q", f"{commit}:{path}") or None
