"""What a plan tells its reviewers beside the changes, on real servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.support.environments import Teams
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team


@pytest.fixture
def uri(http_uri: str) -> str:
    return http_uri


def test_versions_runs_owners_and_how_long(
    uri: str, team: Team, shelf: LaneRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = shelf.model(2)
    owned = 'owners: ["@carol"]\n'
    team.write("policy.yaml", "stages: {Production: {approvals: {count: 1, from: message}}}\n")
    team.commit("Begin\n\nApproved-by: Dave <d@x>", **{name: f"{owned}stages: {{Production: 1}}\n"})
    team.reconcile()
    team.commit(
        "Promote 2\n\nApproved-by: Dave <d@x>", **{name: f"{owned}stages: {{Production: 2}}\n"}
    )

    plan = team.run("plan", name, "--format", "json").json
    [model] = plan["models"]
    assert model["owners"] == ["@carol"] and model["approved_by"] == ["Dave <d@x>"]
    assert model["owner_approved"] is False and plan["made_at"] is not None
    [row] = model["stages"]
    assert row["held_since"]["at_least"] is False, row
    before, after = row["versions"]
    assert (before["version"], after["version"]) == (1, 2)
    assert after["url"] == f"{uri}/#/models/{name}/versions/2"
    if after["run_id"]:
        assert after["run_url"] == f"{uri}/#/runs/{after['run_id']}"

    page = team.run("plan", name, "--format", "markdown").out
    home = f"{uri}/#/models/{name}/versions"
    assert f"**[1]({home}/1) → [2]({home}/2)**" in page
    assert "1 has held Production for " in page
    assert "Owned by `@carol`; approved by `Dave <d@x>`; no owner approved." in page
    page = team.run("--mlflow-ui", "https://ui.example", "plan", name, "--format", "markdown").out
    assert f"[2](https://ui.example/#/models/{name}/versions/2)" in page and uri not in page
    monkeypatch.setenv("MLFLOW_GITOPS_MLFLOW_UI", "off")
    assert "](http" not in team.run("plan", name, "--format", "markdown").out


def test_which_environments_have_a_version(
    tmp_path: Path, blank_registry: Callable[[Path], str]
) -> None:
    uris = {name: blank_registry(tmp_path / f"{name}.db") for name in ("dev", "prod")}
    teams = Teams(tmp_path / "repo", uris)
    client = MlflowClient(uris["dev"])
    client.create_registered_model("churn")
    for number in (1, 2):
        client.create_model_version("churn", f"s3://dev/{number}", await_creation_for=0)
    teams.put("dev", "churn", "stages: {Production: 1}\n")
    origin = f'{{environment: dev, version: 2, digest: "sha256:{"ab" * 32}"}}'
    teams.put(
        "prod", "churn", f"stages: {{Production: 1}}\nversions: {{1: {{origin: {origin}}}}}\n"
    )
    teams.put("prod", "churn-eu", "stages: {}\n")
    teams.commit("Begin")
    teams.apply("dev")
    teams.put("dev", "churn", "stages: {Production: 2}\n")
    [model] = teams.on("dev", "plan", "--format", "json").json["models"]
    before, after = model["stages"][0]["versions"]
    assert before["elsewhere"] == []
    assert after["elsewhere"] == [{"environment": "prod", "version": 1, "stages": ["Production"]}]
    assert "2 is also in prod (1 in Production)" in teams.on("dev", "plan").out
