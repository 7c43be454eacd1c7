"""The one place that talks to MLflow, through its public client alone.

It normalises what MLflow gives (versions are `int` on SQL stores and `str` over HTTP, descriptions
`None` or `''`), reads in pages with an explicit order (MLflow's default order is by update time, so
pages skip rows under concurrent writes), and turns everything that MLflow, its database or the
network may raise into one RegistryFailure.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.values import ModelFile, Record
from mlflow_gitops.edges.mlflow.artifact_locations import Places
from mlflow_gitops.edges.mlflow.copies import Copies
from mlflow_gitops.edges.mlflow.lineage import Lineage, lineage
from mlflow_gitops.edges.mlflow.listing import (
    PROMPTS,
    assemble,
    assemble_prompts,
    filters,
    logged_model,
    quotable,
    quoted,
)
from mlflow_gitops.edges.mlflow.model_file import Artifacts
from mlflow_gitops.edges.mlflow.other_environments import Elsewhere
from mlflow_gitops.edges.mlflow.recorded import record
from mlflow_gitops.edges.mlflow.server import Server, read_settings, write_settings
from mlflow_gitops.edges.mlflow.server_errors import NO_NAME_LISTS
from mlflow_gitops.edges.mlflow.stores import must_be_ready
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow import MlflowClient

MODELS_A_PAGE = 1_000
VERSIONS_A_PAGE = 200_000
"""MLflow's own caps (3.17: SEARCH_REGISTERED_MODEL/MODEL_VERSION_MAX_RESULTS_THRESHOLD)."""

_UNITY_CATALOG = "databricks-uc"


def _enter(workspace: str) -> None:
    """Let MLflow's client ask for a workspace in every request, from every thread: by its variable,
    which threads share, and not by `mlflow.set_workspace`, which speaks for one thread first
    (3.17)."""
    import mlflow

    if not hasattr(mlflow, "set_workspace"):
        raise RegistryFailure(
            f"This MLflow ({mlflow.__version__}) knows no workspaces. Install 3.10 or newer."
        )
    os.environ["MLFLOW_WORKSPACE"] = workspace


