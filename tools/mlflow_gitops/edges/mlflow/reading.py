"""Reading models and prompts from an MLflow registry, in as few requests as possible."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.observed.server_version import ALIASES, NAME_LISTS
from mlflow_gitops.edges.mlflow.connection import Connection
from mlflow_gitops.edges.mlflow.listing import (
    PROMPTS,
    assemble,
    can_be_quoted,
    quote,
)
from mlflow_gitops.edges.mlflow.searches import Searches
from mlflow_gitops.edges.mlflow.server_errors import ANSWER_TOO_LARGE
from mlflow_gitops.errors import RegistryFailure


class Reader(Connection):
    """A connection that reads registered models and prompts with their versions."""

    _has_shown_aliases = False

    @cached_property
    def _searches(self) -> Searches:
        return Searches(
            self._server,
            self._client,
            lambda: "version" in self.__dict__ and not self.version.has(NAME_LISTS),
        )

    @property
    def reads_lists(self) -> bool:
        """Whether several named models are read in one request, as far as is known: MLflow 3.17 and
        newer take lists of names. The first answer shows it."""
        return not self.stageless and not self._searches.are_lists_unsupported

    @property
    def lack_of_aliases(self) -> str | None:
        """Why this registry keeps no aliases; None if it keeps them, or may. A server that has
        shown an alias is not asked for its version."""
        if self._has_shown_aliases or self.version.has(ALIASES):
            return None
        return f"{self.display_uri} {self.version.lack_of(ALIASES)}"

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
        return [str(prompt.name) for prompt in self._searches.models(None, PROMPTS)]

    def _search(
        self, names: Collection[str] | None, kind_filter: str | None = None
    ) -> dict[str, ObservedModel]:
        """Read models with their versions, or prompts if `kind_filter` asks for them: those in
        `names`, or all if it is None."""
        if names is None:
            observed = self._searches.by_filters(None, kind_filter)
        else:
            observed = self._searches.by_names(names, kind_filter)
        # What has prompts (MLflow 2.21) has aliases, too.
        self._has_shown_aliases |= any(
            model.aliases or model.is_prompt for model in observed.values()
        )
        return observed

    def _read_unquotable(self, names: Collection[str]) -> dict[str, ObservedModel]:
        """Read the models whose names no filter can hold: MLflow can search them by version only
        among all versions."""
        observed: dict[str, ObservedModel] = {}
        for name in names:
            if can_be_quoted(name):
                continue
            model = self._server.find(self._client.get_registered_model, name)
            if model is not None:
                versions = [v for v in self._searches.versions(None) if v.name == name]
                observed |= assemble([model], versions)
        return observed

    def _observe_each(self, names: Collection[str], *, only: bool) -> dict[str, ObservedModel]:
        """Read a registry without stages. Without `only`, the models beside `names` have their
        names alone."""
        observed: dict[str, ObservedModel] = {}
        for name in names:
            observed |= self._read_one(name)

        if not only:
            for model in self._searches.pages(self._client.search_registered_models):
                observed.setdefault(model.name, ObservedModel(model.name))
        return observed

    def _read_one(self, name: str) -> dict[str, ObservedModel]:
        """Read a model and each of its versions by a request of its own; empty if it is missing."""
        model = self._server.find(self._client.get_registered_model, name)
        if model is None:
            return {}

        matches = self._searches.pages(
            self._client.search_model_versions, filter_string=f"name={quote(name)}"
        )
        numbers = [str(version.version) for version in matches]
        versions = [
            self._server.ask(self._client.get_model_version, name, number) for number in numbers
        ]
        return assemble([model], versions)
