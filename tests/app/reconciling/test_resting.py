"""Models that fail rest: for how long, and what ends it."""

from __future__ import annotations

from mlflow_gitops.app.reconciling.resting import RestingModels, backoff, jittered
from mlflow_gitops.core.plan.outcome import Outcome, Result


def test_the_pause_grows_with_each_failure_up_to_a_limit() -> None:
    for failures, seconds in ((0, 60), (1, 120), (3, 480), (4, 900), (1000, 900)):
        assert backoff(60, failures) == seconds
    assert backoff(3600, 5) == 3600, "an interval longer than the longest pause stays"


def test_no_two_watchers_wait_equally_long() -> None:
    pauses = [jittered(60) for _ in range(20)]
    assert len(set(pauses)) > 1 and all(54 <= pause <= 66 for pause in pauses)


def test_a_model_rests_longer_after_each_failure_until_it_does_not_fail() -> None:
    clock = [0.0]
    resting = RestingModels(1.0, lambda: clock[0])

    def ends_with(result: Result) -> set[str]:
        resting.update([Outcome("ill", result), Outcome("well", "applied")])
        return resting.at("commit")

    assert resting.at("commit") == set()
    assert ends_with("failed") == {"ill"}
    clock[0] += 2
    assert resting.at("commit") == set(), "its time has come"
    assert ends_with("failed") == {"ill"}
    clock[0] += 2
    assert resting.at("commit") == {"ill"}, "longer, the second time"
    clock[0] += 2
    assert ends_with("applied") == set()
    assert ends_with("failed") == {"ill"}
    clock[0] += 2
    assert resting.at("commit") == set(), "the failures before do not count any more"


def test_a_new_commit_ends_every_rest() -> None:
    resting = RestingModels(60.0, lambda: 0.0)
    assert resting.at("one") == set()
    resting.update([Outcome("ill", "failed")])
    assert resting.at("one") == {"ill"} and resting.at("two") == set()
