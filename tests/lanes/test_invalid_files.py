"""An invalid file stops its model alone: the others are reconciled, and the model keeps what the
last valid commit wants (DESIGN §6, RULES R8)."""

from __future__ import annotations

import pytest

from tests.support.registries.lane import POLICY, LaneRegistry
from tests.support.team import Ran, Team

PROTECTED = POLICY + "overrides: [soak]\n"


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


def syncs(ran: Ran) -> dict[str, str]:
    return {model["model"]: model["sync"] for model in ran.json["models"]}


def results(ran: Ran) -> dict[str, str]:
    return {model["model"]: model["result"] for model in ran.json["models"]}


def codes(ran: Ran, model: str) -> list[str]:
    [found] = [found for found in ran.json["models"] if found["model"] == model]
    return [refusal["code"] for refusal in found["refusals"]]


def reconciled(team: Team, *args: str) -> Ran:
    return team.run("reconcile", "--yes", "--format", "json", *args)


BROKEN = {
    "an unknown field": "name: {name}\nstages: {{Production: 3}}\noops: 1\n",
    "no YAML": "name: {name}\nstages: {{Production: 3\n",
    "an unknown stage": "name: {name}\nstages: {{Production: 3, Live: 1}}\n",
    "an alias of a stage": "name: {name}\nstages: {{Production: 3}}\naliases: {{staging: 2}}\n",
    "an ambiguous number": "name: {name}\nstages: {{Production: 010}}\n",
    "another name": "name: somebody-else\nstages: {{Production: 3}}\n",
    "nothing": "",
    "too large": "name: {name}\nstages: {{Production: 3}}\n# {filler}\n",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_the_invalid_model_keeps_its_state_and_the_others_go_on(
    team: Team, shelf: LaneRegistry, kind: str
) -> None:
    ill, well = shelf.model(3, "ill"), shelf.model(3, "well")
    stages = "stages: {Production: 1}\n"
    team.commit(**{ill: stages, well: stages})
    team.reconcile()

    text = BROKEN[kind].format(name=ill, filler="x" * (1 << 20 if kind == "too large" else 1))
    team.write(f"models/{ill}.yaml", text)
    team.commit(**{well: "stages: {Production: 2}\n"})
    shelf.client.transition_model_version_stage(ill, "1", "Archived")
    shelf.client.delete_registered_model_alias(ill, "production")

    status = team.run("status", "--format", "json")
    assert status.code == 3 and syncs(status)[ill] == "Invalid"
    assert syncs(status)[well] == "Pending"
    assert {error["file"] for error in status.json["errors"]} == {f"registry/models/{ill}.yaml"}
    assert (
        "Invalid" in team.run("status").out
        and "Invalid" in team.run("status", "--format", "markdown").out
    )

    plan = team.run("plan", "--format", "json")
    assert (
        plan.code == 3 and plan.json["summary"]["invalid"] == 1 and team.run("validate").code == 3
    )

    ran = reconciled(team)
    assert ran.code == 3 and results(ran)[well] == "applied"
    assert codes(ran, ill) == ["invalid"] and ran.json["errors"] == status.json["errors"]
    assert shelf.stages(well)[2] == "Production" and shelf.aliases(well) == {"production": 2}
    assert shelf.stages(ill)[1] == "Production" and shelf.aliases(ill) == {"production": 1}

    again = reconciled(team)
    assert again.code == 3 and again.json["summary"]["changes"] == 0
    assert reconciled(team, well).code == 0 and reconciled(team, ill).code == 3
    assert team.run("plan", well).code == 0 and team.run("status", well).code == 0

    team.commit(**{ill: "stages: {Production: 2}\n"})
    assert reconciled(team).code == 0 and shelf.stages(ill)[2] == "Production"
