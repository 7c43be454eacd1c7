"""Searches of an MLflow registry: page by page, and with as many names in one request as it takes.

Lists are read in pages with an explicit order: MLflow's default order is by update time, so that
pages would skip rows while others write (3.17). Models whose versions may have been skipped, since
others deleted some meanwhile, are read once more by name.
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

Seam = tuple[str, str | None]
"""The names of the last version of a page and of the first one of the next, None if that is empty.
MLflow's pages begin at a number of rows (3.17): if earlier rows are deleted between two pages, as
many are skipped there."""


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
        seams: list[Seam] = []
        if kind_filter is None:
            found = assemble(models, self.versions(names_filter, seams))
        else:
            prompts = list(models)
            search_filter = _joined(names_filter, kind_filter)
            versions = self.versions(search_filter, seams) if prompts else ()
            found = assemble_prompts(prompts, versions)

        if names_filter is None and seams:
            found |= self.by_names(_names_at(seams, list(found)), kind_filter)
        return found

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

    def versions(self, search_filter: str | None, seams: list[Seam] | None = None) -> Iterator[Any]:
        """The versions that a filter names, all without one. `seams` gets the names on both sides
        of each end of a page."""
        return self.pages(
            self._client.search_model_versions,
            seams,
            filter_string=search_filter,
            max_results=VERSIONS_A_PAGE,
            order_by=["name ASC", "version_number ASC"],
        )

    def pages(
        self, search: Callable[..., Any], seams: list[Seam] | None = None, **options: Any
    ) -> Iterator[Any]:
        return _pages(self._server, search, options, [] if seams is None else seams)


def _joined(*filters: str | None) -> str | None:
    """One filter of several; None if none of them is given."""
    return " AND ".join(part for part in filters if part) or None


def _is_prompt(model: Any) -> bool:
    """Whether a registered model is a prompt. Its public `tags` leave MLflow's tag of prompts out
    (3.17)."""
    tags = getattr(model, "_tags", None) or model.tags
    return str(tags.get(IS_PROMPT_TAG, "")).lower() == "true"


def _names_at(seams: list[Seam], names: list[str]) -> dict[str, None]:
    """Of the listed names, in their order, those of which versions may have been skipped."""
    places = {name: place for place, name in enumerate(names)}
    affected: dict[str, None] = {}
    for before, after in seams:
        first = places.get(before, 0)
        last = places.get(after, len(names) - 1) if after is not None else len(names) - 1
        affected |= dict.fromkeys(names[first : last + 1])
    return affected


def _pages(
    server: Server, search: Callable[..., Any], options: dict[str, Any], seams: list[Seam]
) -> Iterator[Any]:
    """Every entity that a search of MLflow's client returns, page by page. Options that are None
    are left out. A page that is larger than is read is asked for again with fewer entities: the
    token of MLflow's stores is the number of entities before it (3.17)."""
    options = {key: value for key, value in options.items() if value is not None}
    token = None
    last_name: str | None = None
    while True:
        try:
            page = server.ask(search, **options, page_token=token)
        except RegistryFailure as failure:
            entities = options.get("max_results", 1)
            if failure.code != ANSWER_TOO_LARGE or entities <= 1:
                raise
            options["max_results"] = max(entities // _FEWER, 1)
            continue
        if last_name is not None:
            seams.append((last_name, page[0].name if page else None))
        last_name = page[-1].name if page else last_name
        token = page.token
        yield from page
        del page  # it would be in memory beside the next one
        if not token:
            return
