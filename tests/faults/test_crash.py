"""Killed at every boundary, then run again: the end is that of a run that nobody disturbed (DESIGN
§6)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.faults.forks import Ended, Forks
from tests.faults.scenes import BY_NAME, Stage
from tests.faults.undisturbed import Made, Undisturbed, keeps_serving, settled, undisturbed
from tests.support.experiments.sampling import ALL, SAMPLE, CountCases, case_params, sample


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


@pytest.mark.parametrize("name", case_params(BY_NAME, ("promotion", "registration")))
def test_killed_at_a_boundary(
    name: str,
    scene: Made,
    reference: Callable[[str], Undisturbed],
    forking: Forks,
    room: Path,
    counted: CountCases,
) -> None:
    whole, stage = reference(name), scene(name)
    boundaries = [(line[0], side) for line in whole.ended.trace for side in ("before", "after")]
    tried = sample(boundaries, name)
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
    counted: CountCases,
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
