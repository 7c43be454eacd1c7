"""Names that MLflow takes and its filters read as something else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlflow_gitops.edges.mlflow.registry import Registry

NAMES = [
    *("it's", 'say "x"', "''x", '""x', "x'", "-- x", "NULL", "x)", "x','y", "a;b", "`x`", "[x]"),
    # A backslash hides the quote behind it, and a list of names is read with Python's escapes.
    *("x\\", "it's\\", 'say "x"\\', "\\'", '\\"', "b\\'c", 'b\\"c', "a\\nb", "\\x41", "\\u0041z"),
    *("both ' and \"", "both ' and \"\\"),
]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path_factory.mktemp('registry') / 'mlflow.db'}"
    client = MlflowClient(uri)
    for name in NAMES:
        client.create_registered_model(name)
        client.create_model_version(name, "s3://models/1")
    yield Registry(uri)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_read_alone_and_beside_others(registry: Registry, name: str) -> None:
    alone = registry.read(name, "model")
    assert alone is not None and alone.fault is None and list(alone.versions) == [1]
    assert registry.observe([name, "it's"], only=True)[name] == alone


def test_all_are_read_at_once(registry: Registry) -> None:
    assert sorted(registry.observe(NAMES, only=True)) == sorted(NAMES)
