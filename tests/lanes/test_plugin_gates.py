"""Gates of other packages, found by their entry point (RULES R3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tests.support
from mlflow_gitops.edges.system import plugins
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Ran, Team

PACKAGE = Path(tests.support.__file__).parent / "plugin"


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    """A gate of another package sees what every gate sees; one lane tells as much as three."""
    return sqlite_uri


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example package, as if it were installed."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    plugins.forget_plugins()
    yield
    plugins.forget_plugins()


def policy(gates: str, overrides: str = "[]") -> str:
    return f"stages: {{Production: {{require: {{plugins: {gates}}}}}}}\noverrides: {overrides}\n"


FAIRNESS = policy("{fairness: {metric: recall, groups: [a, b], max_gap: 0.05}}", "[fairness]")


def promoted(
    team: Team, shelf: LaneRegistry, rules: str, message: str = "Promote", **metrics: float
) -> tuple[str, Ran]:
    name = shelf.model(0)
    shelf.logged(name, **metrics)
    team.write("policy.yaml", rules)
    team.commit("Rules")
    team.commit(message, **{name: "stages: {Production: 1}\n"})
    return name, team.run("reconcile", "--yes", "--format", "json")


def test_it_passes_with_its_numbers(installed: None, team: Team, shelf: LaneRegistry) -> None:
    name, ran = promoted(team, shelf, FAIRNESS, recall_a=0.91, recall_b=0.89)
    assert ran.code == 0, ran.out
    [gate] = ran.json["models"][0]["gates"]
    assert (gate["gate"], gate["status"]) == ("fairness", "passed")
    assert gate["detail"] == "recall differs by 0.020 between groups ≤ 0.050"
    assert shelf.stages(name) == {1: "Production"}


def test_it_refuses_with_its_numbers(installed: None, team: Team, shelf: LaneRegistry) -> None:
    name, ran = promoted(team, shelf, FAIRNESS, recall_a=0.91, recall_b=0.71)
    assert ran.code == 4
    [refusal] = ran.json["models"][0]["refusals"]
    assert "recall differs by 0.200 between groups > 0.050" in refusal["detail"]
    assert "Gate-Override: fairness" in refusal["way_out"]
    assert shelf.stages(name) == {1: "None"}


def test_its_name_is_that_of_its_override(installed: None, team: Team, shelf: LaneRegistry) -> None:
    message = "Promote\n\nGate-Override: fairness: group b has nine people"
    name, ran = promoted(team, shelf, FAIRNESS, message, recall_a=0.91, recall_b=0.71)
    [gate] = ran.json["models"][0]["gates"]
    assert gate["status"] == "overridden" and "group b has nine people" in gate["detail"]
    assert shelf.stages(name) == {1: "Production"}


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("broken", "the gate broken broke: KeyError: 'group'"),
        ("silent", "the gate silent gave no finding"),
        ("missing_module", "the gate missing_module broke: ModuleNotFoundError"),
        ("absent", "the gate absent is not installed here"),
    ],
)
def test_what_does_not_answer_has_not_passed(
    installed: None, team: Team, shelf: LaneRegistry, gate: str, said: str
) -> None:
    name, ran = promoted(team, shelf, policy(f"{{{gate}: {{}}}}"))
    assert ran.code == 4
    assert said in ran.json["models"][0]["refusals"][0]["detail"]
    assert shelf.stages(name) == {1: "None"}
