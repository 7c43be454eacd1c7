"""Searches of an MLflow registry: page by page, and with as many names in one request as it takes.

Lists are read in pages with an explicit order: MLflow's default order is by update time, so that
pages would skip rows while others write (3.17).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.observed.prompts import IS_PROMPT_TAG
from mlflow_gitops.edges.mlflow.listing import (
    MODELS,
    PROMPTS,
    assemble,
    assemble_prompts,
    name_chunks,
    name_filter,
)
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.edges.mlflow.server_errors import (
    ANSWER_TOO_LARGE,
    NO_NAME_LISTS,
    REQUEST_TOO_LONG,
)
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TO_BE_HALVED = (NO_NAME_LISTS, REQUEST_TOO_LONG, ANSWER_TOO_LARGE)
"""Codes of failures after which names are asked for in halves."""

MODELS_A_PAGE = 1_000
"""MLflow's own limit (3.17: SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD)."""
VERSIONS_A_PAGE = 10_000
"""A page of so many is an answer of about 10 MB, and is read in 80 MB of memory. MLflow gives up to
200,000 (3.17)."""
_FEWER = 8
"""By what a page is divided if it is larger than is read."""


Found = dict[str, ObservedModel]
"""Models or prompts with their versions, by name."""


class Searches:
    """The searches of one registry. Every method raises RegistryFailure."""

    def __init__(
        self,
        server: Server,
        client: MlflowClient,
        is_without_lists: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_without_lists` says whether the server is known to lack lists of names. It makes no
        request: if that is not known yet, the first search shows it."""
        self._server = server
        self._client = client
        self._is_without_lists = is_without_lists
        self._lists_unsupported = False
        self._models_filter = MODELS if server.has_prompts else None

    @property
    def are_lists_unsupported(self) -> bool:
        """Whether the server is known to lack lists of names."""
        self._lists_unsupported |= self._is_without_lists()
        return self._lists_unsupported

    def by_filters(self, names_filter: str | None, kind_filter: str | None) -> Found:
        """Search what two filters name: prompts if the second one asks for them, else models."""
        models = self.models(names_filter, kind_filter)
        if kind_filter is None:
            return assemble(models, self.versions(names_filter))

        prompts = list(models)
        versions = self.versions(_joined(names_filter, kind_filter)) if prompts else ()
        return assemble_prompts(prompts, versions)

    def by_names(self, names: Collection[str], kind_filter: str | None) -> Found:
        """Search every name: many names in one request if the registry supports it (MLflow 3.17 and
        newer), else one by one. A model that is larger than is read has a fault."""
        found: Found = {}
        waiting = list(name_chunks(names))[::-1]
        while waiting:
            chunk = waiting.pop()
            if self.are_lists_unsupported and len(chunk) > 1:
                waiting += [[name] for name in reversed(chunk)]
                continue

            try:
                found |= self.by_filters(name_filter(chunk), kind_filter)
            except RegistryFailure as failure:
                if len(chunk) == 1 and failure.code == ANSWER_TOO_LARGE:
                    [name] = chunk
                    is_prompt = kind_filter is not None
                    found[name] = ObservedModel(name, is_prompt=is_prompt, fault=str(failure))
                    continue
                if len(chunk) == 1 or failure.code not in _TO_BE_HALVED:
                    raise
                self._lists_unsupported |= failure.code == NO_NAME_LISTS
                middle = len(chunk) // 2
                waiting += [chunk[middle:], chunk[:middle]]
        return found

    def models(self, names_filter: str | None, kind_filter: str | None = None) -> Iterator[Any]:
        """The registered models that a filter names, all without one. Prompts are among them only
        with the filter that asks for prompts, whatever the server returns."""
        is_of_prompts = kind_filter == PROMPTS
        entities = self.pages(
            self._client.search_registered_models,
            filter_string=_joined(names_filter, kind_filter or self._models_filter),
            max_results=MODELS_A_PAGE,
            order_by=["name ASC"],
        )
        return (model for model in entities if is_of_prompts or not _is_prompt(model))

    def versions(self, search_filter: str | None) -> Iterator[Any]:
        return self.pages(
            self._client.search_model_versions,
            filter_string=search_filter,
            max_results=VERSIONS_A_PAGE,
            order_by=["name ASC", "version_number ASC"],
        )

    def pages(self, search: Callable[..., Any], **options: Any) -> Iterator[Any]:
        return _pages(self._server, search, options)


def _joined(*filters: str | None) -> str | None:
    """One filter of several; None if none of them is given."""
    return " AND ".join(part for part in filters if part) or None


def _is_prompt(model: Any) -> bool:
    """Whether a registered model is a prompt. Its public `tags` leave MLflow's tag of prompts out
    (3.17)."""
    tags = getattr(model, "_tags", None) or model.tags
    return str(tags.get(IS_PROMPT_TAG, "")).lower() == "true"


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
