"""What the use cases need from a forge: the server that hosts the repository and its pull requests.

Use cases and commands depend on these protocols and values alone. Each forge is one folder beside
this module that implements them (`edges/github/`), and one line in `app/forges.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from mlflow_gitops.errors import ForgeFailure

if TYPE_CHECKING:
    from mlflow_gitops.core.audit.record.forge_answers import ForgeRun
    from mlflow_gitops.core.history.approvals import ReviewedPullRequest, Reviewer
    from mlflow_gitops.core.history.web_pages import WebPages
    from mlflow_gitops.core.setup.doctor import CheckResult
    from mlflow_gitops.core.setup.workflow_files import Job
    from mlflow_gitops.edges.git.repository import Git

LOCKED = "locked"
"""The code of the failure to comment in a conversation that was locked."""

StatusState = Literal["pending", "success", "failure", "error"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request of a branch in this repository or in a fork.

    `branch` is the name of its head branch and `head` that branch's commit (its last one if the
    pull request is closed). `ref` is the git ref by which the head can be fetched from the remote.
    `author` is the login of the account that opened it, None if it is gone or was not read.
    """

    number: int
    branch: str
    head: str
    ref: str
    is_merged: bool
    body: str
    url: str
    author: str | None = None


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """The newest state that a commit has in one context, and the page that explains it."""

    state: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ClonedMainBranch:
    """The main branch of a clone. `ref` is its git ref; `line` returns its first-parent commits,
    oldest first, each with its position."""

    git: Git
    ref: str
    line: Callable[[], Mapping[str, int]]


class ReviewFacts(Protocol):
    """What the approval rule (RULES R3) needs to know about the pull requests into one main branch.

    Every method raises ForgeFailure.
    """

    @property
    def branch(self) -> str:
        """The name of the main branch."""
        ...

    def merged(self, sha: str) -> ReviewedPullRequest | None:
        """Return the merged pull request that put a commit on the main branch, if there is one.

        It is found by the commit, never by a number in a message: anybody can write a number.
        """
        ...

    def first_commit(self, sha: str) -> str:
        """Return the first of the commits that the pull request of a commit put on the main branch:
        a rebase makes several. The commit itself if no pull request made it."""
        ...

    def open(self, head: str) -> ReviewedPullRequest | None:
        """Return the open pull request into the main branch that has this head commit."""
        ...

    def reviewer(self, login: str) -> Reviewer:
        """Return what kind of account a login is, and what it may do in the repository."""
        ...

    def team_members(self, team: str) -> frozenset[str]:
        """Return the logins, in lower case, of the members of `@organization/team`."""
        ...

    def blob_id(self, sha: str, file: str) -> str | None:
        """Return the git blob id of a file at a commit, which may be missing in the clone."""
        ...

    def blob(self, blob_id: str, file: str) -> bytes:
        """Return the content of a blob. `file` names it in errors."""
        ...


