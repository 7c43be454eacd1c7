"""Find out whether a change of the policy was approved (RULES R3)."""

from __future__ import annotations

from mlflow_gitops.app.planning.judging.counting_policies import ChangedPolicy
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.gates.approvals import RequiredApprovals
from mlflow_gitops.core.gates.gate import Finding, failed
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.history.policy_history import PolicyChange
from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS
from mlflow_gitops.core.verdicts.evidence import Evidence


class PolicyApprovals:
    """The approvals of the policy's changes along one line of commits."""

    def __init__(self, workspace: Workspace, line: MainLine, evidence: Evidence) -> None:
        self._workspace = workspace
        self._line = line
        self._evidence = evidence

    def of(self, change: PolicyChange, required: RequiredApprovals) -> Finding:
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
