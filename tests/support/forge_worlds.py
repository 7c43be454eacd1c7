"""One repository with people on each forge, driven in the same way: what a test of every forge
needs. The repository's main branch has one manifest, FILE."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from mlflow_gitops.app import forges
from mlflow_gitops.app.approvals import PullRequestApprovals
from mlflow_gitops.edges.forge import ClonedMainBranch, Forge
from mlflow_gitops.edges.git.repository import Git
from tests.support.github.job import as_a_job
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Pull, Repository
from tests.support.local_forge import LocalForgeProvider, Store
from tests.support.local_forge.store import ROBOT
from tests.support.team import Team

FILE = "registry/models/churn.yaml"
MANIFEST = "name: churn\nstages: {{Production: {}}}\n"
PEOPLE = ("alice", "bob", "carol")


class People(Protocol):
    """What people do on a forge, and what they see there."""

    path: Path
    """The bare repository."""

    def open(self, branch: str, login: str) -> int: ...

    def team(self, name: str, *logins: str) -> None: ...

    def review(self, number: int, login: str, verdict: str = "APPROVED") -> None: ...

    def merge(self, number: int, login: str) -> str: ...

    def close(self, number: int) -> None: ...

    def comment(self, number: int, login: str, body: str) -> None: ...

    def comments(self, number: int) -> list[str]: ...

    def status(self, sha: str, context: str) -> tuple[str, str]: ...

    def issues(self) -> list[tuple[str, str]]:
        """Title and state of each issue that the command opened."""
        ...

    def opener(self, number: int) -> str:
        """Who opened a pull request: `command` if it was the command under test."""
        ...


class OnGitHub:
    """People on the GitHub of the tests."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.path = repository.path
        for login in PEOPLE:
            repository.user(login, "write", mails=(f"{login}@example.org",))
        repository.user("reader", "read")

    def open(self, branch: str, login: str) -> int:
        return self.repository.open_pull(branch, user=login).number

    def team(self, name: str, *logins: str) -> None:
        self.repository.teams[name.partition("/")[2]] = set(logins)

    def review(self, number: int, login: str, verdict: str = "APPROVED") -> None:
        self.repository.review(number, login, verdict)

    def merge(self, number: int, login: str) -> str:
        return self.repository.merge(number, "merge", by=login)

    def close(self, number: int) -> None:
        self.repository.close(number)

    def comment(self, number: int, login: str, body: str) -> None:
        self.repository.comment(number, login, body)

    def comments(self, number: int) -> list[str]:
        return [comment.body for comment in self.repository.pull(number).comments]

    def status(self, sha: str, context: str) -> tuple[str, str]:
        statuses = [
            status for status in self.repository.statuses[sha] if status["context"] == context
        ]
        return statuses[-1]["state"], statuses[-1]["description"]

    def issues(self) -> list[tuple[str, str]]:
        issues = self.repository.issues.values()
        return [(issue.title, issue.state) for issue in issues if not isinstance(issue, Pull)]

    def opener(self, number: int) -> str:
        login = self.repository.pull(number).user
        return "command" if login == "github-actions[bot]" else login


class OnLocalForge:
    """People on a local forge."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.path = store.repository
        for login in PEOPLE:
            store.person(login, "write", f"{login}@example.org")
        store.person("reader", "read")

    def open(self, branch: str, login: str) -> int:
        return self.store.open(branch, branch, "", "main", login)

    def team(self, name: str, *logins: str) -> None:
        self.store.team(name, *logins)

    def review(self, number: int, login: str, verdict: str = "APPROVED") -> None:
        self.store.review(number, login, verdict)

    def merge(self, number: int, login: str) -> str:
        return self.store.merge(number, login)

    def close(self, number: int) -> None:
        self.store.close(number)

    def comment(self, number: int, login: str, body: str) -> None:
        self.store.comment(number, login, body)

    def comments(self, number: int) -> list[str]:
        return [comment["body"] for comment in self._pull(number)["comments"]]

    def status(self, sha: str, context: str) -> tuple[str, str]:
        status = self.store.read()["statuses"][sha][context]
        return status["state"], status["description"]

    def issues(self) -> list[tuple[str, str]]:
        issues = self.store.read()["issues"].values()
        return [(issue["title"], issue["state"]) for issue in issues]

    def opener(self, number: int) -> str:
        login: str = self._pull(number)["author"]
        return "command" if login == ROBOT else login

    def _pull(self, number: int) -> Mapping[str, Any]:
        pull: Mapping[str, Any] = self.store.read()["pulls"][str(number)]
        return pull


@contextmanager
def people_on(name: str, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[People]:
    """A forge with a bare repository in `folder`, and this process configured for it."""
    if name == "github":
        with GitHubAPI(Repository(folder)).serving() as api:
            as_a_job(api, folder, patch)
            yield OnGitHub(api.repository)
        return
    patch.setattr(forges, "PROVIDERS", {"local": LocalForgeProvider})
    for variable in ("GITHUB_TOKEN", "GITHUB_REPOSITORY"):
        patch.delenv(variable, raising=False)
    yield OnLocalForge(Store.create(folder / "models.git"))


class ForgeWorld:
    """A clone of the forge's repository, and the forge as the product reaches it."""

    def __init__(self, people: People, folder: Path) -> None:
        self.people = people
        self.folder = folder
        subprocess.run(
            ["git", "clone", "-q", str(people.path), str(folder)], check=True, capture_output=True
        )
        self.team = Team(folder, "")
        self.team.git("checkout", "-q", "-B", "main")
        self.commit(1)
        self.push("main")

    @property
    def forge(self) -> Forge:
        return forges.required_forge(Git(self.folder))

    def approvals(self) -> PullRequestApprovals:
        git = Git(self.folder)

        def line() -> dict[str, int]:
            return {sha: index for index, sha in enumerate(git.first_parents("origin/main"))}

        facts = self.forge.review_facts(ClonedMainBranch(git, "origin/main", line))
        return PullRequestApprovals(facts, git)

    def commit(self, version: int, login: str = "alice") -> str:
        self.team.write("models/churn.yaml", MANIFEST.format(version))
        self.team.git("add", "-A")
        author = f"{login} <{login}@example.org>"
        self.team.git("commit", "-q", "--author", author, "-m", f"Promote {version}")
        return self.team.git("rev-parse", "HEAD")

    def push(self, branch: str) -> str:
        self.team.git("push", "-q", "-f", "origin", f"HEAD:refs/heads/{branch}")
        self.team.git("fetch", "-q", "origin")
        return self.team.git("rev-parse", "HEAD")

    def propose(self, branch: str, version: int, login: str = "alice") -> tuple[int, str]:
        """A pull request of one commit. Returns its number and head."""
        self.team.git("checkout", "-q", "-B", branch, "origin/main")
        self.commit(version, login)
        head = self.push(branch)
        return self.people.open(branch, login), head

    def main(self) -> str:
        """Check out the tip of main."""
        self.team.git("fetch", "-q", "origin")
        self.team.git("checkout", "-q", "-B", "main", "origin/main")
        return self.team.git("rev-parse", "HEAD")
