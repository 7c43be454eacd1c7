"""Killed at every boundary, then run again: the end is that of a run that nobody disturbed (DESIGN
§6)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.faults.conftest import ALL, SAMPLE, Count, cases, some
from tests.faults.forks import Ended, Forks
from tests.faults.scenes import BY_NAME, Stage
from tests.faults.state import State, chain_holds, kept, state, told

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
    known = kept(stage.repo)
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


@pytest.fixture(scope="session")
def reference(scene: Made, forking: Forks, memory: Path) -> Callable[[str], Undisturbed]:
    folder = memory / "undisturbed"
    return cache(lambda name: undisturbed(scene(name), folder / name, forking))


def again(stage: Stage, whole: Undisturbed, forking: Forks, *killed: Ended) -> None:
    """Run again, and compare."""
    ended = forking.run(stage.job(log="again", watch=stage.scene.models))
    assert ended.code == stage.scene.code, ended
    keeps_serving(stage, *killed, ended)
    after, said = settled(stage)
    assert after == whole.after
    assert said == whole.told


@pytest.mark.parametrize("name", cases(BY_NAME, ("promotion", "registration")))
def test_killed_at_a_boundary(
    name: str,
    scene: Made,
    reference: Callable[[str], Undisturbed],
    forking: Forks,
    room: Path,
    counted: Count,
) -> None:
    whole, stage = reference(name), scene(name)
    boundaries = [(line[0], side) for line in whole.ended.trace for side in ("before", "after")]
    tried = some(boundaries, name)
    for number, side in tried:
        copy = stage.copy(room / f"{number}-{side}")
        killed = forking.run(copy.job(at=number, side=side, watch=stage.scene.models))
        assert killed.killed, (number, side, killed)
        again(copy, whole, forking, killed)
        copy.remove()
    counted("killed at each boundary, SQLite", len(tried), 2 * len(tried))


@pytest.mark.real
@pytest.mark.parametrize("name", ["promotion", "registration", "removal", "crowd"])
def test_killed_at_any_moment(
    name: str,
    scene: Made,
    reference: Callable[[str], Undisturbed],
    forking: Forks,
    room: Path,
    counted: Count,
) -> None:
    """Not at a boundary: in the middle of a transaction, of a git command, of a line."""
    whole, stage = reference(name), scene(name)
    begun = time.monotonic()
    timed = stage.copy(room / "timed")
    assert forking.run(timed.job()).code == stage.scene.code
    lasts = time.monotonic() - begun
    tried = range(200 if ALL else int(SAMPLE))
    for number in tried:
        copy = stage.copy(room / str(number))
        running = forking.start(copy.job(watch=stage.scene.models))
        time.sleep(random.Random(f"{name} {number}").uniform(0, lasts))
        running.kill()
        again(copy, whole, forking, running.wait())
        copy.remove()
    counted("killed at any moment, SQLite", len(tried), 2 * len(tried))
