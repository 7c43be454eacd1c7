"""What the experiments share, and the table of `make prove`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.forks import Forks, forks
from tests.faults.scenes import BY_NAME, Stage, build
from tests.support.experiments import table
from tests.support.experiments.sampling import GROUP, SAMPLE

BEGUN, COMMIT = time.monotonic(), table.commit()


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
    """A folder, in memory if possible: thousands of copies of a database are written to it."""
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
