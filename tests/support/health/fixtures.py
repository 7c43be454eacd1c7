"""The fixtures of tests about rollbacks that health asks for. tests/conftest.py registers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.health.clinic import Clinic
    from tests.support.health.ward import Ward


@pytest.fixture(scope="session")
def prepared_ward(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> Path:
    """What each `ward` is a copy of."""
    from tests.support.health.ward import prepare

    folder = tmp_path_factory.mktemp("ward")
    prepare(folder, blank_registry(folder / "mlflow.db"))
    return folder


@pytest.fixture
def clinic(monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """2 is unhealthy, and the window of 1 ended well."""
    from tests.support.health.clinic import Clinic

    return Clinic(now={2: "unhealthy"}, then={1: "healthy"}).installed(monkeypatch)


@pytest.fixture
def ward(
    tmp_path: Path, prepared_ward: Path, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Ward]:
    """A team whose version 2 is unhealthy, in a job of its GitHub."""
    from tests.support.github.job import as_a_job
    from tests.support.github_api import GitHubAPI
    from tests.support.health.ward import Ward

    with GitHubAPI(Ward.copied(prepared_ward, tmp_path)).serving() as api:
        made = Ward(tmp_path, api)
        as_a_job(api, tmp_path, monkeypatch)
        yield made
