"""Find the open pull request that has a commit as its head."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from github.PullRequest import PullRequest

    from mlflow_gitops.edges.github.graph.queried import QueriedRepository
    from mlflow_gitops.edges.github.graph.reader import PullRequestReader


class OpenPullRequests:
    """The open pull requests of one repository. Every method raises ForgeFailure."""

    def __init__(self, github: QueriedRepository, reader: PullRequestReader) -> None:
        self._github = github
        self._reader = reader
        self._found: dict[tuple[str, str], PullRequest] = {}

    def at(self, head: str, base: str) -> PullRequest | None:
        """Return the newest one into a branch that has this head; it is looked up once."""
        if (head, base) not in self._found:
            pull = self._associated(head, base) or self._listed(head, base)
            if pull is None:
                return None
            self._found[head, base] = pull
        return self._found[head, base]

    def _associated(self, head: str, base: str) -> PullRequest | None:
        """The one that GitHub associates with the commit, read together with all that belongs to
        it."""
        read = self._reader.of_commit(head, with_comments=True)
        with self._github.request("read the open pull requests"):
            at_head = [
                each.pull
                for each in read
                if each.pull.state == "open"
                and (each.pull.head.sha, each.pull.base.ref) == (head, base)
                and self._github.owns(each.pull.base.repo)
            ]
        return max(at_head, key=lambda pull: pull.number, default=None)

    def _listed(self, head: str, base: str) -> PullRequest | None:
        with self._github.request("list the open pull requests"):
            open_pulls = self._github.repo.get_pulls(
                state="open", sort="created", direction="desc", base=base
            )
            return next((pull for pull in open_pulls if pull.head.sha == head), None)
