"""The registry in memory, on which thousands of cases run, does what a real MLflow does: the same
operations on both."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.errors import RegistryFailure
from tests.support.registries.memory import MemoryRegistry

NAME = "model"
ALIASES = ("champion", "rival", "Champion")
STAGES = ("None", "Staging", "Production", "Archived")
Operation = Callable[[Any], object]


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    from mlflow import MlflowClient

    made = f"sqlite:///{tmp_path_factory.mktemp('registry') / 'mlflow.db'}"
    MlflowClient(made).search_registered_models()
    return made


def operation(chance: random.Random, name: str) -> Operation:
    """One write, of one that may well be refused: versions that do not exist, aliases that are not
    set."""
    version, alias, tag = chance.randint(1, 4), chance.choice(ALIASES), chance.choice(["a", "b"])
    on, stage, text = (
        chance.choice([None, version]),
        chance.choice(STAGES),
        chance.choice(["", "one", "two"]),
    )
    writes: list[Operation] = [
        lambda r: r.register(name, f"s3://models/{version}", None, None, {"made": "here"}),
        lambda r: r.delete_version(name, version),
        lambda r: r.transition(name, version, stage),
        lambda r: r.set_alias(name, alias, version),
        lambda r: r.delete_alias(name, alias),
        lambda r: r.set_tag(name, on, tag, str(version)),
        lambda r: r.delete_tag(name, on, tag),
        lambda r: r.set_description(name, on, text),
        lambda r: r.create_model(name),
    ]
    return chance.choices(writes, weights=[3, 1, 3, 3, 1, 1, 1, 1, 1])[0]


def outcome(write: Operation, registry: Any) -> object:
    try:
        return write(registry)
    except RegistryFailure:
        return "refused"


def comparable(model: ObservedModel | None) -> ObservedModel | None:
    """All but when a version was made, which a registry in memory does not know, and the aliases of
    versions that are gone: MLflow 3.4 leaves them, 3.17 takes them away."""
    if model is None:
        return None
    versions = {number: replace(v, created=None) for number, v in model.versions.items()}
    aliases = {alias: number for alias, number in model.aliases.items() if number in versions}
    return replace(model, versions=versions, aliases=aliases, created=None)


@pytest.mark.parametrize("seed", range(6))
def test_the_same_operations_end_alike(uri: str, seed: int) -> None:
    chance, name = random.Random(seed), f"{NAME}-{seed}"
    real, memory = Registry(uri), MemoryRegistry()
    real.create_model(name)
    memory.create_model(name)
    for step in range(25):
        write = operation(chance, name)
        assert outcome(write, real) == outcome(write, memory), f"step {step}"
    seen, known = comparable(real.read(name)), comparable(memory.read(name))
    assert seen == known


def test_a_registry_that_knows_no_lists_of_names(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"older-{i}" for i in range(3)]
    wanted = [*names, "older-nowhere"]
    registry = Registry(uri)
    for name in names:
        registry.create_model(name)
    known = registry.observe(wanted, only=True)
    refused = []

    def as_before_3_17(method: Callable[..., Any]) -> Callable[..., Any]:
        def search(filter_string: str | None = None, **more: Any) -> Any:
            from mlflow.exceptions import MlflowException

            if " IN " in (filter_string or ""):
                refused.append(filter_string)
                raise MlflowException.invalid_parameter_value(
                    "Only the 'run_id' attribute supports comparison with a list of quoted string"
                    " values."
                )
            return method(filter_string=filter_string, **more)

        return search

    older = Registry(uri)
    for method in ("search_registered_models", "search_model_versions"):
        monkeypatch.setattr(older._client, method, as_before_3_17(getattr(older._client, method)))
    assert older.observe(wanted, only=True) == known and set(known) == set(names)
    assert older.observe(wanted, only=True) == known and len(refused) == 1, "it asks once"
