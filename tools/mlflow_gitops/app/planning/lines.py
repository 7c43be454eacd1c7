"""Read the line of commits that leads to a target (RULES R1)."""

from __future__ import annotations

from collections.abc import Collection

from mlflow_gitops.app.workspace import Merge, Workspace
from mlflow_gitops.core.history.line.rerouting import Rerouted, reroute
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.edges.git.refs.main_branch import BRANCH_GONE
from mlflow_gitops.edges.git.refs.names import AMBIGUOUS, NOT_A_BRANCH
from mlflow_gitops.errors import GitFailure

_WRONG_MAIN = (BRANCH_GONE, AMBIGUOUS, NOT_A_BRANCH)
"""Codes of failures that a user must know of. A main branch that was not fetched yet is none: a
commit can be planned without it."""


class LineReader:
    """Reads lines of commits of one repository."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._git = workspace.git
        self._registry = workspace.registry

    def to_commit(self, commit: str) -> MainLine:
        """The history that ends with a commit: its first parents.

        If the main branch was merged into the commit's branch, first parents lack what happened on
        the main branch since the two diverged. Then the line is the main line up to its newest
        commit in that history, followed by what the branch did since that merge.
        """
        return self._finished(self._to_commit(commit), is_main_line=self._is_on_main(commit))

    def commit_through(self, commit: str, reconciled: Collection[str]) -> Rerouted:
        """The history that ends with a commit, through commits that were reconciled (`reroute`)."""
        rerouted = reroute(self._to_commit(commit), self._git.graph(commit), reconciled)
        return Rerouted(self._finished(rerouted.line), rerouted.merges)

    def _to_commit(self, commit: str) -> MainLine:
        """The line of `to_commit` without times and changes."""
        start = self._newest_merged(commit)
        if start is None:
            return self._git.first_parent_line(commit)

        branch = self._git.first_parent_line(commit)
        since_merge = self._git.after(start, commit)
        line = self._git.first_parent_line(start)
        for sha, seconds in zip(branch.shas, branch.dates, strict=True):
            if sha in since_merge:
                line.shas.append(sha)
                line.dates.append(seconds)
        return line

    def to_merge(self, merge: Merge) -> MainLine:
        """The main line as it will be: the branch's, and then the merge, under the name of the
        revision."""
        return self.merge_through(merge, ()).line

    def merge_through(self, merge: Merge, reconciled: Collection[str]) -> Rerouted:
        """The line of `to_merge`, through commits that were reconciled (`reroute`)."""
        line = self._git.first_parent_line(merge.commit)
        merges: tuple[str, ...] = ()
        if reconciled:
            onto = self._git.first_parent_line(merge.onto)
            branch_line, merges = reroute(onto, self._git.graph(merge.onto), reconciled)
            line = branch_line if merge.is_nothing else _extended(branch_line, line)
        line = self._finished(line)
        return Rerouted(line if merge.is_nothing else self._renamed(line, merge), merges)

    def _renamed(self, line: MainLine, merge: Merge) -> MainLine:
        """A line that ends with a planned merge, under the name of its revision."""
        revision = self._git.describe(merge.revision)
        at = line.commits[merge.commit].at if merge.commit in line.commits else revision.at
        commits = {sha: commit for sha, commit in line.commits.items() if sha != merge.commit}
        commits[merge.revision] = revision._replace(at=at)
        return MainLine([*line.shas[:-1], merge.revision], line.changes, commits, dates=line.dates)

    def _is_on_main(self, commit: str) -> bool:
        try:
            return commit in self._workspace.main_line
        except GitFailure:
            return False

    def _finished(self, line: MainLine, *, is_main_line: bool = False) -> MainLine:
        """A line with its times, its changes and the policies of its environment. What is read of
        the main line is added to the index."""
        line.date(self._workspace.settings.now().timestamp())
        self._git.add_changes(line, self._registry.paths, is_main_line=is_main_line)
        if self._workspace.environment is None:
            return line
        # Few repositories have several environments.
        from mlflow_gitops.app.planning.named_policies import NamedPolicies

        return NamedPolicies(self._workspace, self._workspace.environment).on(line)

    def _newest_merged(self, commit: str) -> str | None:
        """The newest commit of the main line that a merge brought into a commit's history. None if
        the commit's first parents lead to it, or if the main line is not known."""
        try:
            main_line = self._workspace.main_line
        except GitFailure as failure:
            if failure.code in _WRONG_MAIN:
                raise
            return None
        if commit in main_line:
            return None

        missing = self._git.first_parents(self._workspace.main_ref, excluded=commit)
        newest_index = len(main_line) - len(missing) - 1
        newest = next((sha for sha, index in main_line.items() if index == newest_index), None)
        return None if newest in self._git.first_parents(commit) else newest


def _extended(line: MainLine, planned: MainLine) -> MainLine:
    """A line with the last commit of another one, the planned merge, at its end. It is a new value:
    a line that was read already has an index of its commits."""
    end = len(line.shas)
    merges = dict(line.merges)
    if beside := planned.merges.get(len(planned.shas) - 1):
        merges[end] = beside
    return MainLine(
        [*line.shas, planned.shas[-1]],
        [],
        {},
        merges=merges,
        dates=[*line.dates, planned.dates[-1]],
    )
