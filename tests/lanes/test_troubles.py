"""A scene: with four models in four kinds of trouble, one reconcile heals what can be healed, and
so does the watch loop."""

from __future__ import annotations

import pytest

from tests.support.registries.lane import POLICY, LaneRegistry
from tests.support.team import GIT_ENVIRONMENT, Team
from tests.support.watch.rounds import Rounds
from tests.support.watch.troubles import BROKEN_STAMPS, INVALID, KINDS, Troubles


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


@pytest.fixture
def troubles(team: Team, shelf: LaneRegistry) -> Troubles:
    """The four models, reconciled and well."""
    made = Troubles(shelf.client, *(shelf.model(2, kind) for kind in KINDS))
    team.commit(**made.manifests)
    team.reconcile()
    return made


@pytest.mark.parametrize("stamp_time", BROKEN_STAMPS)
def test_one_reconcile_heals_what_can_be_healed(
    team: Team, troubles: Troubles, stamp_time: str
) -> None:
    team.write("policy.yaml", POLICY + "limits: {changed_models: {percent: 50, floor: 2}}\n")
    team.commit(**{troubles.invalid: INVALID})
    troubles.break_registry(stamp_time)
    ran = team.run("reconcile", "--yes", "--format", "json")
    assert ran.code == 3 and troubles.production() == troubles.healed, ran.out + ran.err
    refusals = {
        model["model"]: [refusal["code"] for refusal in model["refusals"]]
        for model in ran.json["models"]
    }
    assert refusals[troubles.invalid] == ["invalid"] and refusals[troubles.drifted] == []
    assert refusals[troubles.deleted] == ["deleted"]
    assert not troubles.client.search_registered_models(f"name = '{troubles.deleted}'")
    assert team.run("status").code == 3 and team.run("status", troubles.drifted).code == 0


def test_the_watch_loop_heals_them_again_and_again(
    team: Team, troubles: Troubles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in GIT_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    team.commit(**{troubles.invalid: INVALID})
    troubles.break_registry(BROKEN_STAMPS[0])
    rounds = Rounds(team)
    news = rounds(1)
    assert troubles.production() == troubles.healed
    troubles.drift()
    news += rounds(1)
    assert troubles.production() == troubles.healed
    assert [error.code for report in news for error in report.invalid] == ["unknown-field"]
    refusals = [
        (outcome.model, refusal.code)
        for report in news
        for outcome in report.outcomes
        for refusal in outcome.refusals
    ]
    assert refusals.count((troubles.deleted, "deleted")) == 1
