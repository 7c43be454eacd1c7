"""What the GitHub of the tests remembers: a bare repository, and the pull requests, reviews,
comments and so on over it.

Commits, merges and blobs are git's own; whatever is pushed to the bare repository is what GitHub
sees.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

from tests.support.repositories.empty import make_repository, packed_ref
from tests.support.repositories.fixed_reads import reads_what_never_changes
from tests.support.team import GIT_ENVIRONMENT

Method = Literal["merge", "squash", "rebase"]
WEB_FLOW = {"GIT_COMMITTER_NAME": "GitHub", "GIT_COMMITTER_EMAIL": "noreply@github.com"}
_LEGACY = {
    "admin": "admin",
    "maintain": "write",
    "write": "write",
    "triage": "read",
    "read": "read",
    "none": "none",
}


class Refused(Exception):
    """An answer that is an error: GitHub's status and message."""

    def __init__(self, status: int, message: str, *errors: dict[str, str]) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors


@dataclass
class User:
    login: str
    kind: str
    id: int
    email: str | None = None
    """The public one. `mails` are all that commits are recognised by."""
    mails: set[str] = field(default_factory=set)
    permission: str = "none"


@dataclass
class Review:
    id: int
    user: str | None
    state: str
    commit: str
    body: str
    at: str


@dataclass
class Comment:
    id: int
    user: str
    body: str
    at: str
    updated: str


@dataclass
class Issue:
    number: int
    title: str
    body: str
    user: str
    at: str
    state: str = "open"
    comments: list[Comment] = field(default_factory=list)
    closed_at: str | None = None
    locked: bool = False
    labels: list[str] = field(default_factory=list)


@dataclass
class Pull(Issue):
    head_ref: str = ""
    base_ref: str = "main"
    fork: str | None = None
    """`owner` of the fork that the head is in."""
    head: str = ""
    reviews: list[Review] = field(default_factory=list)
    merged_at: str | None = None
    merged_by: str | None = None
    merge_commit: str | None = None
    commits: list[str] = field(default_factory=list)
    """Oldest first."""


@dataclass
class Run:
    id: int
    name: str
    event: str
    actor: str
    head_sha: str
    head_branch: str
    created: str
    updated: str
    triggering_actors: list[str] = field(default_factory=list)
    """Who started each attempt."""
    status: str = "completed"
    conclusion: str | None = "success"


