"""Writing to an MLflow registry: one request for each change, sent once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from mlflow_gitops.edges.mlflow.connection import Connection
from mlflow_gitops.edges.mlflow.database_errors import NAME_TAKEN
from mlflow_gitops.edges.mlflow.listing import logged_model
from mlflow_gitops.errors import NameTaken, RegistryFailure


class Writer(Connection):
    """A connection that changes registered models and their versions.

    A `version` of None means the registered model itself.
    """

    @cached_property
    def _writer(self) -> Any:
        """MLflow's client for changes to existing models.

        The public client asks before each write whether the model is a prompt (3.17). A plan knows
        that already, and the request would nearly double those of a run. The client below it is not
        public: if a later MLflow has none, the public one is used.
        """
        registry_client = getattr(self._client, "_get_registry_client", None)
        return registry_client() if registry_client else self._client

    def create_model(self, name: str) -> None:
        """Create a model. Raises NameTaken if the server's database takes another model's name for
        this one, as MySQL, MariaDB and SQL Server do by their collation."""
        try:
            self._server.ask(self._client.create_registered_model, name)
        except RegistryFailure as failure:
            twin = self._twin_of(name) if failure.code == NAME_TAKEN else None
            if twin is None:
                raise
            raise NameTaken(
                f"{self.display_uri} has a model {twin!r}, and the collation of its database takes"
                f" {name!r} for the same name",
                fix="give the model another name (rename), or name it as MLflow does",
            ) from None

    def _twin_of(self, name: str) -> str | None:
        """The model of another name that the server finds by this one."""
        model = self._server.find(self._client.get_registered_model, name)
        return str(model.name) if model is not None and model.name != name else None

    def rename(self, name: str, new_name: str) -> None:
        """Rename a model. Its versions, stages, aliases and tags go with it."""
        self._server.ask(self._client.rename_registered_model, name, new_name)

    def register(
        self,
        name: str,
        source: str,
        run_id: str | None,
        model_id: str | None,
        tags: Mapping[str, str],
    ) -> int:
        """Create the next version from `source`; returns the number that MLflow gave it."""
        created = self._server.ask(
            self._client.create_model_version,
            name,
            source,
            run_id=run_id,
            tags=dict(tags),
            await_creation_for=0,
            # A server refuses a source `models:/m-…` without the model's id (3.17).
            model_id=model_id or logged_model(source),
        )
        return int(created.version)

    def delete_version(self, name: str, version: int) -> None:
        self._server.ask(self._writer.delete_model_version, name, str(version))

    def transition(self, name: str, version: int, stage: str) -> None:
        """Move one version to a stage. Never with `archive_existing_versions`, which would archive
        versions that no manifest declares."""
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
