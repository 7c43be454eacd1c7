"""A team's repository on the GitHub of the tests, and an MLflow that its manifests describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.github_api import GitHubAPI
from tests.support.receipts import receipts_in
from tests.support.team import Ran, Team

POLICY = """\
stages:
  Staging: {alias: staging}
  Production: {alias: production, approvals: 1, require: {tags: {validation: passed}}}
"""


CONTEXT = "mlflow-gitops/plan"


STAGES = "name: churn\nstages: {{Production: {}}}\n"


class Hub:
    """The team `acme`, its GitHub and its MLflow, with `churn` 1 in Production and 2 and 3 beside
    it."""

    def __init__(self, folder: Path, api: GitHubAPI) -> None:
        from mlflow import MlflowClient

        uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.api, self.repo, self.client = api, api.repository, MlflowClient(uri)
        self.team = Team(folder / "clone", uri)
        self.team.point_origin_at(self.repo.path)
        for login in ("alice", "bob", "carol"):
            self.repo.user(login, "write", mails=(f"{login}@example.org",))

    def push(self, branch: str) -> str:
        self.team.git("push", "-q", "-f", "origin", f"HEAD:refs/heads/{branch}")
        self.team.git("fetch", "-q", "origin")
        return self.team.head()

    def propose(
        self, branch: str, manifest: str, author: str = "alice", **more: Any
    ) -> tuple[int, str]:
        """A pull request of one commit: its number and head."""
        self.team.git("checkout", "-q", "-B", branch, "origin/main")
        self.team.write("models/churn.yaml", manifest)
        self.team.git("add", "-A")
        self.team.git(
            "commit",
            "-q",
            "--author",
            f"{author} <{author}@example.org>",
            "-m",
            f"Change of {branch}",
        )
        head = self.push(branch)
        return (
            self.repo.open_pull(branch, f"The title of {branch}", user=author, **more).number,
            head,
        )

    def main(self) -> str:
        self.team.git("fetch", "-q", "origin")
        self.team.git("checkout", "-q", "-B", "main", "origin/main")
        return self.team.head()

    def status(self, sha: str) -> tuple[str, str]:
        newest = [one for one in self.repo.statuses[sha] if one["context"] == CONTEXT][-1]
        return newest["state"], newest["description"]

    def comment(self, number: int) -> str:
        [one] = self.repo.pull(number).comments
        return one.body

    def plan(self, head: str) -> Ran:
        """What the workflow runs: on a checkout of main, which has not fetched the pull request."""
        self.main()
        return self.team.run("github", "plan", head)

    def reconcile(self) -> Ran:
        return self.team.run("reconcile", "--yes", "--format", "json")

    def recorded(self, sha: str) -> dict[str, Any]:
        """What the newest receipt on a commit says of churn."""
        on_commit = [r for r in receipts_in(self.team.folder) if r.commit == sha]
        recorded: dict[str, Any] = on_commit[-1].content["models"][0]
        return recorded

    def tags(self, version: int) -> dict[str, str]:
        return dict(self.client.get_model_version("churn", str(version)).tags)

    def production(self) -> int:
        return int(self.client.get_model_version_by_alias("churn", "production").version)
