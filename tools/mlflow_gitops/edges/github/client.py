"""The one place that talks to GitHub, through PyGithub: who we are, comments, statuses, issues, and
opening pull requests.

What is read of pull requests for the approval rule is in `pull_requests`. PyGithub takes half a
second to import, so that happens when GitHub is first asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitHubFailure

if TYPE_CHECKING:
    from github import Github
    from github.Issue import Issue
    from github.PullRequest import PullRequest
    from github.Repository import Repository

State = Literal["pending", "success", "failure", "error"]

API = "https://api.github.com"
MAX_BODY = 65_536
"""Characters that GitHub takes in a comment or an issue."""
MAX_TITLE = 256
"""Characters that GitHub takes as the title of a pull request."""
MAX_DESCRIPTION = 140
"""Characters that GitHub takes in a commit status."""
_TIMEOUT = 15
"""Seconds."""
_NAME = re.compile(r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")
_REMOTE = re.compile(
    r"^(?:[a-z+]+://)?(?:[^@/]*@)?(?P<host>[^:/]+)(?::\d+)?[:/](?P<name>[^/:]+/[^/]+?)(?:\.git)?/?$"
)


class GitHub:
    """One repository on GitHub. `token` is sent to `api_url` alone and shown nowhere. Every method
    raises GitHubFailure."""

    def __init__(self, repository: str, token: str, api_url: str = API) -> None:
        self.repository = repository
        self.api_url = api_url.rstrip("/")
        self._token = token

    @classmethod
    def configured(cls, git: Git | None) -> GitHub | None:
        """The repository that GitHub's own variables name: GITHUB_TOKEN, GITHUB_API_URL, and
        GITHUB_REPOSITORY or else the remote's address. None without a token or a repository."""
        token = os.environ.get("GITHUB_TOKEN", "").strip()
        api_url = os.environ.get("GITHUB_API_URL", "").strip() or API
        repository = os.environ.get("GITHUB_REPOSITORY", "").strip() or repository_of(git, api_url)
        if not token or not repository or not _NAME.match(repository):
            return None
        return cls(repository, token, api_url)

    @classmethod
    def needed(cls, git: Git | None) -> GitHub:
        """As `configured`; raises GitHubFailure that says what is missing."""
        found = cls.configured(git)
        if found is None:
            what = (
                "GITHUB_TOKEN"
                if not os.environ.get("GITHUB_TOKEN")
                else "GITHUB_REPOSITORY=owner/name"
            )
            raise GitHubFailure(f"GitHub cannot be asked: set {what}.")
        return found

    @cached_property
    def client(self) -> Github:
        from github import Auth, Github
        from urllib3.util import Retry

        # What failed in passing is asked again, but nothing is created twice. A rate limit is told,
        # not waited for: it may last an hour.
        retry = Retry(
            total=3,
            connect=1,
            backoff_factor=0.5,
            status_forcelist=(500, 502, 503, 504),
            allowed_methods={"GET", "PUT", "PATCH", "DELETE"},
            respect_retry_after_header=False,
            raise_on_status=False,
        )
        return Github(
            auth=Auth.Token(self._token),
            base_url=self.api_url,
            timeout=_TIMEOUT,
            retry=retry,
            per_page=100,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
        )

    @cached_property
    def repo(self) -> Repository:
        return self.client.get_repo(self.repository)

    @contextmanager
    def asking(self, what: str) -> Iterator[None]:
        """Turn what PyGithub raises into a sentence. `what` follows "to": "read the reviews of #7"."""
        from github import GithubException
        from requests.exceptions import RequestException

        try:
            yield
        except GithubException as error:
            raise self._failure(error, what) from None
        except AssertionError:
            # PyGithub sends the token to no other host than the one it was given.
            raise GitHubFailure(
                f"GitHub at {self.api_url} answers with addresses elsewhere. Set GITHUB_API_URL to"
                " its own address."
            ) from None
        except RequestException as error:
            said = type(error).__name__
            raise GitHubFailure(
                f"GitHub at {self.api_url} could not be reached to {what} ({said}). Try again"
                " later."
            ) from None

    def _failure(self, error: Any, what: str) -> GitHubFailure:
        from github import RateLimitExceededException

        status = int(error.status)
        data = error.data if isinstance(error.data, dict) else {}
        said = str(data.get("message") or "").replace(self._token, "***").strip().rstrip(".")
        if isinstance(error, RateLimitExceededException) or status == 429:
            return GitHubFailure(
                f"GitHub's rate limit is used up{_until(error)}; nothing was done to {what}.",
                status,
            )
        if status == 401:
            return GitHubFailure(
                "GitHub does not accept the token (401). Set GITHUB_TOKEN to a valid one.", status
            )
        if status == 403:
            way = "give the job the permission, or use a token that has it"
            return GitHubFailure(
                f"The token may not {what} in {self.repository} (403: {said}); {way}.", status
            )
        if status == 404:
            told = f"GitHub finds nothing to {what} in {self.repository} (404)"
            return GitHubFailure(f"{told}: it is not there, or the token may not see it.", status)
        details = "; ".join(_detail(one) for one in data.get("errors") or ())
        return GitHubFailure(
            f"GitHub refused to {what} ({status}: {said}{': ' if details else ''}{details}).",
            status,
        )

    @cached_property
    def me(self) -> str:
        """The login that the token writes as. GraphQL tells it for every kind of token, the REST
        API not for an app's."""
        with self.asking("say whose token this is"):
            _, answer = self.client.requester.graphql_query("query { viewer { login } }", {})
        return str(answer["data"]["viewer"]["login"])

    @cached_property
    def default_branch(self) -> str:
        with self.asking("read the repository"):
            return str(self.client.get_repo(self.repository).default_branch)

    # -- writing ----------------------------------------------------------------------------------------------------

    def set_status(
        self, sha: str, context: str, state: State, description: str, url: str | None = None
    ) -> None:
        """Set a commit status. Branch protection asks for it by its context."""
        with self.asking(f"set the status {context}"):
            self.client.requester.requestJsonAndCheck(
                "POST",
                f"{self.repo.url}/statuses/{sha}",
                input={
                    "state": state,
                    "context": context,
                    "description": short(description, MAX_DESCRIPTION),
                    **({"target_url": url} if url else {}),
                },
            )

    def statuses(self, sha: str) -> dict[str, tuple[str, str | None]]:
        """The newest state of each of a commit's statuses by context (of a hundred of them), and
        the address it names."""
        with self.asking("read a commit's statuses"):
            _, found = self.client.requester.requestJsonAndCheck(
                "GET", f"{self.repo.url}/commits/{sha}/status", parameters={"per_page": 100}
            )
        return {one["context"]: (one["state"], one["target_url"]) for one in found["statuses"]}

    def comment(self, number: int, key: str, body: str, *, new: bool = True) -> str | None:
        """Keep one comment on a pull request or issue: found by a hidden marker and by being ours,
        updated, never doubled.

        Anybody can copy the marker, so another's comment with it is left alone. Without `new` none
        is begun. Returns the comment's address, None where there is none.
        """
        text = marked(key, body)
        with self.asking(f"comment on #{number}"):
            issue = self.repo.get_issue(number)
            ours = [one for one in issue.get_comments() if self._is_ours(one, key)]
            for surplus in ours[1:]:  # two runs at once may both have found none
                surplus.delete()
            if not ours:
                return str(issue.create_comment(text).html_url) if new else None
            if ours[0].body != text:
                ours[0].edit(text)
            return str(ours[0].html_url)

    def issue(self, key: str, title: str, body: str | None) -> str | None:
        """Keep one open issue of ours while there is something to tell; `body` None closes it.
        Returns its address, or None where there is none."""
        with self.asking("keep the issue about drift"):
            known = [one for one in self._issues() if self._is_ours(one, key)]
            for surplus in known[1:]:
                surplus.edit(state="closed")
            if body is None:
                for one in known[:1]:
                    one.create_comment("Everything is in order again.")
                    one.edit(state="closed")
                return None
            text = marked(key, body)
            if not known:
                return str(self.repo.create_issue(title, text).html_url)
            if (known[0].title, known[0].body) != (title, text):
                known[0].edit(title=title, body=text)
            return str(known[0].html_url)

    def _issues(self) -> list[Issue]:
        """Our open issues, the oldest first. GitHub lists pull requests among them."""
        me = self.client.get_user(self.me)
        found = self.repo.get_issues(state="open", creator=me, sort="created", direction="asc")
        return [one for one in found if one.pull_request is None]

    def _is_ours(self, one: Any, key: str) -> bool:
        # GraphQL names an app without what REST adds to its name.
        author = (
            one.user.login.removesuffix("[bot]" if one.user.type == "Bot" else "")
            if one.user
            else ""
        )
        return (
            _marker(key) in (one.body or "")
            and author.lower() == self.me.removesuffix("[bot]").lower()
        )

    # -- pull requests ----------------------------------------------------------------------------------------------

    def open_pull(self, branch: str, title: str, body: str, base: str) -> str:
        """Open a pull request of a branch that is on GitHub already, or bring its open one up to
        date. Returns its address."""
        owner = self.repository.split("/")[0]
        with self.asking(f"open a pull request of {branch}"):
            for pull in self.repo.get_pulls(state="open", head=f"{owner}:{branch}", base=base):
                if (pull.title, pull.body or "") != (title, body):
                    pull.edit(title=title, body=body)
                return str(pull.html_url)
            return str(
                self.repo.create_pull(base=base, head=branch, title=title, body=body).html_url
            )

    def open_pull_at(self, head: str, base: str) -> PullRequest | None:
        """The open pull request into a branch whose head is a commit; of several the newest. Looked
        up, never taken from an event."""
        with self.asking("list the open pull requests"):
            found = self.repo.get_pulls(state="open", sort="created", direction="desc", base=base)
            return next((pull for pull in found if pull.head.sha == head), None)


