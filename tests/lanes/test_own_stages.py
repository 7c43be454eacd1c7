"""A team's own stages, as it lives with them: UAT, Canary and Shadow beside MLflow's four, from the
policy to the report.

MLflow knows nothing of such a stage: it lives as its alias alone, and a service loads
`models:/fraud@canary`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.models import EXPERIMENT, Logged, Signed, log_model
from tests.support.registries.manual import ManualRegistry
from tests.support.team import Ran, Team

POLICY = """\
stages:
  Staging: {alias: staging}
  UAT: {alias: uat, native: false, from: [Staging]}
  Canary:
    alias: canary
    native: false
    from: [UAT]
    soak: 2h
    protected: true
    require: {metrics: {accuracy: {min: 0.9}}}
  Shadow: {alias: shadow, native: false}
  Production: {alias: production, from: [Canary], soak: 24h}
overrides: [soak]
"""
OWN = ("UAT", "Canary", "Shadow")
Forward = Callable[..., None]


@pytest.fixture
def shelf(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Iterator[ManualRegistry]:
    """A registry of this test's own, whose artifacts lie beside it."""
    import mlflow

    before = mlflow.get_tracking_uri()
    made = ManualRegistry(blank_registry(tmp_path / "mlflow.db"))
    made.client.create_experiment(EXPERIMENT, artifact_location=(tmp_path / "artifacts").as_uri())
    made.client.create_registered_model("fraud")
    yield made
    mlflow.set_tracking_uri(before)


@pytest.fixture
def team(tmp_path: Path, shelf: ManualRegistry) -> Team:
    made = Team(tmp_path / "repo", shelf.uri)
    made.write("policy.yaml", POLICY)
    made.commit("Our stages")
    made.commit("Our model", fraud="stages: {}\n")
    return made


def train(shelf: ManualRegistry, accuracy: float) -> Logged:
    return log_model(shelf.uri, "fraud", Signed(), metrics={"accuracy": accuracy})


def served(alias: str) -> str:
    """The id of the logged model that a reader of `models:/fraud@…` gets."""
    import mlflow

    return str(mlflow.pyfunc.load_model(f"models:/fraud@{alias}").metadata.model_id)


def promote(team: Team, version: int, stage: str, *more: str) -> str:
    """The diff of one promotion, committed."""
    ran = team.run("promote", "fraud", str(version), stage, "--commit", *more)
    assert ran.code == 0, ran.err
    return ran.out


def manifest(team: Team) -> str:
    return (team.folder / "registry/models/fraud.yaml").read_text(encoding="utf-8")


def gates(ran: Ran) -> dict[str, str]:
    [model] = ran.json["models"]
    return {gate["gate"]: gate["status"] for gate in model["gates"]}


def result(team: Team) -> str:
    [model] = team.run("reconcile", "--yes", "--format", "json").json["models"]
    return str(model["result"])


