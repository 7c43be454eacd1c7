"""MLflow's prompts under git: manifests with `kind: prompt`, from import to rollback, on every registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlflow_gitops.core.prompts import words
from tests.lanes.conftest import Shelf
from tests.support.team import Team

Register = Callable[..., str]


@pytest.fixture
def prompt(shelf: Shelf) -> Register:
    """Registers a prompt with these texts as its versions, through MLflow's own function, and gives its name."""

    def register(*texts: Any, base: str = "greeting") -> str:
        name = f"{base}-{shelf._prefix}"
        for text in texts:
            shelf.client.register_prompt(name, text, commit_message=f"It says {text!r}")
        return name

    return register


def aliases(shelf: Shelf, name: str) -> dict[str, int]:
    """What MLflow's own function for prompts shows of them."""
    found = shelf.client._get_registry_client().get_registered_model(name)
    return {alias: int(version) for alias, version in found.aliases.items()}


def loaded(shelf: Shelf, name: str, alias: str) -> Any:
    """What a service gets."""
    return shelf.client.load_prompt(f"prompts:/{name}@{alias}", cache_ttl_seconds=0).template


def manifest(stages: str, rest: str = "") -> str:
    return f"kind: prompt\nstages: {stages}\n{rest}"


def test_promoted_rolled_back_and_told(team: Team, shelf: Shelf, prompt: Register) -> None:
    name = prompt("Hello {{name}}", "Good day {{name}}", [{"role": "user", "content": "Hi {{name}}"}])
    team.commit(**{name: manifest("{Production: 1}")})
    done = team.reconcile()
    assert {"model": name, "stage": "Production", "version": 1} in done.json["changed"]
    assert aliases(shelf, name) == {"production": 1} and loaded(shelf, name, "production") == "Hello {{name}}"

    promoted = team.run("promote", name, "2", "Production", "--commit")
    assert promoted.code == 0, promoted.err
    assert f'digest: "{digest(shelf, name, 2)}"' in text(team, name)
    plan = team.run("plan", "--detailed-exitcode")
    assert plan.code == 2 and "Production  1 → 2" in plan.out
    assert "2 against 1: template: 1 lines new, 1 gone" in plan.out
    team.reconcile()
    assert loaded(shelf, name, "production") == "Good day {{name}}"
    assert team.run("rollback", name, "--commit").code == 0
    assert "exempt" not in team.run("plan").out
    team.reconcile()
    assert loaded(shelf, name, "production") == "Hello {{name}}"
    assert team.run("status", name, "--exit-code").code == 0
    assert team.run("verify", name).code == 0
    events = team.run("log", name, "--format", "json").json
    assert [(one["stage"], one["from"], one["to"]) for one in events] == [
        ("Production", [], [1]), ("Production", [1], [2]), ("Production", [2], [1]),
    ]  # fmt: skip
    assert all(one["effect"]["result"] == "applied" for one in events)
    shown = team.run("show", name, "--lineage", "--format", "json").json
    assert shown["models"][0]["made_from"][0]["digest"] == digest(shelf, name, 1)
    stages = {int(one.version): one.current_stage for one in versions(shelf, name)}
    assert stages == {1: "None", 2: "None", 3: "None"}, "no stage of MLflow's is touched"


def versions(shelf: Shelf, name: str) -> list[Any]:
    return list(shelf.client.search_model_versions(f"name = '{name}' AND tags.`mlflow.prompt.is_prompt` = 'true'"))


def digest(shelf: Shelf, name: str, number: int) -> str:
    [found] = [one for one in versions(shelf, name) if int(one.version) == number]
    return words(found.tags).digest


def text(team: Team, name: str) -> str:
    return (team.folder / f"registry/models/{name}.yaml").read_text()
