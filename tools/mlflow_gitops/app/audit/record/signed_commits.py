"""`verify --signatures`: do the commits that put versions into stages have good signatures?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlflow_gitops.app.audit.line.moments import LineMoments
from mlflow_gitops.app.audit.model_account import ModelAccount
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.history.mainline import MainLine


@dataclass(frozen=True, slots=True)
class SignedCommits:
    """Which commits must be signed: those from a time or after a revision on; all without one."""

    since: str | None = None

    def first_index(self, workspace: Workspace, line: MainLine) -> int:
        """The index of the first commit of a line that must be signed. Raises UsageFailure or
        GitFailure for a time or revision that does not exist."""
        if self.since is None:
            return 0
        moments = LineMoments(workspace.git, line, workspace.main_ref, workspace.settings.now)
        return moments.index_range(self.since, None)[0]


def unsigned_commits(
    workspace: Workspace, account: ModelAccount, first: int
) -> Iterator[Unexplained]:
    """The commits from an index of the main line on that put versions into stages and whose
    signature git does not accept. One that is not on the line counts, too."""
    if account.base is None:
        return
    entries = account.entries_at(account.positions[account.base.sha])
    commits = (entry.making_commit for entry in entries if entry.making_commit is not None)
    for commit in dict.fromkeys(commits):
        if account.positions.get(commit.sha, first) < first:
            continue
        fault = workspace.git.signature_fault(commit.sha)
        if fault:
            detail = f'{commit.sha[:12]} "{commit.subject}" {fault}'
            yield Unexplained(account.name, "signature", detail)
