"""The loop round by round: what it applies, heals and refuses, and what it reports (RULES R8)."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from mlflow_gitops.app.reconciling.resting import backoff
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.errors import RegistryFailure
from tests.support.receipts import receipts_in
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team
from tests.support.watch.rounds import Rounds, push


def test_a_refusal_is_told_once_and_its_end_too(
    team: Team, shelf: LaneRegistry, rounds: Rounds
) -> None:
    name, other = shelf.model(2), shelf.model(1, "other")
    push(team, "First", **{name: "stages: {Production: 1}\n", other: "stages: {Staging: 1}\n"})
    [news] = rounds(3)
    assert {outcome.model: outcome.result for outcome in news.outcomes} == {
        name: "applied",
        other: "applied",
    }
    push(team, "Wrong", **{name: "stages: {Production: 9}\n"})
    [news] = rounds(4)
    [outcome] = news.outcomes
    assert (outcome.model, outcome.result) == (name, "refused") and not rounds(2)
    push(team, "Another wrong one", **{name: "stages: {Production: 8}\n"})
    [news] = rounds(3)
    assert "no version 8" in news.outcomes[0].refusals[0].detail
    push(team, "Right again", **{name: "stages: {Production: 1}\n"})
    [news] = rounds(3)
    assert [(o.model, o.result) for o in news.outcomes] == [(name, "applied")] and not rounds(2)


def test_a_model_that_fails_rests_alone_until_its_time_or_a_new_commit(
    team: Team,
    watcher_clone: Team,
    shelf: LaneRegistry,
    rounds: Rounds,
) -> None:
    ill, well = shelf.model(2, "ill"), shelf.model(2, "well")
    path = team.uri.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(
            f"CREATE TRIGGER ill BEFORE UPDATE ON model_versions WHEN NEW.name = '{ill}' "
            "BEGIN SELECT RAISE(ABORT, 'the disk is ill'); END"
        )
    tried = []

    class Noting(Registry):
        def transition(self, name: str, version: int, stage: str) -> None:
            tried.append(name)
            super().transition(name, version, stage)

    push(team, "First", **{ill: "stages: {Production: 1}\n", well: "stages: {Production: 1}\n"})
    [news] = rounds(1, lambda: Noting(team.uri))
    assert {o.model: o.result for o in news.outcomes} == {ill: "failed", well: "applied"}
    count = len(receipts_in(watcher_clone.folder))
    shelf.client.transition_model_version_stage(well, "1", "Archived")
    [news] = rounds(2)
    assert [(o.model, o.result) for o in news.outcomes] == [(well, "applied")], (
        "it keeps no other waiting"
    )
    assert tried.count(ill) == 1
    assert len(receipts_in(watcher_clone.folder)) == count + 1

    rounds.clock += backoff(1, 1)
    assert not rounds(2) and tried.count(ill) == 2, (
        "its time has come once, and told it nothing new"
    )
    rounds.clock += backoff(1, 1)
    assert not rounds(2) and tried.count(ill) == 2, "longer, the second time"
    push(team, "Elsewhere", **{well: "stages: {Production: 2}\n"})
    [news] = rounds(2)
    assert [(o.model, o.result) for o in news.outcomes] == [(well, "applied")] and tried.count(
        ill
    ) == 3
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TRIGGER ill")
    assert not rounds(2)
    rounds.clock += backoff(1, 1)
    [news] = rounds(2)
    assert [(o.model, o.result) for o in news.outcomes] == [(ill, "applied")]


def test_an_invalid_manifest_stops_its_model_alone(
    team: Team, shelf: LaneRegistry, rounds: Rounds
) -> None:
    ill, well = shelf.model(2, "ill"), shelf.model(2, "well")
    push(team, **{ill: "stages: {Production: 1}\n", well: "stages: {Production: 1}\n"})
    rounds()
    push(team, **{ill: "stages: {Production: 2}\noops: 1\n", well: "stages: {Production: 2}\n"})
    shelf.client.transition_model_version_stage(ill, "1", "Archived")
    invalid, applied = rounds(3)
    assert [error.code for error in invalid.invalid] == ["unknown-field"]
    assert {outcome.model for outcome in applied.outcomes} == {ill, well}
    assert shelf.stages(ill)[1] == "Production" and shelf.stages(well)[2] == "Production"

    shelf.client.transition_model_version_stage(ill, "1", "Archived")
    [healed] = rounds(3)
    assert [outcome.model for outcome in healed.outcomes] == [ill]


def test_an_invalid_commit_is_told_once_and_ends_nothing(
    team: Team,
    shelf: LaneRegistry,
    rounds: Rounds,
) -> None:
    name = shelf.model(1)
    push(team, "Invalid", **{name: "stages: [\n"})
    [news] = rounds(3)
    assert [error.code for error in news.invalid] == ["yaml-syntax"]
    for wrong in ("Produktion", "Prod"):
        push(team, "Invalid in another way", **{name: f"stages: {{{wrong}: 1}}\n"})
        [news] = rounds(3)
        assert wrong in news.invalid[0].message
    team.git("rm", "-rq", "registry")
    push(team, "No folder at all")
    [news] = rounds(3)
    assert "no registry/ folder" in str(news.failure)
    assert max(rounds.waits) <= 1.1, (
        "nothing is away that would have to be spared: the commit that corrects it may come at once"
    )
    push(team, "Corrected", **{name: "stages: {Production: 1}\n"})
    [news] = rounds(2)
    assert news.outcomes[0].result == "applied"


def test_the_loop_makes_no_deleted_model_again(
    team: Team, shelf: LaneRegistry, rounds: Rounds
) -> None:
    """Also one that this very loop created, whose receipt is younger than the loop."""
    stays = shelf.model(1)
    name = f"{stays}-new"
    pins = 'versions: {1: {source: "s3://models/1"}}\n'
    new = f"stages: {{}}\n{pins}aliases: {{champion: 1}}\n"
    push(team, "First", **{stays: "stages: {Production: 1}\n", name: new})
    rounds(2)
    shelf.client.delete_registered_model(name)
    [notice, news] = rounds(3)
    assert "does not show" in str(notice.failure)
    [outcome] = [outcome for outcome in news.outcomes if outcome.model == name]
    assert [refusal.code for refusal in outcome.refusals] == ["deleted"]
    assert not outcome.changes and not shelf.versions(name)
    refused = rounds.metrics.registry.get_sample_value(
        "mlflow_gitops_refusals", {"code": "deleted"}
    )
    assert refused == 1


def test_the_metrics_are_of_now(
    team: Team, shelf: LaneRegistry, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, figure = shelf.model(2), rounds.metrics.registry.get_sample_value
    push(team, "First", **{name: "stages: {Production: 2}\n"})
    rounds(2)
    synced = {"model": name, "state": "Synced"}
    assert figure("mlflow_gitops_model_sync", synced) == 1
    assert figure("mlflow_gitops_main_invalid") == 0

    shelf.client.transition_model_version_stage(name, "1", "Production")
    [news] = rounds(1)
    assert figure("mlflow_gitops_model_sync", synced) is None
    assert figure("mlflow_gitops_model_sync", {"model": name, "state": "Drifted"}) == 1
    assert figure("mlflow_gitops_drift_found_total", {"kind": "stage"}) == 1
    assert figure("mlflow_gitops_drift_healed_total", {"kind": "stage"}) == 1
    assert [change.cause for change in news.outcomes[0].changes] == ["drift"]

    def fail(*_: Any, **__: Any) -> Any:
        raise errors.pop()

    errors = [KeyError("a bug of ours"), RegistryFailure("MLflow does not answer.")]
    monkeypatch.setattr(Registry, "observe", fail)
    for failure in ("MLflow does not answer.", "Unexpected KeyError"):
        [news] = rounds(1)
        assert failure in str(news.failure)
        assert figure("mlflow_gitops_models", {"sync": "Synced"}) is None
        assert figure("mlflow_gitops_model_sync", synced) is None
        assert str(figure("mlflow_gitops_refused_models")) == "nan"
    assert figure("mlflow_gitops_failures_total", {"where": "internal"}) == 1
    monkeypatch.undo()
    rounds(1)
    assert figure("mlflow_gitops_model_sync", synced) == 1


@pytest.fixture
def usual_collector() -> Iterator[None]:
    """Garbage is collected as often as it is outside the tests; see `pytest_collection_finish`."""
    rare = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*rare)


@pytest.mark.real
@pytest.mark.weekly
@pytest.mark.usefixtures("usual_collector")
def test_memory_stays_flat(team: Team, shelf: LaneRegistry, rounds: Rounds) -> None:
    """Rounds with drift to heal in every tenth; `MLFLOW_GITOPS_TEST_ROUNDS` makes them more."""
    count = int(os.environ.get("MLFLOW_GITOPS_TEST_ROUNDS", "150"))
    name = shelf.model(2)
    push(team, "First", **{name: "stages: {Production: 1}\n"})

    def peak() -> int:
        """Kilobytes on Linux."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    rounds(30)
    course = {0: peak()}
    for done in range(10, count + 1, 10):
        shelf.client.transition_model_version_stage(name, "1", "Archived")
        rounds(10)
        course[done] = peak()
    assert shelf.stages(name)[1] == "Production"
    shown = {
        done: f"{kilobytes / 1024:.1f} MB" for done, kilobytes in course.items() if done % 100 == 0
    }
    print(f"the largest it was, after so many rounds: {shown}")
    assert course[count // 10 * 10] - course[0] < 24 * 1024, shown