class Repository:
    """One repository `owner/name` on the GitHub of the tests. The methods are for tests; the server
    calls them, too."""

    def __init__(self, folder: Path, full_name: str = "acme/models", branch: str = "main") -> None:
        self.full_name = full_name
        self.owner, self.name = full_name.split("/")
        self.former_names: set[str] = set()
        self.api_url = "https://api.github.test"
        """The address of the server that this is served by."""
        self.has_issues = True
        self.private = False
        self.allow_forking = True
        self.app_ids: dict[str, int] = {}
        """The ids of apps, by their slug; others than those of `apps`."""
        self.branch = branch
        self.path = folder / f"{self.name}.git"
        self.folder = folder
        self.users: dict[str, User] = {}
        self.issues: dict[int, Issue] = {}
        self.topics: list[str] = []
        self.checks: list[tuple[str, str, str]] = []
        """(commit, name, event of its run) of each check that passed."""
        self.statuses: dict[str, list[dict[str, Any]]] = {}
        self.runs: list[Run] = []
        self.dispatched: list[dict[str, Any]] = []
        self.settings: dict[str, Any] = {}
        """What settings pages answer, by path below the repository: `branches/main/protection`,
        `environments` …"""
        self.associated: dict[str, list[int]] = {}
        """Commit to the pull requests that made it."""
        self.delete_branches = False
        self.apps: dict[str, str] = {}
        """The slug of each GitHub App, and its client id."""
        self.teams: dict[str, set[str]] = {}
        """The members of each team of the organisation, by the team's slug."""
        self.pushes: list[tuple[str, str, str]] = []
        """(ref, new tip, login) of each push whose sender a test tells; git itself knows none."""
        self.replaced: dict[str, str] = {}
        """The tip that a push found, by the tip that it left."""
        self._between: dict[tuple[str, str], list[str]] = {}
        self._fixed: dict[tuple[str, ...], str] = {}
        self._ids = itertools.count(1001)
        self._numbers = itertools.count(1)
        if not self.path.exists():
            make_repository(self.path, bare=True)
            (self.path / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
            with (self.path / "config").open("a") as config:
                config.write("[uploadpack]\n\tallowAnySHA1InWant = true\n")
        self.user("web-flow")
        self.user("github-actions[bot]", kind="Bot")

    def rename(self, full_name: str) -> None:
        """Rename the repository, or transfer it to another owner. Its former name is redirected."""
        self.former_names.add(self.full_name.lower())
        self.former_names.discard(full_name.lower())
        self.full_name = full_name
        self.owner, self.name = full_name.split("/")

    # -- the clock and git -------------------------------------------------------------------------

    def now(self) -> str:
        return _text(datetime.now(timezone.utc))

    def git(
        self,
        *args: str,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        check: bool = True,
    ) -> str:
        command = ["git", "-C", str(cwd or self.path), *args]
        is_fixed = not env and reads_what_never_changes(args)
        if is_fixed and (known := self._fixed.get(tuple(command))):
            return known
        completed = subprocess.run(
            command, env=os.environ | GIT_ENVIRONMENT | (env or {}), capture_output=True, text=True
        )
        if completed.returncode and check:
            raise AssertionError(f"{' '.join(command)}: {completed.stdout}{completed.stderr}")
        answer = completed.stdout.strip() if not completed.returncode else ""
        if is_fixed and answer:
            self._fixed[tuple(command)] = answer
        return answer

    def blob(self, sha: str) -> bytes:
        return subprocess.run(
            ["git", "-C", str(self.path), "cat-file", "blob", sha], capture_output=True, check=True
        ).stdout

    def tip(self, ref: str) -> str:
        return self._tip_in(self.path, ref)

    def _tip_in(self, repository: Path, ref: str) -> str:
        """The commit of a ref, "" if there is none. Most are read from their file: git would take a
        process for each, many times in one answer."""
        file = repository / ref
        if ref.startswith("refs/") and file.is_file():
            commit = file.read_text().strip()
            if len(commit) == 40:
                return commit
        elif ref.startswith(("refs/heads/", "refs/pull/")) and not set(ref) & set("^:~@"):
            return packed_ref(repository, ref)
        return self.git("rev-parse", "--verify", "-q", ref, cwd=repository, check=False)

    # -- people ------------------------------------------------------------------------------------

    def user(
        self,
        login: str,
        permission: str = "none",
        *,
        kind: str = "User",
        email: str | None = None,
        mails: tuple[str, ...] = (),
    ) -> User:
        existing = self.users.get(login.lower())
        number = existing.id if existing else next(self._ids)
        all_mails = {
            m.lower()
            for m in (
                *mails,
                *([email] if email else []),
                f"{number}+{login}@users.noreply.github.com",
            )
        }
        self.users[login.lower()] = User(login, kind, number, email, all_mails, permission)
        return self.users[login.lower()]

    def by_mail(self, mail: str) -> User | None:
        if mail.lower() == "noreply@github.com":
            return self.users["web-flow"]
        return next((user for user in self.users.values() if mail.lower() in user.mails), None)

    def permission(self, login: str) -> tuple[str, str]:
        """(legacy permission, role), as GitHub gives them."""
        user = self.users.get(login.lower())
        if user is None:
            raise Refused(404, f"{login} is not a user")
        return _LEGACY[user.permission], user.permission

    # -- pull requests -----------------------------------------------------------------------------

    def open_pull(
        self,
        head: str,
        title: str = "",
        *,
        user: str,
        base: str | None = None,
        body: str = "",
        fork: str | None = None,
    ) -> Pull:
        """Open a pull request of a branch that was pushed to the bare repository, or to the fork of
        an owner."""
        pull = Pull(
            next(self._numbers),
            title or head,
            body,
            user,
            self.now(),
            head_ref=head,
            base_ref=base or self.branch,
        )
        pull.fork = fork
        if not self._head_of(pull):
            raise Refused(
                422,
                "Validation Failed",
                {"resource": "PullRequest", "field": "head", "code": "invalid"},
            )
        if any(
            p.state == "open" and (p.head_ref, p.base_ref, p.fork) == (head, pull.base_ref, fork)
            for p in self.pulls()
        ):
            message = f"A pull request already exists for {fork or self.owner}:{head}."
            raise Refused(
                422,
                "Validation Failed",
                {"resource": "PullRequest", "code": "custom", "message": message},
            )
        self.issues[pull.number] = pull
        self.look()
        return pull

    def pulls(self) -> list[Pull]:
        return [issue for issue in self.issues.values() if isinstance(issue, Pull)]

    def pull(self, number: int) -> Pull:
        self.look()
        found = self.issues.get(number)
        if not isinstance(found, Pull):
            raise Refused(404, "Not Found")
        return found

    def pushed(self, branch: str, login: str) -> None:
        """Tell who made the newest push to a branch."""
        ref = f"refs/heads/{branch}"
        tip = self.tip(ref)
        earlier = [after for name, after, _ in self.pushes if name == ref]
        if earlier:
            self.replaced[tip] = earlier[-1]
        self.pushes.append((ref, tip, login))

    def fork_path(self, owner: str) -> Path:
        """The bare repository of a fork, made when it is first asked for."""
        path = self.folder / f"{owner}+{self.name}.git"
        if not path.exists():
            subprocess.run(["git", "clone", "-q", "--bare", str(self.path), str(path)], check=True)
        return path

    def look(self) -> None:
        """Read what was pushed: new heads of open pull requests, and branches merged by a push."""
        for pull in self.pulls():
            head = self._head_of(pull) if pull.state == "open" else ""
            if not head:
                continue
            if head != pull.head:
                if pull.fork:
                    self.git("fetch", "-q", str(self.fork_path(pull.fork)), head)
                self.git("update-ref", f"refs/pull/{pull.number}/head", head)
                pull.head = head
            base = self.tip(f"refs/heads/{pull.base_ref}")
            ahead = self._commits_between(base, head)
            if ahead:
                pull.commits = ahead
            elif pull.commits:  # its commits are in the base now: somebody pushed them there
                self._merged(pull, base, pull.commits, None)

    def _head_of(self, pull: Pull) -> str:
        repository_path = self.fork_path(pull.fork) if pull.fork else self.path
        return self._tip_in(repository_path, f"refs/heads/{pull.head_ref}")

    def _commits_between(self, base: str, head: str) -> list[str]:
        """The commits of a head that its base lacks, oldest first; they never change."""
        if (base, head) not in self._between:
            listing = self.git("rev-list", "--reverse", "--topo-order", f"{base}..{head}")
            self._between[base, head] = listing.split()
        return [*self._between[base, head]]

    def review(
        self,
        number: int,
        user: str,
        state: str = "APPROVED",
        commit: str | None = None,
        body: str = "",
    ) -> Review:
        pull = self.pull(number)
        if state in ("APPROVED", "CHANGES_REQUESTED") and user == pull.user:
            verb = "approve" if state == "APPROVED" else "request changes on"
            raise Refused(422, f"Review Can not {verb} your own pull request")
        at = self.now()
        if pull.merged_at is not None and at <= pull.merged_at:
            # Times have no fractions here, and this review came after the merge.
            merged = datetime.strptime(pull.merged_at, "%Y-%m-%dT%H:%M:%SZ")
            at = _text(merged + timedelta(seconds=1))
        created = Review(next(self._ids), user, state, commit or pull.head, body, at)
        pull.reviews.append(created)
        return created

    def dismiss(self, number: int, review: int) -> Review:
        found = next(
            (candidate for candidate in self.pull(number).reviews if candidate.id == review), None
        )
        if found is None:
            raise Refused(404, "Not Found")
        if found.state not in ("APPROVED", "CHANGES_REQUESTED"):
            raise Refused(422, "Can not dismiss a commented pull request review")
        found.state = "DISMISSED"
        return found

    def merge(
        self, number: int, method: Method = "merge", by: str = "web-flow", typed: str = ""
    ) -> str:
        """Merge as GitHub's button does, with its messages, authors and committer. `typed` is what
        the person adds to the message in the dialog. Returns the new tip of the base."""
        pull = self.pull(number)
        if pull.state != "open":
            raise Refused(405, "Pull Request is not mergeable")
        base = f"refs/heads/{pull.base_ref}"
        before = self.tip(base)
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder, "tree")
            self.git("worktree", "add", "-q", "--detach", str(tree), before)
            try:
                merge_shas = self._merge_in(tree, pull, method, by, before)
                if typed:
                    message = self.git("show", "-s", "--format=%B", merge_shas[-1])
                    text = f"{message}\n\n{typed}"
                    self.git("commit", "-q", "--amend", "-m", text, cwd=tree, env=WEB_FLOW)
                    merge_shas[-1] = self.git("rev-parse", "HEAD", cwd=tree)
            finally:
                self.git("worktree", "remove", "--force", str(tree))
        after = merge_shas[-1]
        self.git("update-ref", base, after, before)
        self._merged(pull, after, merge_shas, by)
        if self.delete_branches and not pull.fork:
            self.git("update-ref", "-d", f"refs/heads/{pull.head_ref}")
        return after

    def _merge_in(self, tree: Path, pull: Pull, method: Method, by: str, before: str) -> list[str]:
        def git(*args: str, env: dict[str, str] | None = None) -> str:
            try:
                return self.git(*args, cwd=tree, env=WEB_FLOW | (env or {}))
            except AssertionError as error:
                raise Refused(405, f"Pull Request is not mergeable: {error}") from None

        if method == "rebase":
            # GitHub leaves merges out of a rebase.
            git(
                "cherry-pick",
                "--allow-empty",
                *(sha for sha in pull.commits if len(self._parents(sha)) == 1),
            )
            return git("rev-list", "--reverse", f"{before}..HEAD").split()
        if method == "squash":
            git("merge", "-q", "--squash", pull.head)
            author = self._signature(pull.user)
            bodies = [self.git("show", "-s", "--format=%B", sha).strip() for sha in pull.commits]
            title, text = pull.title, "\n\n".join(f"* {body_text}" for body_text in bodies)
            if len(bodies) == 1:
                title, _, text = bodies[0].partition("\n")
            co_authors = {self.git("show", "-s", "--format=%an <%ae>", sha) for sha in pull.commits}
            co_authors -= {f"{author['GIT_AUTHOR_NAME']} <{author['GIT_AUTHOR_EMAIL']}>"}
            trailers = "\n".join(f"Co-authored-by: {body_text}" for body_text in sorted(co_authors))
            body = "\n\n".join(
                part for part in (f"{title} (#{pull.number})", text.strip(), trailers) if part
            )
            git("commit", "-q", "--allow-empty", "-m", body, env=author)
        else:
            head_label = f"{pull.fork or self.owner}/{pull.head_ref}"
            message = f"Merge pull request #{pull.number} from {head_label}\n\n{pull.title}"
            git("merge", "-q", "--no-ff", "-m", message, pull.head, env=self._signature(by))
        return [git("rev-parse", "HEAD")]

    def _parents(self, sha: str) -> list[str]:
        return self.git("rev-list", "--parents", "-n", "1", sha).split()[1:]

    def _signature(self, login: str) -> dict[str, str]:
        user = self.users[login.lower()]
        mail = user.email or f"{user.id}+{user.login}@users.noreply.github.com"
        return {"GIT_AUTHOR_NAME": user.login, "GIT_AUTHOR_EMAIL": mail}

    def _merged(self, pull: Pull, commit: str, made: list[str], by: str | None) -> None:
        pull.state, pull.merged_at, pull.merged_by, pull.merge_commit = (
            "closed",
            self.now(),
            by,
            commit,
        )
        pull.closed_at = pull.merged_at
        for sha in {*made, commit}:
            self.associated.setdefault(sha, []).append(pull.number)

    def update_branch(self, number: int, by: str) -> str:
        """Merge the base into a pull request's branch, as the button "Update branch" does. Returns
        the branch's new head."""
        pull = self.pull(number)
        base = self.tip(f"refs/heads/{pull.base_ref}")
        tree = self.git("merge-tree", "--write-tree", pull.head, base)
        message = f"Merge branch '{pull.base_ref}' into {pull.head_ref}"
        parents = ("-p", pull.head, "-p", base)
        environment = WEB_FLOW | self._signature(by)
        head = self.git("commit-tree", tree, *parents, "-m", message, env=environment)
        self.git("update-ref", f"refs/heads/{pull.head_ref}", head)
        self._updated(pull, head, by)
        return head

    def rebase_branch(self, number: int, by: str) -> str:
        """Rebase a pull request's branch onto the base, as "Update with rebase" does. The person
        who presses the button is the committer. Returns the branch's new head."""
        pull = self.pull(number)
        base = self.tip(f"refs/heads/{pull.base_ref}")
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder, "tree")
            self.git("worktree", "add", "-q", "--detach", str(tree), pull.head)
            try:
                name, mail = self._signature(by).values()
                committer = {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": mail}
                self.git("rebase", "-q", base, cwd=tree, env=committer)
                head = self.git("rev-parse", "HEAD", cwd=tree)
            finally:
                self.git("worktree", "remove", "--force", str(tree))
        self.git("update-ref", f"refs/heads/{pull.head_ref}", head)
        self._updated(pull, head, by)
        return head

    def _updated(self, pull: Pull, head: str, by: str) -> None:
        before = pull.head
        self.pushed(pull.head_ref, by)
        self.replaced[head] = before
        self.look()

    def queue_merged(self, number: int, commit: str) -> None:
        """Record that the merge queue merged a pull request as this commit and pushes it next."""
        by = self.user("github-merge-queue[bot]", kind="Bot").login
        self._merged(self.pull(number), commit, [commit], by)

    def close(self, number: int) -> None:
        issue = self.issues[number]
        issue.state, issue.closed_at = "closed", self.now()

    # -- everything else ---------------------------------------------------------------------------

    def open_issue(self, title: str, body: str, user: str) -> Issue:
        issue = Issue(next(self._numbers), title, body, user, self.now())
        self.issues[issue.number] = issue
        return issue

    def comment(self, number: int, user: str, body: str) -> Comment:
        if len(body) > 65_536:
            raise Refused(
                422,
                "Validation Failed",
                {
                    "code": "unprocessable",
                    "message": "body is too long (maximum is 65536 characters)",
                },
            )
        at = self.now()
        comment = Comment(next(self._ids), user, body, at, at)
        self.issues[number].comments.append(comment)
        return comment

    def status(self, sha: str, context: str) -> str | None:
        """The newest state of a context at a commit."""
        return next(
            (
                status["state"]
                for status in reversed(self.statuses.get(sha, []))
                if status["context"] == context
            ),
            None,
        )

    def is_blocked(self, pull: Pull) -> bool:
        """Whether a required check of the base's classic rule is missing. Checks of a dispatched
        run do not count for a pull request; commit statuses do."""
        rule = self.settings.get(f"branches/{pull.base_ref}/protection") or {}
        required = (rule.get("required_status_checks") or {}).get("contexts") or ()
        counted = ("pull_request", "push", "merge_group")
        passed = {name for sha, name, event in self.checks if sha == pull.head and event in counted}
        return any(
            name not in passed and self.status(pull.head, name) != "success" for name in required
        )

    def run(
        self,
        name: str,
        event: str,
        actor: str,
        *,
        lasts: float = 60.0,
        began: float = 5.0,
        **more: Any,
    ) -> Run:
        """A workflow run that began so many seconds ago and lasts so long; `again` names who
        started each later attempt."""
        start = datetime.now(timezone.utc) - timedelta(seconds=began)
        triggering = list(more.pop("again", []))
        sha, branch = (
            more.pop("head_sha", self.tip(self.branch)),
            more.pop("head_branch", self.branch),
        )
        run = Run(
            next(self._ids), name, event, actor, sha, branch, _text(start),
            _text(start + timedelta(seconds=lasts)),
            [actor, *triggering], **more,
        )  # fmt: skip
        self.runs.append(run)
        return run


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