def open_pull_request(git: Git, branch: str, title: str, body: str, base: str | None = None) -> str:
    """Open a pull request of a pushed branch and return its address; an open one of that branch is
    used again.

    `base` is the branch that it goes into, by default the repository's default branch. Raises
    GitHubFailure.
    """
    github = GitHub.needed(git)
    return github.open_pull(branch, title, body, base or github.default_branch)


def repository_of(git: Git | None, api_url: str = API) -> str | None:
    """`owner/name` by the remote's address, if that is on the host that the API belongs to."""
    remote = git.remote() if git else None
    if git is None or remote is None:
        return None
    found = _REMOTE.match(git.query("remote", "get-url", remote))
    host = (urlsplit(api_url).hostname or "").removeprefix("api.")
    return found["name"] if found and found["host"].lower() == host else None


def branch_of(git: Git, main_ref: str) -> str | None:
    """What GitHub calls the branch that a ref names: `origin/main` is `main`. None for what is no
    branch."""
    name = git.output("rev-parse", "--symbolic-full-name", main_ref, check=False)
    for place in (*(f"refs/remotes/{one}/" for one in [git.remote()] if one), "refs/heads/"):
        if name.startswith(place):
            return name.removeprefix(place)
    return None


def _marker(key: str) -> str:
    return f"<!-- mlflow-gitops:{key} -->"


def marked(key: str, body: str) -> str:
    """A body with its marker first, cut where GitHub would refuse it."""
    text = f"{_marker(key)}\n{body}"
    if len(text) <= MAX_BODY:
        return text
    cut = "\n\n(cut here: GitHub takes no more)"
    return text[: MAX_BODY - len(cut)] + cut


def short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _detail(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    return str(
        error.get("message")
        or " ".join(str(error.get(key, "")) for key in ("resource", "field", "code")).strip()
    )


def _until(error: Any) -> str:
    reset = str((error.headers or {}).get("x-ratelimit-reset", ""))
    if not reset.isdigit():
        return ""
    return (
        " until"
        f" {datetime.fromtimestamp(int(reset), timezone.utc).isoformat().replace('+00:00', 'Z')}"
    )
