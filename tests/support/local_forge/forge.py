"""The protocols of `mlflow_gitops.edges.forge`, over a `Store`."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from mlflow_gitops.core.audit.record.forge_answers import ForgeRun
from mlflow_gitops.core.history.approvals import (
    MessageOfCommit,
    Review,
    ReviewedPullRequest,
    Reviewer,
    makers,
)
from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.core.setup.workflow_files import Job
from mlflow_gitops.edges.forge import (
    ClonedMainBranch,
    CommitStatus,
    ProtectedBranches,
    PullRequest,
    StatusState,
)
from mlflow_gitops.edges.git.refs.branches import branch_name
from mlflow_gitops.edges.markers import key_of, marked
from mlflow_gitops.edges.markers import marker as marker_of
from mlflow_gitops.errors import ForgeFailure
from tests.support.local_forge.store import ROBOT, Store

LONGEST = 10_000
"""Characters of a comment, an issue or a pull request."""


class LocalForge:
    """One bare repository as a forge."""

    name = "Local forge"
    area = "local"
    permission_hint = "Nothing to do: the local forge has no permissions."
    default_branch = "main"

    def __init__(self, store: Store) -> None:
        self.store = store

    def review_facts(self, main: ClonedMainBranch) -> LocalReviews:
        return LocalReviews(self.store, branch_name(main.git, main.ref) or self.default_branch)

    def team_members(self, team: str) -> frozenset[str]:
        return _team_members(self.store, team)

    def last_success(self, url: str) -> str | None:
        return None

    def ci_run(self, url: str) -> ForgeRun | None:
        raise ForgeFailure("A local forge runs no jobs.")

    # -- statuses, comments, issues -----------------------------------------------------------

    def set_status(
        self, sha: str, context: str, state: StatusState, description: str, url: str | None = None
    ) -> None:
        if not self.store.git("rev-parse", "-q", "--verify", f"{sha}^{{commit}}", check=False):
            raise ForgeFailure(f"There is no commit {sha} to set the status {context}.")
        with self.store.change() as stored:
            stored["statuses"].setdefault(sha, {})[context] = {
                "state": state,
                "description": description,
                "url": url,
            }

    def statuses(self, sha: str) -> dict[str, CommitStatus]:
        stored = self.store.read()["statuses"].get(sha, {})
        return {
            context: CommitStatus(status["state"], status["url"])
            for context, status in stored.items()
        }

    def comment(self, number: int, key: str, body: str, *, create: bool = True) -> str | None:
        text = marked(key, body, LONGEST)
        with self.store.change() as stored:
            comments = stored["pulls"][str(number)]["comments"]
            ours = next((entry for entry in comments if _is_ours(entry, key)), None)
            if ours is not None:
                ours["body"] = text
            elif create:
                comments.append({"author": ROBOT, "body": text})
            else:
                return None
        return f"{self._url(number)}#{key}"

    def kept_text(self, key: str, number: int | None = None) -> str | None:
        with self.store.change() as stored:
            texts = stored["issues"].values()
            if number is not None:
                texts = stored["pulls"][str(number)]["comments"]
            texts = [entry for entry in texts if entry.get("state") != "closed"]
            ours = [entry["body"] for entry in texts if _is_ours(entry, key)]
        return ours[0] if ours else None

    def issue(self, key: str, title: str, body: str | None) -> str | None:
        with self.store.change() as stored:
            issues = stored["issues"]
            ours = next((entry for entry in issues.values() if _is_ours(entry, key)), None)
            if ours is not None and ours["state"] == "closed":
                ours = None
            if body is None:
                if ours is not None:
                    ours["state"] = "closed"
                return None
            if ours is None:
                stored["last"] += 1
                ours = {"number": stored["last"], "author": ROBOT, "state": "open"}
                issues[str(ours["number"])] = ours
            ours.update(title=title, body=marked(key, body, LONGEST))
            return self._url(ours["number"])

    def open_issue_keys(self, prefix: str) -> set[str]:
        issues = self.store.read()["issues"].values()
        ours = [one for one in issues if one["state"] == "open" and one["author"] == ROBOT]
        keys = {key_of(issue["body"]) or "" for issue in ours}
        return {key for key in keys if key.startswith(prefix)}

    # -- pull requests ------------------------------------------------------------------------

    def pull_request_at(
        self, head: str, base: str, *, may_be_new: bool = False
    ) -> PullRequest | None:
        pulls = [pull for pull in self._pulls(base, "open") if pull.head == head]
        return pulls[-1] if pulls else None

    def open_pull_requests(self, prefix: str, base: str) -> dict[str, PullRequest]:
        pulls = self._pulls(base, "open")
        return {pull.branch: pull for pull in pulls if pull.branch.startswith(prefix)}

    def closed_pull_requests(self, branch: str, base: str) -> list[PullRequest]:
        pulls = self._pulls(base, "closed", "merged")
        return [pull for pull in reversed(pulls) if pull.branch == branch]

    def open_pull_request(
        self, branch: str, title: str, body: str, base: str, *, key: str | None = None
    ) -> str:
        if not self.store.git("rev-parse", "-q", "--verify", f"refs/heads/{branch}", check=False):
            raise ForgeFailure(f"There is no branch {branch}.")
        if key is not None:
            body = marked(key, body, LONGEST)
        pull = self.open_pull_requests(branch, base).get(branch)
        if pull is None:
            return self._url(self.store.open(branch, title, body, base, ROBOT))
        with self.store.change() as stored:
            stored["pulls"][str(pull.number)].update(title=title, body=body)
        return pull.url

    def is_ours(self, pull: PullRequest) -> bool:
        return pull.author == ROBOT

    def close_pull_request(self, number: int, body: str, comment: str) -> None:
        self.store.close(number)
        self.store.comment(number, ROBOT, comment)
        with self.store.change() as stored:
            stored["pulls"][str(number)]["body"] = body

    # -- settings -----------------------------------------------------------------------------

    def check_settings(
        self, branches: ProtectedBranches, jobs: Sequence[Job], environments: Collection[str]
    ) -> Iterator[CheckResult]:
        yield CheckResult("local", "protection", "unknown", "the local forge protects nothing")

    def _pulls(self, base: str, *states: str) -> list[PullRequest]:
        stored = self.store.read()["pulls"].values()
        return [
            self._pull_request(pull)
            for pull in stored
            if pull["base"] == base and pull["state"] in states
        ]

    def _pull_request(self, pull: dict[str, Any]) -> PullRequest:
        return PullRequest(
            number=pull["number"],
            branch=pull["branch"],
            head=self.store.head(pull),
            ref=f"refs/heads/{pull['branch']}",
            is_merged=pull["state"] == "merged",
            body=pull["body"],
            url=self._url(pull["number"]),
            author=pull["author"],
        )

    def _url(self, number: int) -> str:
        return f"file://{self.store.repository}/{number}"


class LocalReviews:
    """The facts about pull requests into one branch."""

    def __init__(self, store: Store, branch: str) -> None:
        self._store = store
        self.branch = branch

    def merged(self, sha: str) -> ReviewedPullRequest | None:
        pulls = self._store.read()["pulls"].values()
        return next(
            (
                self._reviewed(pull)
                for pull in pulls
                if pull["merge"] == sha and pull["base"] == self.branch
            ),
            None,
        )

    def first_commit(self, sha: str) -> str:
        """Merges here are always one commit."""
        return sha

    def open(self, head: str) -> ReviewedPullRequest | None:
        pulls = self._store.read()["pulls"].values()
        found = [
            self._reviewed(pull)
            for pull in pulls
            if pull["state"] == "open"
            and pull["base"] == self.branch
            and self._store.head(pull) == head
        ]
        return found[-1] if found else None

    def reviewer(self, login: str) -> Reviewer:
        person = self._store.read()["people"].get(login)
        if person is None:
            return Reviewer(is_person=login != ROBOT, permission="none")
        return Reviewer(True, person["permission"], frozenset(person["mails"]))

    def team_members(self, team: str) -> frozenset[str]:
        return _team_members(self._store, team)

    def blob_id(self, sha: str, file: str) -> str | None:
        return self._store.git("rev-parse", "-q", "--verify", f"{sha}:{file}", check=False) or None

    def blob(self, blob_id: str, file: str) -> bytes:
        command = ["git", "-C", str(self._store.repository), "cat-file", "blob", blob_id]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def _reviewed(self, pull: dict[str, Any]) -> ReviewedPullRequest:
        head = self._store.head(pull)
        base = f"{pull['merge']}^1" if pull["merge"] else f"refs/heads/{pull['base']}"
        form = "--format=%H%x00%ae%x00%ce%x00%B%x01"
        log = self._store.git("log", form, f"{base}..{head}")
        commits = [entry.strip("\n").split("\0") for entry in log.split("\1") if entry.strip()]
        return ReviewedPullRequest(
            number=pull["number"],
            head=head,
            opened_by=pull["author"],
            makers=makers(([author], [committer], text) for _, author, committer, text in commits),
            reviews=tuple(
                Review(
                    review["author"],
                    review["state"],
                    review["commit"],
                    review["id"],
                    at=review["at"],
                )
                for review in pull["reviews"]
            ),
            merged_by=f"@{pull['merged_by']}" if pull["merged_by"] else None,
            merged_at=pull.get("merged_at"),
            bot=ROBOT if pull["author"] == ROBOT else None,
            messages=tuple(
                MessageOfCommit(sha, author, text) for sha, author, _, text in reversed(commits)
            ),
        )


def _team_members(store: Store, team: str) -> frozenset[str]:
    members = store.read()["teams"].get(team)
    if members is None:
        raise ForgeFailure(
            f"The local forge has no team {team}.", 404, fix="Check the team's name."
        )
    return frozenset(members)


def _is_ours(entry: dict[str, Any], key: str) -> bool:
    return entry["author"] == ROBOT and marker_of(key) in entry["body"]
