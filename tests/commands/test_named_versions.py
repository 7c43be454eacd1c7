"""A version by the stage or the alias that it holds, or as the latest: promote, pin, compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.registries.manual import ManualRegistry
from tests.support.team import Team


@pytest.fixture
def team(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Team:
    shelf = ManualRegistry(blank_registry(tmp_path / "mlflow.db"))
    shelf.model("churn", 4)
    shelf.stage("churn", 2, "Staging")
    shelf.client.set_registered_model_alias("churn", "challenger", "3")
    made = Team(tmp_path / "repo", shelf.uri)
    made.commit("First", churn="stages: {Staging: 2, Production: 1}\n")
    return made


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("@challenger", 3),
        ("challenger", 3),
        ("staging", 2),
        ("Staging", 2),
        ("latest", 4),
        ("@latest", 4),
        ("3", 3),
    ],
)
def test_promote_by_a_name(team: Team, name: str, number: int) -> None:
    ran = team.run("promote", "churn", name, "Production", "--dry-run", "--no-pin")
    assert ran.code == 0 and f"Production: {number}" in ran.out, ran.err
    assert (f"{name} is version {number} of churn now." in ran.err) is not name.isdigit()


@pytest.mark.parametrize(("name", "number"), [("@challenger", 3), ("latest", 4)])
def test_pin_by_a_name(team: Team, name: str, number: int) -> None:
    ran = team.run("pin", "churn", name, "--dry-run", "--no-digest")
    assert ran.code == 0 and f"+  {number}: " in ran.out, ran.out + ran.err


def test_compare_with_the_latest(team: Team) -> None:
    ran = team.run("compare", "churn", "staging", "latest", "--format", "json")
    assert (ran.json["from"]["version"], ran.json["to"]["version"]) == (2, 4)


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        (
            "nobody",
            1,
            "no version, stage or alias nobody in MLflow; it has the versions 1, 2, 3, 4",
        ),
        ("0", 64, "from 1 to 2147483647"),
        ("99999999999", 64, "from 1 to 2147483647"),
    ],
)
def test_what_is_no_version(team: Team, name: str, code: int, told: str) -> None:
    ran = team.run("promote", "churn", name, "Production", "--dry-run")
    assert ran.code == code and told in ran.err


def test_another_environment_takes_numbers_alone(team: Team) -> None:
    ran = team.run("promote", "churn", "latest", "Production", "--from", "staging")
    assert ran.code == 64 and "name the version by its number" in ran.err
