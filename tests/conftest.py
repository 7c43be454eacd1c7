"""What every test may use."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.acme import Acme, copied, make
from tests.support.experiments.sampling import CountCases
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.registries.quick_stores import open_quickly
from tests.support.servers import start_mlflow_server
from tests.support.together import (
    Shared,
    common_folder,
    import_own_share,
    locked,
    made_once,
    one_for_all,
)

pytest_plugins = ["tests.support.health.fixtures"]

MEMORY = Path("/dev/shm")


def pytest_configure() -> None:
    """Temporary folders in memory, where there is one with room: SQLite waits for a disk at each of
    MLflow's commits. And no width of a terminal: workers of pytest-xdist are given one."""
    os.environ.pop("COLUMNS", None)
    if (
        sys.platform == "linux"
        and MEMORY.is_dir()
        and not {"TMPDIR", "PYTEST_DEBUG_TEMPROOT"} & set(os.environ)
    ):
        room = os.statvfs(MEMORY)
        if room.f_bavail * room.f_frsize > 4 << 30 and not room.f_flag & os.ST_NOEXEC:
            os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Only if all tests are collected: a single file needs no others."""
    tests = Path(__file__).parent
    is_everything = [Path(argument).absolute() for argument in session.config.args] == [tests]
    if is_everything and "PYTEST_XDIST_WORKER" in os.environ:
        import_own_share(tests)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of the core, which take milliseconds, come last: no worker is still at a long one
    when the others have ended."""
    core = Path(__file__).with_name("core")
    items.sort(key=lambda item: core in item.path.parents)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """All modules and tests are there, and stay: looking through them for garbage again and again
    takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test caches, no other test finds, and nothing is written into the user's home."""
    folder = tmp_path_factory.getbasetemp() / f"cache-{uuid4().hex}"
    monkeypatch.setenv("MLFLOW_GITOPS_CACHE", str(folder))


@pytest.fixture(scope="session")
def blank_registry(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """Puts an empty SQLite registry at a path and returns its URI. MLflow's migrations run once for
    all tests."""
    folder = common_folder(tmp_path_factory)

    def make() -> bytes:
        from mlflow import MlflowClient

        file = folder / "made.db"
        MlflowClient(f"sqlite:///{file}").search_registered_models()
        return file.read_bytes()

    def put(file: Path) -> str:
        open_quickly()
        file.write_bytes(made_once(folder / "blank.db", make))
        return f"sqlite:///{file}"

    return put


@pytest.fixture(scope="session")
def acme_made(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> Path:
    """What `support/acme.py` makes, once for all workers. Nobody changes it."""
    folder = common_folder(tmp_path_factory) / "acme"
    folder.mkdir(exist_ok=True)
    with locked(folder / "lock"):
        if not (folder / "made").exists():
            make(folder, blank_registry(folder / "mlflow.db"))
            (folder / "made").touch()
    return folder


@pytest.fixture
def acme(tmp_path: Path, acme_made: Path) -> Iterator[Acme]:
    """A copy of it, and its GitHub."""
    copied(acme_made, tmp_path)
    with GitHubAPI(Repository(tmp_path / "hub")).serving() as api:
        yield Acme(tmp_path, api)


@pytest.fixture(scope="session")
def http_server(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> Iterator[Shared]:
    """One `mlflow server` for the session, whichever worker asks; its database is `mlflow.db` in
    its folder."""

    def start(folder: Path) -> tuple[str, list[int]]:
        address, process = start_mlflow_server(folder, blank_registry(folder / "mlflow.db"))
        return address, [process.pid]

    with one_for_all(common_folder(tmp_path_factory), "http", start) as shared:
        yield shared


@pytest.fixture
def counted(record_property: Callable[[str, object], None]) -> CountCases:
    """Tell the table how many cases and runs an experiment came to."""

    def count(experiment: str, cases: int, runs: int | None = None) -> None:
        record_property("experiment", (experiment, cases, runs if runs is not None else cases))

    return count  # type: ignore[return-value]