class Forge(Protocol):
    """One repository on a forge. Every method raises ForgeFailure."""

    @property
    def name(self) -> str:
        """What people call the forge: `GitHub`."""
        ...

    @property
    def area(self) -> str:
        """The stable word for the forge in `doctor`'s JSON: `github`."""
        ...

    @property
    def permission_hint(self) -> str:
        """Which permissions the token of `doctor` needs, as an instruction."""
        ...

    @property
    def default_branch(self) -> str:
        """The repository's default branch."""
        ...

    def review_facts(self, main: ClonedMainBranch) -> ReviewFacts:
        """Return the source of facts about pull requests into the main branch."""
        ...

    def team_members(self, team: str) -> frozenset[str]:
        """Return the logins, in lower case, of the members of `@organization/team`."""
        ...

    def ci_run(self, url: str) -> ForgeRun | None:
        """Return the CI run with an address; None if this repository has no such run. Raises
        ForgeFailure, also for a forge that runs no jobs."""
        ...

    def last_success(self, url: str) -> str | None:
        """Return the commit of the newest run that succeeded, on the same branch, of the workflow
        whose run has this address; None if there is none."""
        ...

    def set_status(
        self, sha: str, context: str, state: StatusState, description: str, url: str | None = None
    ) -> None:
        """Set a commit's status in one context. Branch protection requires it by its context."""
        ...

    def statuses(self, sha: str) -> dict[str, CommitStatus]:
        """Return a commit's newest status in each context."""
        ...

    def comment(self, number: int, key: str, body: str, *, create: bool = True) -> str | None:
        """Keep one comment of ours with this key on a pull request, and return its URL.

        An existing one is updated. Without `create`, a missing comment stays missing (None). The
        failure's code is LOCKED if the conversation is locked.
        """
        ...

    def issue(self, key: str, title: str, body: str | None) -> str | None:
        """Keep one open issue of ours with this key, and return its URL.

        `body` None closes it and returns None.
        """
        ...

    def open_issue_keys(self, prefix: str) -> set[str]:
        """Return the keys of our open issues that start with `prefix`: what `issue` would update or
        close. None are open if the repository has no issues."""
        ...

    def kept_text(self, key: str, number: int | None = None) -> str | None:
        """Return the text of our comment with this key on a pull request, or without a number of
        our open issue. None if there is none."""
        ...

    def pull_request_at(
        self, head: str, base: str, *, may_be_new: bool = False
    ) -> PullRequest | None:
        """Return the newest open pull request into `base` whose head is this commit. One that
        `may_be_new` is looked for again, a few times: the forge may not list it yet."""
        ...

    def open_pull_requests(self, prefix: str, base: str) -> dict[str, PullRequest]:
        """Return the open pull requests into `base`, by branch, of this repository's own branches
        whose names start with `prefix`."""
        ...

    def closed_pull_requests(self, branch: str, base: str) -> list[PullRequest]:
        """Return the closed and merged pull requests into `base` of one of this repository's own
        branches, newest first."""
        ...

    def open_pull_request(
        self, branch: str, title: str, body: str, base: str, *, key: str | None = None
    ) -> str:
        """Open a pull request of a pushed branch, or update its open one, and return its URL.

        With `key`, the body starts with the invisible marker of that key.
        """
        ...

    def is_ours(self, pull: PullRequest) -> bool:
        """Whether the account of this token opened a listed pull request. Anybody who may push can
        take the name of a branch, and copy the text."""
        ...

    def close_pull_request(self, number: int, body: str, comment: str) -> None:
        """Close a pull request without merging it: replace its body, and comment why."""
        ...

    def check_settings(
        self, branches: ProtectedBranches, jobs: Sequence[Job], environments: Collection[str]
    ) -> Iterator[CheckResult]:
        """Check for `doctor` how the forge protects the branches and the deployment environments
        that hold the credentials. `jobs` are those of the workflows."""
        ...


@dataclass(frozen=True, slots=True)
class ProtectedBranches:
    """The branches that a forge should protect. `main` is the main branch, None for the default
    branch; `receipts` is that of the receipts."""

    main: str | None
    receipts: str


@dataclass(frozen=True, slots=True)
class NotConfigured:
    """Why a forge cannot be used: `setting` is missing; `detail` and `fix` explain it. `forge` and
    `area` are its names, as in `Forge`."""

    forge: str
    area: str
    setting: str
    detail: str
    fix: str


class ForgeProvider(Protocol):
    """One kind of forge: recognises a clone's repository and connects to it. Makes no requests."""

    def connect(self, git: Git | None) -> Forge | NotConfigured:
        """Return the forge of a clone, by the environment and the remote's address."""
        ...

    def web_pages(self, git: Git) -> WebPages | None:
        """Return the web pages of the repository by the remote's address alone, if this forge hosts
        it."""
        ...


class AnswerCache:
    """Makes each request once: a repeated question gets the first answer or failure again.

    After a failure that further requests would meet as well (`ForgeFailure.is_lasting`), no other
    request is made, and each new question fails with that failure.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, ...], Any] = {}
        self._lasting: ForgeFailure | None = None

    def get(self, key: tuple[str, ...], request: Callable[[], _T]) -> _T:
        """Return the answer that belongs to a key. Raises ForgeFailure."""
        if key not in self._answers:
            self._answers[key] = self._ask(request)
        answer = self._answers[key]
        if isinstance(answer, ForgeFailure):
            raise answer
        return answer  # type: ignore[no-any-return]

    def _ask(self, request: Callable[[], _T]) -> _T | ForgeFailure:
        if self._lasting is not None:
            raise self._lasting
        try:
            return request()
        except ForgeFailure as failure:
            if failure.is_lasting:
                self._lasting = failure
            return failure
