"""Reading models and prompts from an MLflow registry, in as few requests as possible.

Lists are read in pages with an explicit order: MLflow's default order is by update time, so that
pages would skip rows while others write (3.17).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.edges.mlflow.connection import Connection
from mlflow_gitops.edges.mlflow.listing import (
    PROMPTS,
    assemble,
    assemble_prompts,
    can_be_quoted,
    name_chunks,
    name_filter,
    quote,
)
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.edges.mlflow.server_errors import (
    ANSWER_TOO_LARGE,
    NO_NAME_LISTS,
    REQUEST_TOO_LONG,
)
from mlflow_gitops.errors import RegistryFailure

_TO_BE_HALVED = (NO_NAME_LISTS, REQUEST_TOO_LONG, ANSWER_TOO_LARGE)
"""Codes of failures after which names are asked for in halves."""

MODELS_A_PAGE = 1_000
VERSIONS_A_PAGE = 200_000
"""MLflow's own limits (3.17: SEARCH_REGISTERED_MODEL/MODEL_VERSION_MAX_RESULTS_THRESHOLD)."""
_FEWER = 8
"""By what a page is divided if it is larger than is read."""


@dataclass(slots=True)
class _Found:
    """Entities of MLflow's client that a search returned."""

    models: list[Any] = field(default_factory=list)
    versions: list[Any] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    """Why single models could not be read, by name."""

    def add(self, more: _Found) -> None:
        self.models += more.models
        self.versions += more.versions
        self.faults |= more.faults


