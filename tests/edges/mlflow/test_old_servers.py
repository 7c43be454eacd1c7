"""Servers before MLflow 2.21 know no prompts: they compare the filter that MLflow's client appends
with the tags that models have, and return nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.edges.mlflow.listing import MODELS, PROMPTS
from mlflow_gitops.edges.mlflow.registry import Registry
from tests.support.versions import needs_mlflow

pytestmark = needs_mlflow("3.17")  # an old server is made of the parts of this one


@pytest.fixture
def uri(
    tmp_path: Path, blank_registry: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> str:
    """A store that treats the tag of prompts like any other, as all did before 2.21. It has two
    models and one prompt."""
    from mlflow import MlflowClient
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    address = blank_registry(tmp_path / "mlflow.db")
    client = MlflowClient(address)
    for name in ("churn", "fraud"):
        client.create_registered_model(name)
        client.create_model_version(name, f"s3://models/{name}", await_creation_for=0)
    client.register_prompt("greeting", "Good morning, {{name}}.")

    def leave_the_tag_alone(store: object, query: Any, *_: object) -> Any:
        return query

    monkeypatch.setattr(
        SqlAlchemyStore, "_update_query_to_exclude_prompts", leave_the_tag_alone, raising=True
    )
    assert list(client.search_registered_models()) == [], "as MLflow's client sees these servers"
    return address


def test_a_listing_has_every_model_and_no_prompt(uri: str) -> None:
    observed = Registry(uri).observe([])
    assert list(observed) == ["churn", "fraud"]
    assert [list(model.versions) for model in observed.values()] == [[1], [1]]


@pytest.mark.parametrize("names", [["fraud"], ["churn", "fraud"], ["it's", "fraud"]])
def test_named_models_are_found(uri: str, names: list[str]) -> None:
    expected = {"churn", "fraud"} & set(names)
    assert set(Registry(uri).observe(names, only=True)) == expected


def test_a_prompt_is_read_as_a_prompt_alone(uri: str) -> None:
    registry = Registry(uri)
    assert registry.prompt_names() == ["greeting"]
    found = registry.read("greeting")
    assert found is not None and found.is_prompt
    both = registry.observe(["fraud", "greeting"], prompts=["greeting"])
    assert {name: model.is_prompt for name, model in both.items()} == {
        "churn": False,
        "fraud": False,
        "greeting": True,
    }


@pytest.mark.parametrize("before", [None, "name = 'fraud'", "name IN ('a','b')"])
def test_mlflows_client_appends_nothing_to_our_filter(before: str | None) -> None:
    from mlflow.prompt.registry_utils import add_prompt_filter_string

    sent = " AND ".join(part for part in (before, MODELS) if part)
    assert add_prompt_filter_string(sent) == sent
    assert add_prompt_filter_string(PROMPTS) == PROMPTS


@pytest.mark.parametrize("scheme", ["databricks", "databricks://profile", "uc:http://catalog"])
def test_where_the_client_appends_nothing_neither_do_we(scheme: str) -> None:
    from mlflow_gitops.edges.mlflow.server import Server

    assert not Server(scheme).has_prompts