def test_a_version_climbs_through_the_teams_own_stages_and_comes_back(
    team: Team, shelf: ManualRegistry, forward: Forward, tmp_path: Path
) -> None:
    first, second, third = (train(shelf, accuracy) for accuracy in (0.95, 0.97, 0.85))
    assert team.run("validate").code == 0

    # It climbs: Staging is MLflow's, UAT the team's. A version may hold one of either.
    promote(team, 1, "Staging")
    team.reconcile()
    assert "Staging: 1, UAT: 1" in promote(team, 1, "UAT")
    plan = team.run("plan").out
    assert "  UAT  — → 1" in plan and "✓ from  from Staging" in plan and "alias uat — → 1" in plan
    team.reconcile()
    assert shelf.stages("fraud") == {1: "Staging"} and shelf.aliases("fraud") == {
        "staging": 1,
        "uat": 1,
    }

    # Canary soaks: the plan waits, the reconcile defers, and a later one applies.
    promote(team, 1, "Canary")
    waiting = team.run("plan", "--format", "json")
    assert waiting.code == 0 and gates(waiting) == {
        "from": "passed",
        "soak": "waiting",
        "metrics": "passed",
    }
    assert re.search(
        r"… soak +\d+ s of 2h in UAT, until .*Z\n +✓ from +from UAT\n +✓ metrics +accuracy 0.95 ≥",
        team.run("plan").out,
    )
    assert result(team) == "deferred" and "canary" not in shelf.aliases("fraud")
    assert team.run("status", "--format", "json").json["models"][0]["sync"] == "Pending"
    forward(hours=3)
    assert re.search(r"✓ soak +3 h in UAT \(soak 2h\)", team.run("plan").out)
    assert result(team) == "applied"
    assert served("canary") == first.model_id

    # Canary soaks for Production in its turn, which a line of the commit takes the place of. It
    # keeps the Canary.
    promote(team, 1, "Production", "--override", "soak=INC-42 no model at all is worse")
    assert gates(team.run("plan", "--format", "json")) == {"from": "passed", "soak": "overridden"}
    assert result(team) == "applied"
    assert shelf.stages("fraud") == {1: "Production"}
    assert shelf.aliases("fraud") == {"production": 1, "canary": 1, "uat": 1}

    # The next one, and one that no stage but Shadow names: for MLflow it holds none.
    for stage in ("Staging", "UAT"):
        promote(team, 2, stage)
        team.reconcile()
    promote(team, 3, "Shadow")
    team.reconcile()
    assert shelf.stages("fraud") == {1: "Production", 2: "Staging"}
    assert served("shadow") == third.model_id
    forward(hours=3)
    promote(team, 2, "Canary")
    plan = team.run("plan").out
    assert "  Canary  1 → 2" in plan and "alias canary 1 → 2" in plan
    assert "2 compared with 1: accuracy 0.95 → 0.97 (+0.02); signature same" in plan
    assert result(team) == "applied"
    assert served("canary") == second.model_id and served("production") == first.model_id

    # Somebody moves the alias by hand: drift, as with any stage.
    shelf.alias("fraud", "canary", 3)
    [row] = team.run("status", "--format", "json").json["models"]
    assert (
        row["sync"] == "Drifted"
        and row["stages"]["Canary"] == [3]
        and row["desired"]["Canary"] == [2]
    )
    assert "Canary  3 → 2" in team.run("plan").out and team.run("verify").code == 4
    assert result(team) == "applied" and served("canary") == second.model_id

    # What climbs must do so through the stages, and be good enough.
    assert "Canary: 3, Shadow: 3" in promote(team, 3, "Canary"), (
        "a version may hold several of the team's own"
    )
    refused = team.run("plan")
    assert (
        refused.code == 4
        and "3 was not in UAT before" in refused.out
        and "accuracy 0.85 < 0.9" in refused.out
    )
    team.git("revert", "--no-edit", "HEAD")

    # Back again: exempt from what would trap it.
    back = team.run("rollback", "fraud", "Canary", "--commit", "-m", "false alarms")
    assert back.code == 0 and "1 held Canary from" in back.err, back.err
    assert gates(team.run("plan", "--format", "json")) == {
        "from": "exempt",
        "soak": "exempt",
        "metrics": "passed",
    }
    assert result(team) == "applied" and served("canary") == first.model_id
    told_everywhere(team, tmp_path)


def told_everywhere(team: Team, tmp_path: Path) -> None:
    """The audit trail and today's state name the stages as they name MLflow's own."""
    events = team.run("log", "fraud", "--stage", "Canary", "--format", "json").json
    assert [(event["from"], event["to"], event["effect"]["result"]) for event in events] == [
        ([], [1], "applied"), ([1], [2], "applied"), ([2], [3], "superseded"),
        ([3], [2], "superseded"), ([2], [1], "applied"),
    ]  # fmt: skip
    assert (
        'Canary  2 → 1  A Person  "Roll fraud Canary back to 1"'
        in team.run("log", "--stage", "Canary").out
    )
    assert "| `UAT` | 1 → 2 |" in team.run("log", "--stage", "UAT", "--format", "markdown").out
    [model] = team.run("show", "fraud", "--format", "json").json["models"]
    assert model["stages"] == {
        "Production": [1],
        "Staging": [2],
        "UAT": [2],
        "Canary": [1],
        "Shadow": [3],
    }
    assert set(model["since"]) == set(model["stages"])
    assert "also Staging 2, UAT 2, Canary 1, Shadow 3" in team.run("show", "fraud").out
    assert "Production 1   Staging 2   UAT 2   Canary 1   Shadow 3" in team.run("status").out
    assert team.run("status", "--exit-code").code == 0
    verified = team.run("verify")
    assert verified.code == 0, verified.out
    assert "accuracy" in team.run("compare", "fraud", "Shadow", "Canary").out
    assert team.run("import", "--format", "json").json["models"][0]["result"] == "unchanged"
    assert team.run("report", "--out", str(tmp_path / "page")).code == 0
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert all(f">{stage}<" in page for stage in OWN), [
        stage for stage in OWN if f">{stage}<" not in page
    ]


