"""A run that nothing disturbs, and what it leaves: every disturbed run is compared with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.forks import Ended, Forks
from tests.faults.scenes import Stage
from tests.faults.state import State, chain_holds, state, told
from tests.support.receipts import receipts_in

Made = Callable[[str], Stage]


@dataclass(frozen=True)
class Undisturbed:
    """A run from the beginning to the end, and what it leaves."""

    ended: Ended
    after: State
    told: dict[str, set[str]]


def undisturbed(stage: Stage, folder: Path, forking: Forks) -> Undisturbed:
    copy = stage.copy(folder)
    ended = forking.run(copy.job(watch=stage.scene.models))
    assert ended.code == stage.scene.code, ended
    keeps_serving(stage, ended)
    after = settled(copy)
    assert forking.run(copy.job(log="again")).code == stage.scene.code
    assert settled(copy) == after, "a second run changes nothing"
    return Undisturbed(ended, *after)


def settled(stage: Stage) -> tuple[State, dict[str, set[str]]]:
    known = receipts_in(stage.repo)
    assert chain_holds(known)
    return state(stage.database, stage.scene.models, known), told(known)


def keeps_serving(stage: Stage, *runs: Ended) -> None:
    """Over all runs, a reader was served the old version, then the new one, and never nothing in
    between."""
    for name in stage.scene.models:
        if name in {stage.scene.model(short) for short in stage.scene.empties}:
            continue
        for i, what in enumerate(("models:/m/Production", "models:/m@production")):
            seen = [line[3][name][i] for run in runs for line in run.trace if name in line[3]]
            course = [one for n, one in enumerate(seen) if n == 0 or one != seen[n - 1]]
            assert len(course) <= 2, f"{what} of {name}: {course}"
            assert None not in course[1:], f"{what} of {name}: {course}"
