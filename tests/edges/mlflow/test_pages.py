"""Lists of versions are read page by page. What others delete meanwhile hides nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.edges.mlflow import searches
from mlflow_gitops.edges.mlflow.registry import Registry

NAMES = ["a", "b", "c", "d", "e"]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with four versions of each model."""
    from mlflow import MlflowClient

    database = tmp_path_factory.mktemp("registry") / "mlflow.db"
    client = MlflowClient(f"sqlite:///{database}")
    for name in NAMES:
        client.create_registered_model(name)
        for number in range(1, 5):
            client.create_model_version(name, f"s3://models/{number}")
    return database


@pytest.mark.parametrize(
    "deleted",
    [
        [("a", "1")],
        [("a", "1"), ("a", "2"), ("a", "3")],
        [("a", "2"), ("b", "1")],
        # The page that comes next is empty: all that was behind it has moved before it.
        [(name, version) for name in ("a", "b", "c") for version in ("1", "2", "3", "4")],
    ],
    ids=["one", "three", "of two models", "so many that a page is empty"],
)
@pytest.mark.parametrize("size", [5, 8])
def test_versions_deleted_between_two_pages_hide_no_others(
    filled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    deleted: list[tuple[str, str]],
) -> None:
    registry = Registry(f"sqlite:///{shutil.copy(filled, tmp_path)}")
    client = registry._client
    search = client.search_model_versions
    deleted_now = list(deleted)

    def search_while_others_delete(**options: Any) -> Any:
        while options["page_token"] is not None and deleted_now:
            client.delete_model_version(*deleted_now.pop())
        return search(**options)

    monkeypatch.setattr(searches, "VERSIONS_A_PAGE", size)
    monkeypatch.setattr(client, "search_model_versions", search_while_others_delete)
    observed = registry.observe(NAMES)

    gone = {(name, int(version)) for name, version in deleted}
    kept = {(name, number) for name in NAMES for number in range(1, 5)} - gone
    shown = {(name, number) for name, model in observed.items() for number in model.versions}
    assert kept <= shown and not deleted_now
