"""The team that the help texts and the pages speak of: `fraud-detector` with 14 versions and
`churn` with 8, really there.

12 is in Production after 11, 14 in Staging and, on the branch `candidate`, in Production.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.console.shell import Shell
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.models import EXPERIMENT, Signed, log_model
from tests.support.registries.manual import ManualRegistry
from tests.support.team import Team

POLICY = """\
owners: ["@acme/ml-platform"]
stages: {Staging: {}, Production: {alias: production}}
overrides: [soak]
"""
FRAUD = """\
name: fraud-detector
description: Scores card payments for fraud.
owners: ["@acme/risk-ml"]
stages: {}
"""


def make(folder: Path, uri: str) -> None:
    """Make the repository, its GitHub and its registry in an empty folder; `uri` leads to a
    registry that is empty."""
    import mlflow

    before = mlflow.get_tracking_uri()
    shelf = ManualRegistry(uri)
    shelf.client.create_experiment(EXPERIMENT, artifact_location=(folder / "artifacts").as_uri())
    shelf.model("fraud-detector", 11)
    _log(uri, 0.919, 44, "0.1")
    shelf.add("fraud-detector")
    _log(uri, 0.931, 61, "0.05")
    shelf.model("churn", 8)
    mlflow.set_tracking_uri(before)
    team = Team(folder / "acme", uri)
    team.write("policy.yaml", POLICY)
    team.write("models/fraud-detector.yaml", FRAUD.format("{Production: 11}"))
    team.commit("Our models", churn="stages: {Production: 8}\n")
    team.run("codeowners")
    team.commit("Whom GitHub asks")
    (folder / "reconciled.json").write_text(team.reconcile().out)
    team.git("remote", "add", "origin", str(Repository(folder / "hub").path))
    team.commit(
        "Promote 12 (#101)", **{"fraud-detector": FRAUD.format("\n  Production: 12\n  Staging: 14")}
    )
    team.git("push", "-q", "-u", "origin", "main")
    team.reconcile("--push-receipts")
    team.git("checkout", "-q", "-b", "candidate")
    team.commit(
        "Promote 14: recall +1.2 pt", **{"fraud-detector": FRAUD.format("\n  Production: 14")}
    )
    team.git("push", "-q", "origin", "candidate")
    team.git("checkout", "-q", "main")


def _log(uri: str, accuracy: float, latency: float, rate: str) -> None:
    metrics, params = (
        {"accuracy": accuracy, "latency_p95_ms": latency},
        {"rate": rate, "depth": rate[-1]},
    )
    log_model(
        uri, "fraud-detector", Signed(), metrics=metrics, params=params, data=[("holdout", [1, 2])]
    )


class Acme:
    """A copy of what `make` made, whose GitHub is served by `api`."""

    def __init__(self, folder: Path, api: GitHubAPI) -> None:
        self.folder, self.api, self.hub = folder, api, api.repository
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.team = Team(folder / "acme", self.uri)
        self.team.point_origin_at(self.hub.path)
        self.shelf = ManualRegistry(self.uri)
        self.hub.user("ada", "write", mails=("ada@example.org",))
        self.hub.user("grace", "write", mails=("grace@example.org",))

    def shell(self, **more: str) -> Shell:
        """A shell in the clone, as a person has it or, with GitHub's own variables, a workflow."""
        return Shell(
            self.team.folder, {"MLFLOW_TRACKING_URI": self.uri, **self.api.environment(), **more}
        )


def copied(source: Path, folder: Path) -> None:
    """Copy what `make` made into another folder, where it may be changed. The artifacts stay where
    they are."""
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("artifacts"))
