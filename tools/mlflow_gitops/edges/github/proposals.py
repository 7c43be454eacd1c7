"""Proposals on GitHub: the pull requests of the branches that are kept for them
(`core/authoring/proposals.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_gitops.core.authoring.proposals import marker, proposed_in, withdrawn
from mlflow_gitops.edges.github.client import MAX_TITLE, GitHub, marked, short

if TYPE_CHECKING:
    from github.PullRequest import PullRequest


@dataclass(frozen=True, slots=True)
class Request:
    """A pull request of such a branch. `version` is what it proposes, None where its text does not
    say; `head` the commit that it has, or had when it was closed."""

    number: int
    branch: str
    head: str
    version: int | None
    merged: bool
    text: str
    url: str


class Requests:
    """The pull requests of this repository's own branches into one branch. Every method raises
    GitHubFailure.

    Whoever may push such a branch may also edit any pull request's text, so who opened it says
    nothing.
    """

    def __init__(self, github: GitHub, base: str) -> None:
        self._github = github
        self._base = base

    def open(self, prefix: str) -> dict[str, Request]:
        """Those that are open, by branch; all that begin with `prefix`."""
        with self._github.asking("list the open pull requests"):
            found = self._github.repo.get_pulls(
                state="open", sort="created", direction="asc", base=self._base
            )
            return {pull.head.ref: _told(pull) for pull in found if self._is_here(pull, prefix)}

    def closed(self, branch: str) -> list[Request]:
        """Those of one branch that are closed or merged."""
        owner = self._github.repository.split("/")[0]
        with self._github.asking(f"list the pull requests of {branch}"):
            found = self._github.repo.get_pulls(
                state="closed", head=f"{owner}:{branch}", base=self._base
            )
            return [_told(pull) for pull in found if self._is_here(pull, branch)]

    def put(self, branch: str, version: int, title: str, text: str) -> str:
        """Open the branch's pull request, or bring the open one up to date. Returns its address."""
        return self._github.open_pull(
            branch, short(title, MAX_TITLE), marked(marker(version), text), self._base
        )

    def withdraw(self, request: Request, why: str) -> None:
        """Close one that is no longer of use. That is nobody's decision about its version, so it
        loses its marker."""
        with self._github.asking(f"close #{request.number}"):
            issue = self._github.repo.get_issue(request.number)
            issue.edit(body=withdrawn(request.text), state="closed")
            issue.create_comment(why)

    def _is_here(self, pull: PullRequest, prefix: str) -> bool:
        home = pull.head.repo
        mine = home is not None and home.full_name.lower() == self._github.repository.lower()
        return mine and pull.head.ref.startswith(prefix)


def _told(pull: PullRequest) -> Request:
    text = pull.body or ""
    return Request(
        pull.number,
        pull.head.ref,
        pull.head.sha,
        proposed_in(text),
        pull.merged_at is not None,
        text,
        pull.html_url,
    )
