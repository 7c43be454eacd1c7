"""Where git meets GitHub: who approved a change, as gates and receipts ask it.

GitHub is asked only where something depends on the answer, and each thing once.
"""

from __future__ import annotations

from functools import cached_property

from mlflow_gitops.app.workspace import Merge, Workspace
from mlflow_gitops.core.gates.approvals import Approvals
from mlflow_gitops.core.history.approvals import Said, claimed
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.github.client import GitHub
from mlflow_gitops.edges.github.pull_requests import PullRequests
from mlflow_gitops.errors import GitHubFailure


class Approving:
    """The approvals of one workspace's commits. `merge` is the one that is only planned, if any."""

    def __init__(self, workspace: Workspace, merge: Merge | None = None) -> None:
        self._workspace = workspace
        self._merge = merge if merge and not merge.is_nothing else None

    def approvals(self, commit: Commit, file: str) -> Approvals | None:
        """What GitHub knows of a commit's approvals for one manifest: of the pull request that made
        it, or, before the merge, of the open one whose head it is. None where GitHub is not
        configured. Raises Unreadable."""
        asked = self._pull_requests
        if asked is None:
            return None
        planned = self._merge is not None and commit.sha == self._merge.revision
        try:
            if planned or commit.sha not in self._workspace.main_line:
                return asked.of_open(commit.sha, file)
            return asked.of_merged(commit.sha, file)
        except GitHubFailure as failure:
            raise Unreadable(str(failure)) from None

    def claims(self, commit: Commit) -> Approvals:
        """What the messages of a commit, and of those that a true merge brought in, claim of its
        approvals."""
        if self._merge is not None and commit.sha == self._merge.revision:
            return claimed(_said(self._workspace.git, f"{self._merge.onto}..{commit.sha}"))
        git = self._workspace.git
        parents = git.output("rev-list", "--parents", "-n", "1", commit.sha, "--").split()[1:]
        said = _said(git, "-n", "1", commit.sha)
        for merged in parents[1:]:
            said += _said(git, f"{parents[0]}..{merged}")
        return claimed(said)

    @cached_property
    def _pull_requests(self) -> PullRequests | None:
        git = self._workspace.git
        github = GitHub.configured(git)
        if github is None:
            return None
        return PullRequests(
            github, git, self._workspace.main_ref, lambda: self._workspace.main_line
        )


def _said(git: Git, *revisions: str) -> list[Said]:
    """Commits as witnesses. No name has a line break in it."""
    form = "--format=%an <%ae>%n%cn <%ce>%n%B"
    listed = git.output(
        "log", "--no-show-signature", "--encoding=UTF-8", "-z", form, *revisions, "--"
    )
    found = []
    for entry in listed.split("\0"):
        author, _, rest = entry.partition("\n")
        committer, _, message = rest.partition("\n")
        if author:
            found.append(Said(author, committer, message))
    return found
