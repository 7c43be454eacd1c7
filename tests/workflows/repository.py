"""A team's repository on the emulated GitHub, with the workflows that this project ships."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.act import ROOT, Environment, Workflows
from tests.support.github_api import GitHubAPI
from tests.support.team import Team

SHIPPED = (
    "validate.yml",
    "review.yml",
    "plan.yml",
    "reconcile.yml",
    "heal.yml",
    "promote.yml",
    "propose.yml",
    "propose-hourly.yml",
    "health.yml",
    "pages.yml",
    "deployments.yml",
    "verify.yml",
    "check.yml",
)
"""The workflows that a team's repository has; `ci.yml` and `weekly.yml` test this project."""

POLICY = """\
stages:
  Staging: {alias: staging}
  Production: {alias: production, approvals: 1, require: {tags: {validation: passed}}}
"""


class WorkflowRepository:
    """A team's repository: GitHub, a clone to work in, the workflows that ship, and the MLflow that
    it describes."""

    def __init__(self, folder: Path, api: GitHubAPI, uri: str, policy: str = POLICY) -> None:
        from mlflow import MlflowClient

        self.hub, self.api = api.repository, api
        self.client = MlflowClient(uri)
        self.model = f"churn-{uuid.uuid4().hex[:8]}"
        self.team = Team(folder / "clone", uri)
        self.team.git("remote", "add", "origin", str(self.hub.path))
        home = self.team.folder / ".github"
        shutil.copytree(ROOT / ".github/actions", home / "actions")
        (home / "workflows").mkdir()
        for name in SHIPPED:
            shutil.copy(ROOT / ".github/workflows" / name, home / "workflows")
        self.team.write("policy.yaml", policy)
        self.team.write(f"models/{self.model}.yaml", f"name: {self.model}\nstages: {{}}\n")
        self.team.commit("The first manifest")
        self.team.git("push", "-q", "-u", "origin", "main")
        self.hub.user("ada", "write", mails=("ada@example.org",))
        self.hub.user("grace", "write", mails=("grace@example.org",))
        self.hub.user("edsger", "maintain", mails=("edsger@example.org",))
        self.actions = Workflows(
            folder / "actions",
            api,
            environment=Environment(variables={"MLFLOW_TRACKING_URI": uri}),
        )

    def register(self, model: str = "", *, validated: bool = True) -> int:
        """Register one more version of the model, or of another."""
        name = model or self.model
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)
        tags = {"validation": "passed"} if validated else {}
        made = self.client.create_model_version(
            name, "dbfs:/models/x", tags=tags, await_creation_for=0
        )
        return int(made.version)

    def propose(
        self, branch: str, stages: str, *, author: str = "ada", message: str = "", model: str = ""
    ) -> int:
        """Push a branch with the model's stages and open a pull request of it; its number."""
        git, name = self.team.git, model or self.model
        git("fetch", "-q", "origin")
        git("checkout", "-q", "-B", branch, "origin/main")
        self.push_again(stages, author=author, message=message, model=name)
        return self.hub.open_pull(branch, message or f"Promote {name}", user=author).number

    def fork(
        self,
        owner: str,
        branch: str,
        stages: str,
        *,
        model: str,
        edit: Callable[[Path], None] = lambda folder: None,
    ) -> int:
        """Propose from a fork, as somebody without any right here; `edit` changes whatever else in
        the folder."""
        self.hub.user(owner, mails=(f"{owner}@example.org",))
        home = self.hub.fork_path(owner)
        git = self.team.git
        git("checkout", "-q", "-B", branch, "origin/main")
        self.team.write(f"models/{model}.yaml", f"name: {model}\nstages: {stages}\n")
        edit(self.team.folder)
        git("add", "-A")
        git("commit", "-q", "--author", f"{owner} <{owner}@example.org>", "-m", f"Promote {model}")
        git("push", "-q", "-f", str(home), f"HEAD:refs/heads/{branch}")
        return self.hub.open_pull(branch, f"Promote {model}", user=owner, fork=owner).number

    def push_again(
        self, stages: str, *, author: str = "ada", message: str = "", model: str = ""
    ) -> None:
        """Commit other stages on the branch that is checked out, and push it."""
        name = model or self.model
        self.team.write(f"models/{name}.yaml", f"name: {name}\nstages: {stages}\n")
        self.team.git("add", "-A")
        who = f"{author} <{author}@example.org>"
        self.team.git("commit", "-q", "--author", who, "-m", message or f"Promote {name}: {stages}")
        self.team.git("push", "-q", "-f", "-u", "origin", "HEAD")

    def stages(self, model: str = "") -> dict[int, str]:
        found = self.client.search_model_versions(f"name = '{model or self.model}'")
        return {
            int(one.version): str(one.current_stage)
            for one in sorted(found, key=lambda v: int(v.version))
        }

    def version(self, number: int, model: str = "") -> Any:
        return self.client.get_model_version(model or self.model, str(number))
