"""The connection to one repository on GitHub, through PyGithub.

Importing PyGithub takes half a second, so that happens at the first request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from mlflow_gitops.edges.github.api.failures import no_answer, other_host, refusal, unusable
from mlflow_gitops.edges.github.graph.open_pulls import OpenPullRequests
from mlflow_gitops.edges.github.graph.reader import PullRequestReader
from mlflow_gitops.errors import ForgeFailure
from mlflow_gitops.settings import DEFAULT_PATIENCE

if TYPE_CHECKING:
    from github import Github
    from github.PullRequest import PullRequest
    from github.Repository import Repository

API = "https://api.github.com"
_PAGE = 100
"""Entries of one page: the most that the API sends."""
_NO_SUCH_THING = (404, 409, 422)
"""Statuses that mean: GitHub does not have it (409: the repository is empty)."""

_MALFORMED = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What reading a field raises if an answer does not have it, or as something else."""
_WITHOUT_FIELDS = "an answer without fields that GitHub documents"

_Answer = TypeVar("_Answer")


class GitHubConnection:
    """One repository on GitHub. `token` is sent to `api_url` alone, and never shown. `pauses`
    (seconds) come before each new question about what GitHub does not know yet.

    Every method raises ForgeFailure.
    """

    def __init__(
        self,
        repository: str,
        token: str,
        api_url: str = API,
        pauses: Sequence[float] = DEFAULT_PATIENCE.forge_pauses,
    ) -> None:
        self.repository = repository
        self.api_url = api_url.rstrip("/")
        self.pauses = pauses
        self._token = token
        self.reader = PullRequestReader(self)
        self._open_pulls = OpenPullRequests(self, self.reader)

    @property
    def owner(self) -> str:
        """The owner's login, as GitHub has it now."""
        return str(self._identity.full_name).split("/")[0]

    @cached_property
    def _identity(self) -> Repository:
        """The repository as GitHub has it now: it may have been renamed or transferred since
        `repository` was written down."""
        with self.request("read the repository"):
            return self.client.get_repo(self.repository).complete()

    @cached_property
    def client(self) -> Github:
        """The PyGithub client."""
        from mlflow_gitops.edges.github.api.client import new_client

        return new_client(self._token, self.api_url, _PAGE)

    @cached_property
    def repo(self) -> Repository:
        """The repository; PyGithub reads it when a field of it is used."""
        return self.client.get_repo(self.repository)

    @property
    def is_private(self) -> bool:
        with self.request("read the repository"):
            return bool(self._identity.private)

    @property
    def allows_forks(self) -> bool:
        """Whether the repository may be forked; true if GitHub does not say."""
        with self.request("read the repository"):
            return self._identity.raw_data.get("allow_forking") is not False

    @cached_property
    def default_branch(self) -> str:
        return str(self._identity.default_branch)

    @cached_property
    def login(self) -> str:
        """The login that the token acts as. Only the GraphQL API returns it for an app's token."""
        if self.reader.login is not None:
            return self.reader.login
        with self.request("read whose token this is"):
            _, answer = self.client.requester.graphql_query("query { viewer { login } }", {})
        return str(answer["data"]["viewer"]["login"])

    @contextmanager
    def request(self, purpose: str) -> Iterator[None]:
        """Turn what PyGithub raises into a ForgeFailure.

        `purpose` completes a sentence after "to": "read the reviews of #7".
        """
        from github import BadAttributeException, GithubException, IncompletableObject
        from requests.exceptions import RequestException

        from mlflow_gitops.edges.github.api.transport import OtherHost, UnusableAnswer

        try:
            yield
        except IncompletableObject:  # PyGithub's own, for an answer without the address of a thing
            raise unusable(_WITHOUT_FIELDS, purpose, self.api_url) from None
        except GithubException as error:
            raise refusal(error, purpose, self.repository, self._token) from None
        except (AssertionError, OtherHost):
            # PyGithub asserts that it sends the token to the host it was given, and no other.
            raise other_host(self.api_url) from None
        except RequestException as error:
            raise no_answer(error, purpose, self.api_url) from None
        except UnusableAnswer as error:
            raise unusable(str(error), purpose, self.api_url) from None
        except (BadAttributeException, *_MALFORMED) as error:
            description = f"{_WITHOUT_FIELDS} ({type(error).__name__})"
            raise unusable(description, purpose, self.api_url) from None

    def unless_missing(
        self, purpose: str, request: Callable[[], _Answer], *also_missing: int
    ) -> _Answer | None:
        """Return an answer; None if GitHub does not have it, or answers with `also_missing`."""
        try:
            with self.request(purpose):
                return request()
        except ForgeFailure as failure:
            if failure.status in (*_NO_SUCH_THING, *also_missing):
                return None
            raise

    def get(self, path: str, **parameters: Any) -> Any:
        """Read a path below the repository's own, for what PyGithub has no objects. Raises
        PyGithub's own exceptions: call it inside of `request`."""
        _, answer = self.client.requester.requestJsonAndCheck(
            "GET", f"{self.repo.url}/{path}", parameters=parameters or None
        )
        return answer

    def get_page(self, path: str) -> Any:
        """As `get`: the first hundred entries of a list, for lists that are never longer."""
        return self.get(path, per_page=_PAGE)

    def owns(self, repository: Any) -> bool:
        """Whether a PyGithub object's repository is this one."""
        if repository is None:
            return False
        name = str(repository.full_name).lower()
        return name == self.repository.lower() or name == str(self._identity.full_name).lower()

    def pull_request_at(self, head: str, base: str) -> PullRequest | None:
        """Return the newest open pull request into a branch whose head is a commit. One that was
        found is not looked up again."""
        return self._open_pulls.at(head, base)