def test_a_version_in_several_stages_is_held_in_each_and_soaks_on(
    team: Team, shelf: ManualRegistry, forward: Forward
) -> None:
    train(shelf, 0.95)
    team.commit("Staging", fraud="stages: {Staging: 1}\n")
    team.reconcile()
    team.commit("Two at once", fraud="stages: {Staging: 1, UAT: 1, Shadow: 1}\n")
    team.reconcile()
    assert team.run("verify").code == 0, team.run("verify").out
    forward(hours=3)
    # Out of one of them, into nothing new: the time in the others goes on.
    team.commit("No shadow", fraud="stages: {Staging: 1, UAT: 1}\n")
    team.reconcile()
    team.commit("Canary", fraud="stages: {Staging: 1, UAT: 1, Canary: 1}\n")
    plan = team.run("plan").out
    assert re.search(r"✓ from +from UAT\n +✓ soak +3 h in UAT \(soak 2h\)", plan), plan
    team.reconcile()
    assert team.run("verify").code == 0
    assert shelf.aliases("fraud") == {"staging": 1, "uat": 1, "canary": 1}


def test_a_protected_stage_of_ones_own_is_not_left_empty_by_a_dropped_line(
    team: Team, shelf: ManualRegistry
) -> None:
    team.git("reset", "-q", "--hard", "HEAD~1")  # only a model's first manifest adopts
    train(shelf, 0.95)
    shelf.alias("fraud", "canary", 1)
    team.run("import")
    assert "Canary: 1" in manifest(team), "an alias that the policy knows is its stage"
    team.commit("What is there")
    team.reconcile()
    team.commit("Dropped", fraud="stages: {}\n")
    [model] = team.run("plan", "--format", "json").json["models"]
    assert [refusal["code"] for refusal in model["refusals"]] == ["protected"]
    team.commit("Emptied", fraud="stages: {Canary: null}\n")
    team.reconcile()
    assert shelf.aliases("fraud") == {} and shelf.stages("fraud") == {}


def test_a_stage_leaves_the_policy_together_with_the_manifests(
    team: Team, shelf: ManualRegistry
) -> None:
    train(shelf, 0.95)
    team.commit("A shadow", fraud="stages: {Staging: 1, Shadow: 1}\n")
    team.reconcile()
    without = re.sub(r"  Shadow: .*\n", "", POLICY)
    team.write("policy.yaml", without)
    ran = team.run("validate", "--format", "json")
    assert ran.code == 3 and [error["code"] for error in ran.json["errors"]] == ["stage-unknown"]
    assert "known: Production, Staging, UAT, Canary, Archived" in ran.json["errors"][0]["message"]
    refused = team.run("plan")
    assert refused.code == 3 and "stage-unknown" in refused.err + refused.out
    team.commit("No shadows any more", fraud="stages: {Staging: 1}\n")
    plan = team.run("plan").out
    assert "alias shadow 1 → —" in plan
    team.reconcile()
    assert shelf.aliases("fraud") == {"staging": 1} and shelf.stages("fraud") == {1: "Staging"}
    # What was, is still told.
    events: list[dict[str, Any]] = team.run("log", "--stage", "Shadow", "--format", "json").json
    assert [(event["from"], event["to"]) for event in events] == [([], [1]), ([1], [])]
    assert team.run("verify").code == 0 and team.run("status", "--exit-code").code == 0
