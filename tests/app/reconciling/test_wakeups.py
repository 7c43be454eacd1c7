"""Calls between two rounds are gathered: many give one round, and one lost call loses nothing."""

from __future__ import annotations

from mlflow_gitops.app.reconciling.wakeups import GATHERING, MOST_MODELS, PAUSE, Wakeups


def test_the_first_call_wakes_and_the_others_join_it() -> None:
    woken: list[str] = []
    wakeups = Wakeups(lambda: woken.append("woken"), lambda: 0.0)
    for model in ("churn", "fraud", "churn"):
        wakeups.add(model)
    assert woken == ["woken"] and wakeups.drain() == {"churn", "fraud"} and wakeups.is_empty
    wakeups.add("churn")
    assert len(woken) == 2


def test_a_flood_is_spread() -> None:
    clock = [100.0]
    wakeups = Wakeups(lambda: None, lambda: clock[0])
    assert wakeups.pause() == GATHERING
    wakeups.drain()
    assert wakeups.pause() == PAUSE
    clock[0] += PAUSE - 3
    assert wakeups.pause() == 3
    clock[0] += 100
    assert wakeups.pause() == GATHERING


def test_too_many_models_are_all_models() -> None:
    wakeups = Wakeups(lambda: None, lambda: 0.0)
    for number in range(MOST_MODELS):
        wakeups.add(f"m{number}")
    assert len(wakeups.drain() or ()) == MOST_MODELS
    for number in range(10 * MOST_MODELS):
        wakeups.add(f"m{number}")
    assert len(wakeups._models) == MOST_MODELS + 1 and wakeups.drain() is None
