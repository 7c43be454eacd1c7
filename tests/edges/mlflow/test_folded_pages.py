"""A large registry is read page by page, and no page is kept once the next one is asked for."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from mlflow_gitops.edges.mlflow import searches
from mlflow_gitops.edges.mlflow.listing import PROMPTS
from mlflow_gitops.edges.mlflow.searches import Searches

MODELS, VERSIONS = 6, 5


class _Page(list[Any]):
    token: str | None = None


class _Entity(SimpleNamespace):
    pass


class _Client:
    """Has `MODELS` models with `VERSIONS` versions each, and counts which entities are still in
    memory when a page is asked for."""

    def __init__(self) -> None:
        self._given: list[weakref.ref[_Entity]] = []
        self.most = 0

    def search_registered_models(self, **options: Any) -> _Page:
        return self._page([f"model-{i}" for i in range(MODELS)], _model, options)

    def search_model_versions(self, **options: Any) -> _Page:
        keys = [(f"model-{i}", n + 1) for i in range(MODELS) for n in range(VERSIONS)]
        return self._page(keys, _version, options)

    def _page(self, keys: list[Any], make: Callable[[Any], _Entity], options: Any) -> _Page:
        self.most = max(self.most, sum(entity() is not None for entity in self._given))
        start, size = int(options["page_token"] or 0), options["max_results"]
        page = _Page(make(key) for key in keys[start : start + size])
        page.token = str(start + size) if start + size < len(keys) else None
        self._given += [weakref.ref(entity) for entity in page]
        return page


def _model(name: str) -> _Entity:
    return _Entity(name=name, description="", tags={}, aliases={})


def _version(key: tuple[str, int]) -> _Entity:
    name, number = key
    return _Entity(
        name=name, version=str(number), current_stage="None", description="", tags={"a": "b"},
        run_id=None, source=None, model_id=None, status="READY", creation_timestamp=1,
    )  # fmt: skip


@pytest.mark.parametrize(("models", "versions"), [(2, 5), (3, 7), (6, 4)])
def test_one_page_is_in_memory_at_a_time(
    monkeypatch: pytest.MonkeyPatch, models: int, versions: int
) -> None:
    monkeypatch.setattr(searches, "MODELS_A_PAGE", models)
    monkeypatch.setattr(searches, "VERSIONS_A_PAGE", versions)
    client: Any = _Client()
    server: Any = SimpleNamespace(
        ask=lambda call, **options: call(**options), has_prompts=True, find=None
    )
    found = Searches(server, client).by_filters(None, None)
    assert {name: sorted(model.versions) for name, model in found.items()} == {
        f"model-{i}": list(range(1, VERSIONS + 1)) for i in range(MODELS)
    }
    assert 0 < client.most <= 2, "the last model and the last version"


def test_names_of_tags_and_stages_are_kept_once() -> None:
    server: Any = SimpleNamespace(
        ask=lambda call, **options: call(**options), has_prompts=True, find=None
    )
    client: Any = _Client()
    found = Searches(server, client).by_filters(None, None)
    versions = [version for model in found.values() for version in model.versions.values()]
    assert len({id(key) for version in versions for key in version.tags}) == 1
    assert len({id(version.stage) for version in versions}) == 1


def test_a_search_of_prompts_that_finds_none_asks_for_no_versions() -> None:
    asked: list[str] = []

    def ask(call: Any, **options: Any) -> _Page:
        asked.append(call.__name__)
        return _Page()

    client: Any = _Client()
    server: Any = SimpleNamespace(ask=ask, has_prompts=True, find=None)
    assert Searches(server, client).by_filters(None, PROMPTS) == {}
    assert asked == ["search_registered_models"]
