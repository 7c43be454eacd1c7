"""A registry that keeps no stages, with all of Unity Catalog's limits (RULES R10): stages live as
aliases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tests.support
from tests.support.team import GIT_ENVIRONMENT, Team

PLUGIN = Path(tests.support.__file__).parent / "unity"


@pytest.fixture
def catalog(tmp_path: Path, blank_registry: Callable[[Path], str]) -> str:
    """The file of a SQLite registry with a model of four versions and one that nobody manages."""
    from mlflow import MlflowClient

    file = tmp_path / "catalog.db"
    client = MlflowClient(blank_registry(file))
    for name, versions in (("main.risk.fraud", 4), ("main.risk.other", 1)):
        client.create_registered_model(name)
        for number in range(versions):
            client.create_model_version(name, f"s3://models/{number}", await_creation_for=0)
    return str(file)


@pytest.fixture
def team(tmp_path: Path, catalog: str) -> Team:
    return Team(tmp_path / "repo", f"sqlite:///{catalog}")


@pytest.fixture(autouse=True)
def _limited_store(monkeypatch: pytest.MonkeyPatch, catalog: str) -> None:
    """What MLflow does itself with the plug-in's entry point in a new process. It knows its stores
    once a client was made."""
    from mlflow.tracking._model_registry.utils import _model_registry_store_registry as known

    monkeypatch.syspath_prepend(str(PLUGIN))
    from limited_store import LimitedStore  # type: ignore[import-not-found]

    monkeypatch.setitem(known._registry, "databricks-uc-test", LimitedStore)


def run(team: Team, catalog: str, *args: str) -> tuple[int, Any, str]:
    ran = team.run("--registry-uri", f"databricks-uc-test:///{catalog}", *args, "--format", "json")
    return ran.code, json.loads(ran.out) if ran.out else None, ran.err


def test_mlflow_finds_the_store_by_its_entry_point(team: Team, catalog: str) -> None:
    team.commit(**{"main.risk.fraud": "name: main.risk.fraud\nstages: {Production: 1}\n"})
    command = [
        sys.executable,
        "-m",
        "mlflow_gitops",
        "--repo",
        str(team.folder),
        "--tracking-uri",
        team.uri,
    ]
    command += ["--registry-uri", f"databricks-uc-test:///{catalog}", "reconcile", "--yes"]
    path = os.pathsep.join([str(PLUGIN), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        command,
        env=os.environ | GIT_ENVIRONMENT | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert state(catalog)[0] == {"production": 1}


def state(catalog: str) -> tuple[dict[str, int], dict[int, str]]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{catalog}")
    aliases = {
        alias: int(v) for alias, v in client.get_registered_model("main.risk.fraud").aliases.items()
    }
    versions = client.search_model_versions("name = 'main.risk.fraud'")
    return aliases, {int(v.version): str(v.current_stage) for v in versions}


def test_stages_live_as_aliases(team: Team, catalog: str) -> None:
    team.write("policy.yaml", "stages: {Production: {alias: live}}\n")
    manifest = "name: main.risk.fraud\ntags: {tier: one}\nstages: {Production: %d, Staging: %d}\n"
    team.commit(**{"main.risk.fraud": manifest % (1, 2)})
    code, done, said = run(team, catalog, "reconcile", "--yes")
    assert code == 0, said
    assert state(catalog) == ({"live": 1, "staging": 2}, dict.fromkeys((1, 2, 3, 4), "None"))
    assert {(c["stage"], c["version"]) for c in done["changed"]} == {
        ("Production", 1),
        ("Staging", 2),
    }

    team.commit(**{"main.risk.fraud": manifest % (2, 3)})
    code, plan, said = run(team, catalog, "plan")
    [model] = plan["models"]
    assert [(row["stage"], row["from"], row["to"]) for row in model["stages"]] == [
        ("Production", [1], [2]),
        ("Staging", [2], [3]),
    ]
    assert plan["unmanaged"] == ["main.risk.other"]
    assert run(team, catalog, "reconcile", "--yes")[0] == 0
    assert state(catalog)[0] == {"live": 2, "staging": 3}
    code, done, _ = run(team, catalog, "reconcile", "--yes")
    assert code == 0 and done["models"][0]["result"] == "unchanged"
    code, status, _ = run(team, catalog, "status", "--exit-code")
    assert code == 0 and status["models"][0]["stages"] == {"Production": [2], "Staging": [3]}


def test_several_versions_in_a_stage_are_refused(team: Team, catalog: str) -> None:
    team.commit(**{"main.risk.fraud": "name: main.risk.fraud\nstages: {Staging: [1, 2]}\n"})
    assert team.run("validate").code == 0, "only the registry tells"
    code, plan, _ = run(team, catalog, "plan")
    assert code == 4 and plan["models"][0]["refusals"][0]["code"] == "stage"


def test_a_protected_stage_stays_occupied(team: Team, catalog: str) -> None:
    team.commit(**{"main.risk.fraud": "name: main.risk.fraud\nstages: {Production: 1}\n"})
    assert run(team, catalog, "reconcile", "--yes")[0] == 0
    team.commit(**{"main.risk.fraud": "name: main.risk.fraud\nstages: {}\n"})
    code, plan, _ = run(team, catalog, "plan")
    assert code == 4 and plan["models"][0]["refusals"][0]["code"] == "protected"
    team.commit(**{"main.risk.fraud": "name: main.risk.fraud\nstages: {Production: null}\n"})
    assert run(team, catalog, "reconcile", "--yes")[0] == 0
    assert state(catalog)[0] == {}


def test_an_import_reads_stages_from_aliases(team: Team, catalog: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{catalog}")
    for alias, version in (("live", 1), ("staging", 2), ("champion", 2)):
        client.set_registered_model_alias("main.risk.fraud", alias, str(version))
    team.write("policy.yaml", "stages: {Production: {alias: live}}\n")
    code, told, said = run(team, catalog, "import")
    assert code == 0, said
    assert [
        (model["model"], model["result"], model["notes"], model["pending"])
        for model in told["models"]
    ] == [
        ("main.risk.fraud", "created", [], []),
        ("main.risk.other", "created", [], []),
    ]
    text = (team.folder / "registry/models/main.risk.fraud.yaml").read_text()
    assert "stages:\n  Production: 1\n  Staging: 2\naliases:\n  champion: 2\n" in text
    code, plan, _ = run(team, catalog, "plan")
    assert code == 0 and plan["summary"]["changes"] == 0
    team.commit("Import")
    assert run(team, catalog, "reconcile", "--yes")[0] == 0
    assert state(catalog)[0] == {"live": 1, "staging": 2, "champion": 2}
    client.set_registered_model_alias("main.risk.fraud", "live", "3")
    code, told, _ = run(team, catalog, "import", "main.risk.f*")
    assert [(model["model"], model["result"]) for model in told["models"]] == [
        ("main.risk.fraud", "updated")
    ]
    code, plan, _ = run(team, catalog, "plan")
    assert code == 0 and plan["summary"]["changes"] == 0