class Reader(Connection):
    """A connection that reads registered models and prompts with their versions."""

    _lists_unsupported = False

    def observe(
        self, names: Collection[str], *, only: bool = False, prompts: Collection[str] = ()
    ) -> dict[str, ObservedModel]:
        """Read every registered model (with `only`, just those in `names`).

        `prompts` are those of `names` that are expected to be prompts. No search returns models and
        prompts together (MLflow 3.17), so all prompts are read only if `prompts` is not empty. A
        name that is not found is read again as the other kind.
        """
        if self.stageless:
            return self._observe_each(names, only=only)

        if only:
            expected_models = [name for name in names if name not in prompts]
            observed = self._search(expected_models) | self._search(prompts, PROMPTS)
        else:
            observed = self._search_all(names, prompts)

        missing = [name for name in names if name not in observed]
        observed |= self._read_unquotable(missing)
        if only:
            observed |= self._search([name for name in missing if name in prompts])
        if only or not prompts:
            observed |= self._search([name for name in missing if name not in prompts], PROMPTS)
        return observed

    def _search_all(
        self, names: Collection[str], prompts: Collection[str]
    ) -> dict[str, ObservedModel]:
        """Read every model. If one of them is larger than is read, only `names` are read, one by
        one at last: that model is then a fault of its own."""
        try:
            return self._search(None) | (self.prompts() if prompts else {})
        except RegistryFailure as failure:
            if failure.code != ANSWER_TOO_LARGE:
                raise
            self._server.report(f"{failure} Only the models with a manifest are read.")
        models = [name for name in names if name not in prompts]
        return self._search(models) | self._search(prompts, PROMPTS)

    def read(self, name: str, kind: Kind = "model") -> ObservedModel | None:
        """Read one model or prompt; None if MLflow has none of that name. The right `kind` saves
        requests."""
        prompts = [name] if kind == "prompt" else ()
        return self.observe([name], only=True, prompts=prompts).get(name)

    def prompts(self) -> dict[str, ObservedModel]:
        """Read every prompt. Empty for a registry that keeps prompts apart from models, as Unity
        Catalog does."""
        return {} if self.stageless else self._search(None, PROMPTS)

    def prompt_names(self) -> list[str]:
        """Read the names of all prompts."""
        if self.stageless:
            return []
        return [str(prompt.name) for prompt in self._search_models(PROMPTS)]

    def _search(
        self, names: Collection[str] | None, kind_filter: str | None = None
    ) -> dict[str, ObservedModel]:
        """Read models with their versions, or prompts if `kind_filter` asks for them: those in
        `names`, or all if it is None."""
        if names is None:
            found = self._search_both(None, kind_filter)
        else:
            found = self._search_names(names, kind_filter)
        observed = (assemble_prompts if kind_filter else assemble)(found.models, found.versions)
        for name, fault in found.faults.items():
            observed[name] = ObservedModel(name, is_prompt=bool(kind_filter), fault=fault)
        return observed

    def _search_both(self, names_filter: str | None, kind_filter: str | None) -> _Found:
        filters = [part for part in (names_filter, kind_filter) if part]
        search_filter = " AND ".join(filters) or None

        models = list(self._search_models(search_filter))
        if not models and kind_filter:
            return _Found()
        return _Found(models, list(self._search_versions(search_filter)))

    def _search_names(self, names: Collection[str], kind_filter: str | None) -> _Found:
        """Search every name: many names in one request if the registry supports it (MLflow 3.17 and
        newer), else one by one."""
        found = _Found()
        waiting = list(name_chunks(names))[::-1]
        while waiting:
            chunk = waiting.pop()
            if self._lists_unsupported and len(chunk) > 1:
                waiting += [[name] for name in reversed(chunk)]
                continue

            try:
                found.add(self._search_both(name_filter(chunk), kind_filter))
            except RegistryFailure as failure:
                if len(chunk) == 1 and failure.code == ANSWER_TOO_LARGE:
                    found.faults[chunk[0]] = str(failure)
                    continue
                if len(chunk) == 1 or failure.code not in _TO_BE_HALVED:
                    raise
                self._lists_unsupported |= failure.code == NO_NAME_LISTS
                middle = len(chunk) // 2
                waiting += [chunk[middle:], chunk[:middle]]
        return found

    def _read_unquotable(self, names: Collection[str]) -> dict[str, ObservedModel]:
        """Read the models whose names no filter can hold: MLflow can search them by version only
        among all versions."""
        observed: dict[str, ObservedModel] = {}
        for name in names:
            if can_be_quoted(name):
                continue
            model = self._server.find(self._client.get_registered_model, name)
            if model is not None:
                versions = [v for v in self._search_versions(None) if v.name == name]
                observed |= assemble([model], versions)
        return observed

    def _observe_each(self, names: Collection[str], *, only: bool) -> dict[str, ObservedModel]:
        """Read a registry without stages. Without `only`, the models beside `names` have their
        names alone."""
        observed: dict[str, ObservedModel] = {}
        for name in names:
            observed |= self._read_one(name)

        if not only:
            for model in self._pages(self._client.search_registered_models):
                observed.setdefault(model.name, ObservedModel(model.name))
        return observed

    def _read_one(self, name: str) -> dict[str, ObservedModel]:
        """Read a model and each of its versions by a request of its own; empty if it is missing."""
        model = self._server.find(self._client.get_registered_model, name)
        if model is None:
            return {}

        matches = self._pages(
            self._client.search_model_versions, filter_string=f"name={quote(name)}"
        )
        numbers = [str(version.version) for version in matches]
        versions = [
            self._server.ask(self._client.get_model_version, name, number) for number in numbers
        ]
        return assemble([model], versions)

    def _search_models(self, search_filter: str | None) -> Iterator[Any]:
        return self._pages(
            self._client.search_registered_models,
            filter_string=search_filter,
            max_results=MODELS_A_PAGE,
            order_by=["name ASC"],
        )

    def _search_versions(self, search_filter: str | None) -> Iterator[Any]:
        return self._pages(
            self._client.search_model_versions,
            filter_string=search_filter,
            max_results=VERSIONS_A_PAGE,
            order_by=["name ASC", "version_number ASC"],
        )

    def _pages(self, search: Callable[..., Any], **options: Any) -> Iterator[Any]:
        return _pages(self._server, search, options)


def _pages(server: Server, search: Callable[..., Any], options: dict[str, Any]) -> Iterator[Any]:
    """Every entity that a search of MLflow's client returns, page by page. Options that are None
    are left out. A page that is larger than is read is asked for again with fewer entities: the
    token of MLflow's stores is the number of entities before it (3.17)."""
    options = {key: value for key, value in options.items() if value is not None}
    token = None
    while True:
        try:
            page = server.ask(search, **options, page_token=token)
        except RegistryFailure as failure:
            entities = options.get("max_results", 1)
            if failure.code != ANSWER_TOO_LARGE or entities <= 1:
                raise
            options["max_results"] = max(entities // _FEWER, 1)
            continue
        yield from page
        token = page.token
        if not token:
            return
