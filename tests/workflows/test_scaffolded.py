"""A repository that `init` and `import` made, with a registry folder below another and a main
branch of its own: its workflows, run by act, take a promotion from the pull request to MLflow."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support.act import Environment, Workflows
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.team import Team

pytestmark = pytest.mark.real

PLACE = ("--registry-dir", "ml/registry")


def log_versions(client: Any, model: str, folder: Path) -> None:
    """Two versions with files, whose digests the policy of `init` asks for."""
    (folder / "MLmodel").parent.mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    experiment = client.create_experiment(model)
    for _ in range(2):
        logged = client.create_logged_model(experiment, "model")
        client.log_model_artifacts(logged.model_id, str(folder))
        client.finalize_logged_model(logged.model_id, "READY")
        client.create_model_version(
            model,
            f"models:/{logged.model_id}",
            model_id=logged.model_id,
            await_creation_for=0,
        )


def test_the_first_promotion_of_an_adopted_model(tmp_path: Path, server: str) -> None:
    from mlflow import MlflowClient

    client, model = MlflowClient(server), f"churn-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(model)
    log_versions(client, model, tmp_path / "trained")
    client.transition_model_version_stage(model, "1", "Production")

    hub = Repository(tmp_path / "github", branch="trunk")
    with GitHubAPI(hub).serving() as api:
        for login in ("ada", "grace"):
            hub.user(login, "write", mails=(f"{login}@example.org",))
        team = Team(tmp_path / "clone", server)
        team.git("checkout", "-q", "-b", "trunk")
        team.git("remote", "add", "origin", str(hub.path))
        for step in (("init", "--yes", "--owner", "@acme/ml"), ("import", model), ("validate",)):
            ran = team.run(*PLACE, *step)
            assert ran.code == 0, ran.err
        team.commit("Manifests for our models")
        team.git("push", "-q", "-u", "origin", "trunk")
        variables = {"MLFLOW_TRACKING_URI": server}
        actions = Workflows(tmp_path / "actions", api, environment=Environment(variables=variables))
        [adopted] = [
            run for run in actions.push(hub.tip("trunk"), "ada") if run.workflow == "reconcile"
        ]
        assert adopted.ok, adopted.log
        assert client.get_registered_model(model).tags["gitops.commit"] == hub.tip("trunk")
        assert client.get_registered_model(model).tags["gitops.owner"].endswith(":ml/registry")

        promoted = team.run(*PLACE, "promote", model, "2", "Production", "--branch", "promote-2")
        assert promoted.code == 0, promoted.err
        team.git("push", "-q", "origin", "promote-2")
        number = hub.open_pull("promote-2", f"Promote {model} 2", user="ada").number
        runs = actions.pull_request(number, "opened")
        assert [(run.workflow, run.ok) for run in runs] == [("validate", True), ("plan", True)], (
            runs
        )
        [comment] = hub.issues[number].comments
        assert model in comment.body and "1 → 2" in comment.body
        assert hub.status(hub.pull(number).head, "mlflow-gitops/plan") == "success"

        before = hub.tip("trunk")
        hub.merge(number, "squash", by="grace")
        [applied] = [run for run in actions.push(before, "grace") if run.workflow == "reconcile"]
        assert applied.ok, applied.log
        stages = {
            int(v.version): v.current_stage
            for v in client.search_model_versions(f"name = '{model}'")
        }
        assert stages == {1: "Archived", 2: "Production"}
