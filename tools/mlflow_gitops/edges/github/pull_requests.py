"""What GitHub knows of the pull request behind a commit: the facts that the approval rule judges
(RULES R3).

A pull request is found by the commit it made, never by a number in a message: it must be merged,
into the main branch, and contain the commit.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from mlflow_gitops.core.gates.approvals import Approvals
from mlflow_gitops.core.history.approvals import PullRequest, Review, Reviewer, approvals, makers
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.times import parse_time
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.github.client import GitHub, branch_of
from mlflow_gitops.errors import GitHubFailure

if TYPE_CHECKING:
    from github.Commit import Commit
    from github.PullRequest import PullRequest as Pull
    from github.WorkflowRun import WorkflowRun

_MAX_COMMITS = 250
"""Commits of one pull request that the API lists."""
_RERUNS = timedelta(days=31)
"""How long after its first attempt GitHub lets a workflow run be started again."""
_ONE_REBASE = timedelta(seconds=10)
"""How far apart the committer dates of one rebase may be."""
_DISPATCHES = ("workflow_dispatch", "repository_dispatch")

_Found = TypeVar("_Found")


class PullRequests:
    """The pull requests of one repository, each asked about once. `main_line` maps the commits of
    `main_ref` to their places.

    Every method raises GitHubFailure. Once GitHub could not be reached, or its rate limit is used
    up, it is not asked again.
    """

    def __init__(
        self, github: GitHub, git: Git, main_ref: str, main_line: Callable[[], Mapping[str, int]]
    ) -> None:
        self.github = github
        self._git = git
        self._main_ref = main_ref
        self._main_line = main_line
        self._known: dict[tuple[str, ...], Any] = {}
        self._silent: GitHubFailure | None = None

    @cached_property
    def branch(self) -> str:
        """The main branch, as GitHub calls it."""
        return branch_of(self._git, self._main_ref) or self.github.default_branch

    def of_merged(self, sha: str, file: str) -> Approvals:
        """The approvals of the pull request that made a commit of the main line, for one manifest."""
        pull = self._once(("merged", sha), lambda: self._merged(sha))
        if pull is None:
            return Approvals(
                not_counted=(f"no pull request merged into {self.branch} made {sha[:7]}",)
            )
        told = self._judged(pull, file)
        here = self._git.query("rev-parse", "--verify", "-q", f"{sha}:{file}")
        merged = self._blob(pull.head, file)
        return told if here == merged else replace(told, stages=self._stages(merged, file))

    def of_open(self, head: str, file: str) -> Approvals:
        """The approvals that the open pull request with this head has by now."""
        pull = self._once(("open", head), lambda: self._open(head))
        return self._judged(pull, file) if pull is not None else Approvals()

    def _judged(self, pull: PullRequest, file: str) -> Approvals:
        return approvals(
            pull,
            lambda login: self._once(("person", login), lambda: self._reviewer(login)),
            lambda sha: self._blob(sha, file),
        )

    def _once(self, key: tuple[str, ...], ask: Callable[[], _Found]) -> _Found:
        """An answer, or a failure, the first time it is asked for; then the same again."""
        if key not in self._known:
            if self._silent is not None:
                raise self._silent
            try:
                self._known[key] = ask()
            except GitHubFailure as failure:
                if failure.status in (None, 401, 429) or "rate limit" in str(failure):
                    self._silent = failure
                self._known[key] = failure
        found = self._known[key]
        if isinstance(found, GitHubFailure):
            raise found
        return found  # type: ignore[no-any-return]

    # -- finding ----------------------------------------------------------------------------------------------------

    def _merged(self, sha: str) -> PullRequest | None:
        seen: set[int] = set()
        with self.github.asking(f"find the pull request of {sha[:7]}"):
            for found in chain.from_iterable(map(self._associated, (sha, *self._right_after(sha)))):
                into = found.base.ref == self.branch and self._is_here(found.base.repo)
                if found.merged_at is None or not into or found.number in seen:
                    continue
                seen.add(found.number)
                # The list tells less than the pull request itself.
                pull = self.github.repo.get_pull(found.number)
                commits = self._commits(pull)
                if self._contains(pull.merge_commit_sha, commits, sha):
                    return self._facts(pull, commits)
        return None

    def _right_after(self, sha: str) -> Iterator[str]:
        """The commits that were put on the main line together with this one. GitHub may know a
        rebased pull request by the last of its commits alone."""
        line = list(self._main_line())
        start = self._main_line().get(sha, len(line))
        before = parse_time(self._git.describe(sha).at) if start + 1 < len(line) else None
        for other in line[start + 1 : start + _MAX_COMMITS]:
            at = parse_time(self._git.describe(other).at)
            if before is None or abs(at - before) > _ONE_REBASE:
                return
            yield other
            before = at

    def _associated(self, sha: str) -> Iterator[Pull]:
        from github import GithubException

        try:
            yield from self.github.repo.get_commit(sha).get_pulls()
        except GithubException as error:
            if error.status != 422:  # "No commit found for SHA": it was never pushed
                raise

    def _is_here(self, repository: Any) -> bool:
        return (
            repository is not None
            and repository.full_name.lower() == self.github.repository.lower()
        )

    def _contains(self, merge: str | None, commits: Sequence[Commit], sha: str) -> bool:
        """Whether a merged pull request made a commit of the main line: as its merge, its squash,
        or one of the commits that its rebase put there. Those keep author and message, and lie
        right before the last one."""
        if merge is None or merge == sha:
            return merge == sha
        line = self._main_line()
        if merge not in line or sha not in line:
            return False
        before = line[merge] - line[sha]
        if not 0 < before < len(commits):
            return False
        original = commits[-1 - before].commit
        here = self._git.describe(sha)
        subject = " ".join(original.message.split("\n\n")[0].split())
        return (here.author, here.subject) == (
            f"{original.author.name} <{original.author.email}>",
            subject,
        )

    def _open(self, head: str) -> PullRequest | None:
        pull = self.github.open_pull_at(head, self.branch)
        if pull is None:
            return None
        with self.github.asking(f"read #{pull.number}"):
            return self._facts(pull, self._commits(pull))

    # -- reading ----------------------------------------------------------------------------------------------------

    def _commits(self, pull: Pull) -> list[Commit]:
        commits = list(pull.get_commits())
        if len(commits) >= _MAX_COMMITS:
            raise GitHubFailure(
                f"#{pull.number} has {_MAX_COMMITS} commits or more, and GitHub does not tell who"
                " made the rest. Split the pull request."
            )
        return commits

    def _facts(self, pull: Pull, commits: Sequence[Commit]) -> PullRequest:
        opener = pull.user
        made = makers(
            (
                _names(commit.author, commit.commit.author),
                _names(commit.committer, commit.commit.committer),
                commit.commit.message,
            )
            for commit in commits
        )
        for login in self._pushers(pull, {commit.sha for commit in commits}):
            made.setdefault(login.lower(), "pushed to it")
        return PullRequest(
            number=pull.number,
            head=pull.head.sha,
            opened_by=opener.login if opener else None,
            makers=made,
            dispatched_by=(
                self._dispatchers(pull.created_at)
                if opener and opener.type == "Bot"
                else frozenset()
            ),
            reviews=tuple(
                Review(one.user.login if one.user else None, one.state, one.commit_id)
                for one in pull.get_reviews()
            ),
            merged_by=(
                f"@{pull.merged_by.login}"
                if pull.merged_by and pull.merged_by.type != "Bot"
                else None
            ),
        )

    def _pushers(self, pull: Pull, commits: set[str]) -> Iterator[str]:
        """Who pushed commits of a pull request. Anybody can write another's name into a commit; a
        push has to log in.

        Not told by GitHub Enterprise Server before 3.10, and of a fork that may not be seen.
        """
        home = pull.head.repo
        if home is None:
            return
        url = f"/repos/{home.full_name}/activity"
        asked = {"ref": f"refs/heads/{pull.head.ref}", "per_page": 100}
        found = self._there(
            f"read who pushed {pull.head.ref}",
            lambda: self.github.client.requester.requestJsonAndCheck("GET", url, parameters=asked)[
                1
            ],
            *(() if self._is_here(home) else (403,)),
        )
        for one in found or ():
            if one.get("actor") and one.get("after") in commits:
                yield one["actor"]["login"]

    def _dispatchers(self, opened: datetime) -> frozenset[str]:
        """Who may have started the workflow that opened a pull request at that time.

        What a pull request says of its origin can be edited. So everybody counts who dispatched a
        run that began before that time and ended after it; of a run that was started again, each
        who did that.
        """
        span = f"{(opened - _RERUNS).strftime('%Y-%m-%dT%H:%M:%SZ')}..{opened.strftime('%Y-%m-%dT%H:%M:%SZ')}"
        runs = [
            run
            for event in _DISPATCHES
            for run in self.github.repo.get_workflow_runs(event=event, created=span)
            if run.created_at <= opened <= run.updated_at or run.status != "completed"
        ]
        return frozenset(login.lower() for run in runs for login in self._starters(run))

    def _starters(self, run: WorkflowRun) -> Iterator[str]:
        yield from (who.login for who in (run.actor, run.triggering_actor) if who)
        for attempt in range(1, run.run_attempt or 1):
            url = f"{self.github.repo.url}/actions/runs/{run.id}/attempts/{attempt}"
            _, earlier = self.github.client.requester.requestJsonAndCheck("GET", url)
            yield from (
                earlier[who]["login"] for who in ("actor", "triggering_actor") if earlier.get(who)
            )

    def _reviewer(self, login: str) -> Reviewer:
        with self.github.asking(f"read what @{login} may do"):
            user = self.github.client.get_user(login)
            person = user.type == "User" and not login.endswith("[bot]")
            permission = self.github.repo.get_collaborator_permission(login) if person else "none"
            mails = frozenset({user.email.lower()}) if person and user.email else frozenset[str]()
        return Reviewer(person, permission, mails)

    def _blob(self, sha: str, file: str) -> str | None:
        """A manifest's blob id at a commit, which may be one that only GitHub has. All its files
        come in one answer."""
        files = self._once(("tree", sha), lambda: self._tree(sha))
        if files is None:
            return self._once(("blob", sha, file), lambda: self._one_blob(sha, file))
        return files.get(file)

    def _tree(self, sha: str) -> dict[str, str] | None:
        """The files of a commit and their blob ids; None where there are more than GitHub lists."""
        found: dict[str, Any] = self._there(
            f"read the files of {sha[:7]}",
            lambda: self.github.repo.get_git_tree(sha, recursive=True).raw_data,
        ) or {"tree": []}
        if found.get("truncated"):
            return None
        return {one["path"]: one["sha"] for one in found["tree"] if one["type"] == "blob"}

    def _one_blob(self, sha: str, file: str) -> str | None:
        found = self._there(
            f"read {file} at {sha[:7]}", lambda: self.github.repo.get_contents(file, ref=sha)
        )
        return None if found is None or isinstance(found, list) else found.sha

    def _stages(self, blob: str | None, file: str) -> Mapping[str, tuple[int, ...]]:
        """The stages that a manifest names; none where it is not there or not valid."""
        if blob is None:
            return {}
        with self.github.asking(f"read {file}"):
            content = self._once(
                ("content", blob), lambda: self.github.repo.get_git_blob(blob).content
            )
        manifest, _ = read_manifest(base64.b64decode(content), file)
        return manifest.stages if manifest else {}

    def _there(self, what: str, ask: Callable[[], _Found], *also: int) -> _Found | None:
        """An answer, or None where GitHub has no such thing (409: an empty repository), or answers
        with one of `also`."""
        try:
            with self.github.asking(what):
                return ask()
        except GitHubFailure as failure:
            if failure.status in (404, 409, 422, *also):
                return None
            raise


def _names(user: Any, signature: Any) -> list[str]:
    """What names somebody who made a commit: the login, where GitHub knows the address, and the
    address."""
    return [
        name
        for name in (user.login if user else None, signature.email if signature else None)
        if name
    ]
