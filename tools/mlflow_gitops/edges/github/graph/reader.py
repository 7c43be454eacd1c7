"""Read the pull requests of a commit by one GraphQL query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlflow_gitops.edges.github.graph import rest_form
from mlflow_gitops.edges.github.graph.query import OF_COMMIT
from mlflow_gitops.errors import ForgeFailure

if TYPE_CHECKING:
    from github.Commit import Commit
    from github.IssueComment import IssueComment
    from github.PullRequest import PullRequest
    from github.PullRequestReview import PullRequestReview

    from mlflow_gitops.edges.github.graph.queried import QueriedRepository


@dataclass(frozen=True, slots=True)
class ReadPullRequest:
    """A pull request with what belongs to it. What is None has to be read by the REST API."""

    pull: PullRequest
    commits: Sequence[Commit] | None
    reviews: Sequence[PullRequestReview] | None


class PullRequestReader:
    """Reads pull requests. `emails` has the public address of each person whose account was read,
    by the login in lower case.

    It is only a short cut: if GitHub refuses the query, it is not asked again, and what is not
    found here is looked for by the REST API.
    """

    def __init__(self, github: QueriedRepository) -> None:
        self._github = github
        self._is_refused = False
        self._by_number: dict[int, ReadPullRequest] = {}
        self._comments: dict[int, Sequence[IssueComment]] = {}
        self.emails: dict[str, str | None] = {}
        self.login: str | None = None
        """The login that the token acts as, once it was read."""

    def of_commit(self, sha: str, *, with_comments: bool = False) -> list[ReadPullRequest]:
        """The pull requests that GitHub associates with a commit, as far as they can be read."""
        if self._is_refused:
            return []
        try:
            with self._github.request(f"find the pull requests of {sha[:7]}"):
                return self._read(sha, with_comments=with_comments)
        except ForgeFailure:
            self._is_refused = True
            return []

    def get(self, number: int) -> ReadPullRequest | None:
        """A pull request that was read before."""
        return self._by_number.get(number)

    def take_comments(self, number: int) -> Sequence[IssueComment] | None:
        """The comments of a pull request, once: they may have changed when they are needed
        again."""
        return self._comments.pop(number, None)

    def _read(self, sha: str, *, with_comments: bool) -> list[ReadPullRequest]:
        owner, _, name = self._github.repository.partition("/")
        variables = {"owner": owner, "name": name, "sha": sha, "comments": with_comments}
        _, answer = self._github.client.requester.graphql_query(OF_COMMIT, variables)
        data = answer["data"]
        commit = data["repository"]["object"]
        if not commit:
            return []
        found = rest_form.nodes(commit["associatedPullRequests"]) or []
        read = [self._pull_request(pull, with_comments=with_comments) for pull in found]
        if with_comments:
            self.login = str(data["viewer"]["login"])
        return [pull for pull in read if pull is not None]

    def _pull_request(
        self, answer: Mapping[str, Any], *, with_comments: bool
    ) -> ReadPullRequest | None:
        from github.Commit import Commit
        from github.IssueComment import IssueComment
        from github.PullRequest import PullRequest
        from github.PullRequestReview import PullRequestReview

        url = self._github.repo.url
        form = rest_form.pull_request(answer, url)
        if form is None:
            return None
        commits, reviews = rest_form.commits(answer), rest_form.reviews(answer)
        comments = rest_form.comments(answer, url) if with_comments else None
        number = form["number"]
        if comments is not None:
            self._comments[number] = self._objects(IssueComment, comments)
        read = ReadPullRequest(
            self._object(PullRequest, form),
            self._objects(Commit, commits) if commits is not None else None,
            self._objects(PullRequestReview, reviews) if reviews is not None else None,
        )
        for review in reviews or ():
            if review["user"]["type"] == "User":
                self.emails[review["user"]["login"].lower()] = review["user"]["email"]
        self._by_number[number] = read
        return read

    def _objects(self, kind: Any, forms: Sequence[Mapping[str, Any]]) -> list[Any]:
        return [self._object(kind, form) for form in forms]

    def _object(self, kind: Any, form: Mapping[str, Any]) -> Any:
        """PyGithub's object of an answer. It is complete: a field that is missing is not read."""
        from github.GithubObject import CompletableGithubObject

        completed = {"completed": True} if issubclass(kind, CompletableGithubObject) else {}
        return kind(self._github.client.requester, {}, dict(form), **completed)
