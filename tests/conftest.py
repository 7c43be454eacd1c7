"""What every test may use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.together import common_folder, made_once


@pytest.fixture(scope="session")
def blank_registry(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """Puts an empty SQLite registry at a path and returns its URI. MLflow's migrations run once for all tests."""
    folder = common_folder(tmp_path_factory)

    def make() -> bytes:
        from mlflow import MlflowClient

        file = folder / "made.db"
        MlflowClient(f"sqlite:///{file}").search_registered_models()
        return file.read_bytes()

    def put(file: Path) -> str:
        file.write_bytes(made_once(folder / "blank.db", make))
        return f"sqlite:///{file}"

    return put