class Registry:
    """A connection to one MLflow registry. Every method raises RegistryFailure when MLflow cannot
    be asked or refuses."""

    def __init__(
        self,
        tracking_uri: str | None = None,
        registry_uri: str | None = None,
        say: Callable[[str], None] = lambda text: None,
        workspace: str | None = None,
    ) -> None:
        """The URIs and the workspace default to MLflow's own variables, then to MLflow's own
        default. Nothing is created: a SQLite file that is not there is an error. `say` is told when
        a server is slow."""
        self._quieten()
        read_settings()
        try:
            import mlflow
            from mlflow import MlflowClient
        except ImportError as error:
            raise RegistryFailure(
                f"MLflow cannot be loaded: {error}. Install mlflow-gitops again."
            ) from error

        self.tracking_uri: str = tracking_uri or mlflow.get_tracking_uri()
        self.uri: str = registry_uri or (
            tracking_uri if tracking_uri else mlflow.get_registry_uri()
        )
        if workspace is not None:
            _enter(workspace)
        self.workspace = os.environ.get("MLFLOW_WORKSPACE", "")
        self._server = Server(self.uri, say)
        self.shown = self._server.shown
        self._artifacts = Artifacts(self.tracking_uri, self.uri)
        self.elsewhere = Elsewhere({})
        self._no_lists = False
        for uri in (self.tracking_uri, self.uri):
            must_be_ready(uri)
        self._client: MlflowClient = self._server.ask(MlflowClient, self.tracking_uri, self.uri)
        # A SQL store that is opened directly resolves `models:/m-…` through MLflow's global, not
        # its client's URI (3.17).
        mlflow.set_tracking_uri(self.tracking_uri)

    @property
    def writers(self) -> int:
        """How many models may be written side by side: SQLite has one writer at a time."""
        return 1 if self.uri.startswith("sqlite:") else 8

    def begin_writing(self) -> None:
        """From here on each request is sent once; what became of a failed write is read back."""
        write_settings()

    @staticmethod
    def _quieten() -> None:
        # MLflow logs a traceback for every database error and warns about stages at each call; what
        # matters of it comes back as an exception, and this tool is about stages. A reconciler
        # sends nothing about its use to anyone.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        # Not logger by logger: alembic and older MLflow (3.4) set their loggers up anew whenever a
        # store is opened.
        logging.disable(logging.CRITICAL)

    # -- reading ----------------------------------------------------------------------------------------------------

    def observe(
        self, names: Collection[str], *, only: bool = False, prompts: Collection[str] = ()
    ) -> dict[str, ObservedModel]:
        """Every registered model (with `only`, those of `names` alone), in as few requests as there
        are pages.

        `prompts` are those of `names` that are taken for prompts. No search shows models and
        prompts (MLflow 3.17), so only where there are any, every prompt is read, too. A name that
        is not found is looked for as the other kind.
        """
        if self.stageless:
            return self._one_by_one(names, only=only)
        if only:
            found = self._whole_of(
                [name for name in names if name not in prompts]
            ) | self._whole_of(prompts, PROMPTS)
        else:
            found = self._whole_of(None) | (self.prompts() if prompts else {})
        missing = [name for name in names if name not in found]
        for name in (name for name in missing if not quotable(name)):
            if (model := self._get(name)) is not None:
                found[name] = model
        if only:
            found |= self._whole_of([name for name in missing if name in prompts])
        if only or not prompts:
            found |= self._whole_of([name for name in missing if name not in prompts], PROMPTS)
        return found

    def prompts(self) -> dict[str, ObservedModel]:
        """Every prompt. None where a registry keeps them apart from models, as Unity Catalog does."""
        return {} if self.stageless else self._whole_of(None, PROMPTS)

    def prompt_names(self) -> list[str]:
        """The names of all prompts."""
        return [] if self.stageless else [str(prompt.name) for prompt in self._models(PROMPTS)]

    def _whole_of(
        self, names: Collection[str] | None, kind: str | None = None
    ) -> dict[str, ObservedModel]:
        """Models with their versions, or prompts where `kind` is their filter: these, or all of
        them."""
        models: list[Any] = []
        versions: list[Any] = []

        def read(names_filter: str | None) -> None:
            wanted = " AND ".join(part for part in (names_filter, kind) if part) or None
            seen = list(self._models(wanted))
            models.extend(seen)
            if seen or not kind:
                versions.extend(self._versions(wanted))

        if names is None:
            read(None)
        elif names:
            self._for_each(names, read)
        return (assemble_prompts if kind else assemble)(models, versions)

    def _for_each(self, names: Collection[str], read: Callable[[str], None]) -> None:
        """Read by filters that name every model, many in one where the registry knows lists of
        names (MLflow 3.17)."""
        if not self._no_lists:
            try:
                for names_filter in filters(names):
                    read(names_filter)
                return
            except RegistryFailure as failure:
                if failure.code != NO_NAME_LISTS:
                    raise
                self._no_lists = True
        for name in names:
            for names_filter in filters([name]):
                read(names_filter)

    @cached_property
    def _places(self) -> Places:
        return Places(self._client, self._server, self._artifacts, by_version=self.stageless)

    @cached_property
    def stageless(self) -> bool:
        """Whether this registry keeps no stages, as Unity Catalog's: its client refuses an order of
        searches, too, and returns neither aliases nor tags from them (MLflow 3.17), so that each
        model is read by itself (RULES R10)."""
        scheme = self.uri.partition(":")[0]
        if scheme == "uc":
            raise RegistryFailure(
                f"{self.shown}: this Unity Catalog server keeps neither stages, aliases nor tags"
                " (MLflow 3.17)."
            )
        return scheme.startswith(_UNITY_CATALOG)

    def _one_by_one(self, names: Collection[str], *, only: bool) -> dict[str, ObservedModel]:
        found = {name: model for name in names if (model := self._whole(name)) is not None}
        if not only:
            listed = self._pages(self._client.search_registered_models, None, None, None)
            found |= {
                model.name: ObservedModel(model.name) for model in listed if model.name not in found
            }
        return found

    def _whole(self, name: str) -> ObservedModel | None:
        """A model with its tags, aliases and versions, each asked for by itself."""
        model = self._server.find(self._client.get_registered_model, name)
        if model is None:
            return None
        listed = self._pages(self._client.search_model_versions, None, f"name={quoted(name)}", None)
        numbers = [str(version.version) for version in listed]
        versions = [
            self._server.ask(self._client.get_model_version, name, number) for number in numbers
        ]
        return assemble([model], versions)[name]

    def read(self, name: str, kind: Kind = "model") -> ObservedModel | None:
        """One model or prompt as it is now, sooner found where `kind` is right; None if MLflow has
        none of that name."""
        return self.observe([name], only=True, prompts=[name] if kind == "prompt" else ()).get(name)

    def record(self, version: ObservedVersion) -> Record | None:
        """What a version's run and logged model recorded; None where MLflow has neither."""
        run = self._server.find(self._client.get_run, version.run_id) if version.run_id else None
        logged = (
            self._server.find(self._client.get_logged_model, version.model_id)
            if version.model_id
            else None
        )
        if logged is not None:
            self._places.know(f"models:/{version.model_id}", str(logged.artifact_location))
        return record(run, logged)

    def model_file(self, model: str, version: ObservedVersion) -> ModelFile | None:
        """What a version's artifacts say of themselves; None where it has none. A version without a
        status is not in MLflow yet: of what its pin names, only MLflow's own `models:/m-…` and
        `runs:/…` are read."""
        location = self._places.of(model, version) if version.words is None else None
        return self._artifacts.read(location) if location else None

    def download(self, model: str, version: ObservedVersion, folder: str) -> Path:
        """Fetch all of a version's artifacts to below a folder; where they lie then."""
        location = self._places.of(model, version)
        if location is None:
            raise RegistryFailure(f"Version {version.number} of {model} has no artifacts.")
        return self._artifacts.download(location, folder)

    def lineage(self, version: ObservedVersion) -> Lineage:
        """All that MLflow recorded of a version, to be copied."""
        return lineage(self._server, self._client, version)

    def bring(self, pin: OriginPin) -> VersionSpec:
        """Copy a version of another environment's here, with its lineage, and say what to register
        it from. Raises Refused where it is not what the pin says, and RegistryFailure."""
        copies = Copies(self._client, self._server, self._artifacts)
        return self.elsewhere.brought(pin, copies.make)

    def _get(self, name: str) -> ObservedModel | None:
        """A model whose name no filter can hold."""
        model = self._server.find(self._client.get_registered_model, name)
        if model is None:
            return None
        return assemble(
            [model], [version for version in self._versions(None) if version.name == name]
        )[name]

    def _models(self, names_filter: str | None) -> Iterator[Any]:
        return self._pages(
            self._client.search_registered_models, MODELS_A_PAGE, names_filter, ["name ASC"]
        )

    def _versions(self, names_filter: str | None) -> Iterator[Any]:
        order = ["name ASC", "version_number ASC"]
        return self._pages(self._client.search_model_versions, VERSIONS_A_PAGE, names_filter, order)

    def _pages(
        self,
        search: Callable[..., Any],
        size: int | None,
        names: str | None,
        order: list[str] | None,
    ) -> Iterator[Any]:
        wanted = {"filter_string": names, "max_results": size, "order_by": order}
        options = {key: value for key, value in wanted.items() if value is not None}
        token = None
        while True:
            page = self._server.ask(search, **options, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    # -- writing ----------------------------------------------------------------------------------------------------

    @cached_property
    def _writer(self) -> Any:
        """MLflow's client without its own question before each write whether the model is a prompt
        (3.17): a plan knows that, and the question nearly doubles the requests of a run."""
        without = getattr(
            self._client, "_get_registry_client", None
        )  # not public: where it is gone, the question is asked
        return without() if without else self._client

    def create_model(self, name: str) -> None:
        self._server.ask(self._client.create_registered_model, name)

    def register(
        self,
        name: str,
        source: str,
        run_id: str | None,
        model_id: str | None,
        tags: Mapping[str, str],
    ) -> int:
        """Create the next version from `source` and return the number that MLflow gave it."""
        made = self._server.ask(
            self._client.create_model_version,
            name,
            source,
            run_id=run_id,
            tags=dict(tags),
            await_creation_for=0,
            model_id=model_id
            or logged_model(source),  # a server refuses the source without it (3.17)
        )
        return int(made.version)

    def delete_version(self, name: str, version: int) -> None:
        self._server.ask(self._writer.delete_model_version, name, str(version))

    def transition(self, name: str, version: int, stage: str) -> None:
        """Move one version. Never with `archive_existing_versions`: that archives undeclared
        versions too."""
        self._server.ask(
            self._writer.transition_model_version_stage,
            name,
            str(version),
            stage,
            archive_existing_versions=False,
        )

    def set_alias(self, name: str, alias: str, version: int) -> None:
        self._server.ask(self._writer.set_registered_model_alias, name, alias, str(version))

    def delete_alias(self, name: str, alias: str) -> None:
        self._server.ask(self._writer.delete_registered_model_alias, name, alias)

    def set_tag(self, name: str, version: int | None, key: str, value: str) -> None:
        if version is None:
            self._server.ask(self._writer.set_registered_model_tag, name, key, value)
        else:
            self._server.ask(self._writer.set_model_version_tag, name, str(version), key, value)

    def delete_tag(self, name: str, version: int | None, key: str) -> None:
        if version is None:
            self._server.ask(self._writer.delete_registered_model_tag, name, key)
        else:
            self._server.ask(self._writer.delete_model_version_tag, name, str(version), key)

    def set_description(self, name: str, version: int | None, text: str) -> None:
        if version is None:
            self._server.ask(self._writer.update_registered_model, name, description=text)
        else:
            self._server.ask(
                self._writer.update_model_version, name, str(version), description=text
            )
