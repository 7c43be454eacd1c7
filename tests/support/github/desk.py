"""A clone of a repository on the GitHub of the tests."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mlflow_gitops.app.approvals import PullRequestApprovals
from mlflow_gitops.edges.forge import ClonedMainBranch
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.forge import GitHub
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.repositories.empty import head_of
from tests.support.team import GIT_ENVIRONMENT

PAUSES = (0.01, 0.01, 0.01)
FILE, OTHER = "registry/models/fraud.yaml", "registry/models/churn.yaml"


@dataclass
class Desk:
    """A clone of the repository, whose people push, review and merge on the GitHub of the tests."""

    api: GitHubAPI
    folder: Path

    @property
    def repo(self) -> Repository:
        return self.api.repository

    def git(self, *args: str, who: str = "alice") -> str:
        me = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
              for part, value in (("NAME", who), ("EMAIL", f"{who}@example.org"))}  # fmt: skip
        done = subprocess.run(
            ["git", *args],
            cwd=self.folder,
            env=os.environ | GIT_ENVIRONMENT | me,
            capture_output=True,
            text=True,
        )
        assert not done.returncode, done.stderr
        return done.stdout.strip()

    def head(self) -> str:
        return head_of(self.folder) or self.git("rev-parse", "HEAD")

    def commit(
        self, text: str, message: str = "Promote", who: str = "alice", file: str = FILE
    ) -> str:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.git("add", "-A", who=who)
        self.git("commit", "-q", "--allow-empty", "-m", message, who=who)
        return self.head()

    def branch(self, name: str, *texts: str, file: str = FILE) -> str:
        """A branch of main with a commit for each text, pushed. Returns its head."""
        self.git("checkout", "-q", "-B", name, "origin/main")
        for number, text in enumerate(texts, 1):
            self.commit(text, f"Step {number} of {name}", file=file)
        return self.push(name)

    def push(self, name: str) -> str:
        self.git("push", "-q", "-f", "origin", f"HEAD:refs/heads/{name}")
        return self.head()

    def refuse_graphql(self) -> None:
        """Let GitHub refuse GraphQL, so that all is read by the REST API."""
        self.api.fail("POST /graphql", 403, "Resource not accessible by integration", times=10**6)

    def pull(self) -> str:
        self.git("fetch", "-q", "origin")
        self.git("checkout", "-q", "-B", "main", "origin/main")
        return self.head()

    def asked(
        self, token: str = "actions-token", url: str | None = None, repository: str | None = None
    ) -> PullRequestApprovals:
        git = Git(self.folder)
        main = ClonedMainBranch(
            git,
            "origin/main",
            lambda: {sha: i for i, sha in enumerate(git.first_parents("origin/main"))},
        )
        return PullRequestApprovals(self.github(token, url, repository).review_facts(main), git)

    def github(
        self, token: str = "actions-token", url: str | None = None, repository: str | None = None
    ) -> GitHub:
        name = repository or self.repo.full_name
        return GitHub(GitHubConnection(name, token, url or self.api.url, pauses=PAUSES))
