"""A team whose model `churn` is watched in Production, with its GitHub and its MLflow."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from mlflow import MlflowClient

from mlflow_gitops.settings import Settings, utc_now
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Pull, Repository
from tests.support.team import Ran, Team

BRANCH = "mlflow-gitops/health/churn/Production"
POLICY = """\
stages:
  Staging: {alias: staging}
  Production:
    alias: production
    health:
      on_failure: propose
      minimum_samples: 500
      samples: {prometheus: 'sum(increase(requests{model="$model",version="$version"}[$window]))'}
      checks:
        error_rate:
          {prometheus: 'errors{model="$model",version="$version"}', max: 0.02, failures: 3}
"""


def prepare(folder: Path, uri: str) -> None:
    """Version 1 of `churn` held Production for two days, and 2 holds it since two days."""
    client = MlflowClient(uri)
    client.create_registered_model("churn")
    for _ in range(3):
        client.create_model_version("churn", "s3://models/churn", await_creation_for=0)
    team = Team(folder / "clone", uri)
    team.write("policy.yaml", POLICY)
    team.commit("First", churn="stages: {Production: 1}\n")
    team.git("remote", "add", "origin", str(Repository(folder / "hub").path))
    team.git("push", "-q", "origin", "main")
    for days, versions in ((0, "1"), (2, "2")):
        team.settings = replace(Settings(), now=_clock(days))
        if days:
            team.commit("Second", churn=f"stages: {{Production: {versions}}}\n")
            team.git("push", "-q", "origin", "main")
        team.reconcile("--push-receipts")


def _clock(days: int) -> Callable[[], datetime]:
    return lambda: utc_now() + timedelta(days=days)


class Ward:
    """A copy of what `prepare` made. `passed` is how long ago that was, as commands see it."""

    def __init__(self, folder: Path, api: GitHubAPI, days: int = 4) -> None:
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.api, self.repo, self.client = api, api.repository, MlflowClient(uri)
        self.team = Team(folder / "clone", uri)
        self.team.point_origin_at(self.repo.path)
        self.repo.user("ada", "write", mails=("ada@example.org",))
        self.days(days)

    @staticmethod
    def copied(prepared: Path, folder: Path) -> Repository:
        shutil.copytree(prepared, folder, dirs_exist_ok=True)
        return Repository(folder / "hub")

    def days(self, count: int) -> None:
        """Let commands take the time for this many days after the first reconcile."""
        self.team.settings = replace(self.team.settings, now=_clock(count))

    def look(self, *models: str, dry_run: bool = False) -> Ran:
        """Run `github health`."""
        return self.team.run("github", "health", *models, *(["--dry-run"] if dry_run else []))

    def writes(self, *models: str) -> tuple[Ran, int]:
        """A run, and how much it wrote: requests, and pushed commits."""
        heads, asked = self.heads(), self.api.asked("(POST|PATCH|PUT|DELETE) /repos")
        ran = self.look(*models)
        return ran, self.api.asked("(POST|PATCH|PUT|DELETE) /repos") - asked + (
            self.heads() != heads
        )

    def heads(self) -> str:
        return self.repo.git("for-each-ref", "refs/heads")

    def open_pulls(self) -> list[Pull]:
        self.repo.look()
        return [pull for pull in self.repo.pulls() if pull.state == "open"]

    def pull(self) -> Pull:
        """The one open pull request."""
        [pull] = self.open_pulls()
        return pull

    def main(self, message: str = "Change", **files: str) -> None:
        """Somebody changes the main branch; the clone is at its tip then."""
        self.team.git("fetch", "-q", "origin")
        self.team.git("checkout", "-q", "-B", "main", "origin/main")
        if files:
            self.team.commit(message, **files)
            self.team.git("push", "-q", "origin", "main")

    def commit_to(self, branch: str, text: str) -> None:
        """Ada commits to a branch."""
        git = self.team.git
        git("fetch", "-q", "origin")
        git("checkout", "-q", "-B", "mine", f"origin/{branch}")
        self.team.write("models/churn.yaml", text)
        git("add", "-A")
        git("commit", "-q", "--author", "ada <ada@example.org>", "-m", "Mine")
        git("push", "-q", "-f", "origin", f"HEAD:refs/heads/{branch}")
        git("checkout", "-q", "main")
