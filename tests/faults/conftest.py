"""What the experiments share, and the table of `make prove`."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest

from tests.faults import table
from tests.faults.forks import Forks, forks
from tests.faults.scenes import BY_NAME, Stage, build
from tests.lanes.conftest import http_server  # noqa: F401

T = TypeVar("T")
BEGUN, COMMIT = time.monotonic(), table.commit()
SAMPLE = os.environ.get("MLFLOW_GITOPS_FAULTS", "1")
"""How often each experiment is tried in each case: a number, or `all`."""
ALL = SAMPLE == "all"
GROUP = "faults"
"""Of xdist: what one worker has for itself."""


def some(of: Sequence[T], seed: str, share: int = 1) -> list[T]:
    """A sample, the same each time unless it is widened; `share` of them for each one that is asked
    for."""
    wanted = len(of) if ALL else min(len(of), int(SAMPLE) * share)
    return [of[i] for i in sorted(random.Random(seed).sample(range(len(of)), wanted))]


def cases(names: Iterable[str], quick: Collection[str]) -> list[Any]:
    """Names as parameters; all but the quick ones belong to `make test-real`."""
    return [
        pytest.param(name, id=name, marks=() if name in quick else pytest.mark.real)
        for name in names
    ]


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a sample, most of the time goes into the process that forks and the scenes: they are made
    once, by one worker."""
    for item in items if SAMPLE == "1" else ():
        if "forking" in getattr(item, "fixturenames", ()) and not item.get_closest_marker(
            "xdist_group"
        ):
            item.add_marker(pytest.mark.xdist_group(GROUP))


@pytest.fixture(scope="session")
def forking() -> Iterator[Forks]:
    with forks() as made:
        yield made


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """A folder, in memory where there is one: thousands of copies of a database are written to it."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(
        dir=shared if shared.is_dir() else None, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


@pytest.fixture
def room(memory: Path) -> Iterator[Path]:
    """A folder of one test in there."""
    with TemporaryDirectory(dir=memory, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def scene(
    forking: Forks, blank_registry: Callable[[Path], str], memory: Path
) -> Callable[[str], Stage]:
    """A scene by its name, made once."""
    folder, made = memory / "scenes", dict[str, Stage]()
    folder.mkdir()

    def get(name: str) -> Stage:
        if name not in made:
            blank = folder / "blank.db"
            blank_registry(blank)
            made[name] = build(BY_NAME[name], folder / name, blank.read_bytes(), forking)
        return made[name]

    return get


Count = Callable[[str, int], None]


@pytest.fixture
def counted(record_property: Callable[[str, object], None]) -> Count:
    """Tell the table how many cases and runs an experiment came to."""

    def count(experiment: str, cases: int, runs: int | None = None) -> None:
        record_property("experiment", (experiment, cases, runs if runs is not None else cases))

    return count  # type: ignore[return-value]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was tried and what came of it; `make prove` names the page that shows it."""
    if "MLFLOW_GITOPS_FAULTS" not in os.environ:
        return
    found = table.rows(
        report for how in ("passed", "failed") for report in terminalreporter.getreports(how)
    )
    seconds = time.monotonic() - BEGUN
    lines = table.markdown(
        found, COMMIT, SAMPLE, os.environ.get("MLFLOW_GITOPS_FUZZ", "100"), seconds
    )
    terminalreporter.section("what was tried")
    terminalreporter.write_line("\n".join(lines))
    if page := os.environ.get("MLFLOW_GITOPS_TABLE"):
        table.write(Path(page), lines)
