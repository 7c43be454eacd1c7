"""A model that a hook names is looked at before the next round is due (RULES R8)."""

from __future__ import annotations

import pytest

from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team
from tests.support.watch.rounds import Rounds, push


def test_drift_is_healed_at_once_and_gauges_stay_those_of_all_models(
    team: Team, shelf: LaneRegistry, rounds: Rounds
) -> None:
    name, other = shelf.model(2), shelf.model(1, "other")
    push(team, **{name: "stages: {Production: 1}\n", other: "stages: {Production: 1}\n"})
    rounds()

    def drift() -> None:
        for model in (name, other):
            shelf.client.delete_registered_model_alias(model, "production")
        for model in (name, name, "stranger"):
            rounds.wakeups.add(model)

    rounds.meanwhile = [drift]
    [news] = rounds(3)  # a round that finds nothing, the wait for more calls, what is left of it
    assert [(o.model, o.result) for o in news.outcomes] == [(name, "applied")]
    assert shelf.aliases(name) == {"production": 1} and shelf.aliases(other) == {}
    figure = rounds.metrics.registry.get_sample_value
    assert figure("mlflow_gitops_models", {"sync": "Synced"}) == 2
    assert figure("mlflow_gitops_drift_healed_total", {"kind": "alias"}) == 1
    assert figure("mlflow_gitops_round_seconds_count") == 2
    [news] = rounds()
    assert [o.model for o in news.outcomes] == [other], "polling finds the rest"


@pytest.mark.parametrize("calls", [1, 50])
def test_a_tag_that_a_gate_waits_for(
    team: Team, shelf: LaneRegistry, rounds: Rounds, calls: int
) -> None:
    """Many calls are one round, also if each is about another model."""
    name = shelf.model(2)
    team.write(
        "policy.yaml",
        "stages: {Production: {alias: production, require: {tags: {validation: passed}}}}\n",
    )
    push(team, "Gate")
    push(team, **{name: "stages: {Production: 2}\n"})
    [news] = rounds()
    assert news.outcomes[0].result == "refused"

    def validate() -> None:
        shelf.client.set_model_version_tag(name, "2", "validation", "passed")
        for number in range(calls):
            rounds.wakeups.add(f"stranger-{number}")
        rounds.wakeups.add(name)

    rounds.meanwhile = [validate]
    before = len(rounds.waits)
    [news] = rounds(3)
    assert [(o.model, o.result) for o in news.outcomes] == [(name, "applied")]
    assert len(rounds.waits) == before + 3 and rounds.wakeups.is_empty


def test_a_new_commit_is_for_a_round_over_all_models(
    team: Team, shelf: LaneRegistry, rounds: Rounds
) -> None:
    """Else the limit of a run would not see how many models a commit changes."""
    models = [shelf.model(2, f"m{number}") for number in range(4)]
    team.write(
        "policy.yaml",
        "limits: {changed_models: {percent: 1, floor: 2}}\n"
        "stages: {Production: {alias: production}}\n",
    )
    push(team, "Limit")
    push(team, "First", **{models[0]: "stages: {Production: 1}\n"})
    rounds()

    def promote() -> None:
        push(team, "Promote", **dict.fromkeys(models, "stages: {Production: 2}\n"))
        rounds.wakeups.add(models[0])

    rounds.meanwhile = [promote, lambda: None, lambda: rounds.wakeups.add(models[1])]
    [news] = rounds(5)
    assert news.refusals[0].code == "limit"
    assert [shelf.stages(model)[2] for model in models] == ["None"] * 4


def test_a_name_that_is_not_managed_is_left_alone(
    team: Team, shelf: LaneRegistry, rounds: Rounds
) -> None:
    name, stranger = shelf.model(1), shelf.model(1, "stranger")
    push(team, **{name: "stages: {Production: 1}\n"})
    rounds()
    rounds.meanwhile = [
        lambda: [rounds.wakeups.add(model) for model in (stranger, "", "$(id)", "x" * 9999)]
    ]
    assert rounds(3) == [] and shelf.stages(stranger) == {1: "None"}


def test_too_many_names_are_a_round_over_all(
    team: Team, shelf: LaneRegistry, rounds: Rounds
) -> None:
    name = shelf.model(1)
    push(team, **{name: "stages: {Production: 1}\n"})
    rounds()

    def drift() -> None:
        shelf.client.delete_registered_model_alias(name, "production")
        for number in range(500):
            rounds.wakeups.add(f"stranger-{number}")

    rounds.meanwhile = [drift]
    [news] = rounds(3)
    assert [(o.model, o.result) for o in news.outcomes] == [(name, "applied")]
