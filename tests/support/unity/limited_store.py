"""A registry store with the limits of Unity Catalog's client, over SQLite (MLflow 3.17,
`UcModelRegistryStore`).

Found by MLflow through the entry point beside this file, under the scheme `databricks-uc-test`.
"""

from __future__ import annotations

import re
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore


def _unsupported(what: str) -> MlflowException:
    return MlflowException(f"{what} is unsupported for models in the Unity Catalog.")


class LimitedStore(SqlAlchemyStore):
    """No stages; searches take no order and, for models, no filter, and return neither tags nor
    aliases."""

    def __init__(self, store_uri: str, tracking_uri: str | None = None) -> None:
        super().__init__(store_uri.replace("databricks-uc-test:", "sqlite:"))

    def search_registered_models(
        self,
        filter_string: Any = None,
        max_results: Any = None,
        order_by: Any = None,
        page_token: Any = None,
    ) -> Any:
        for name, value in (("filter_string", filter_string), ("order_by", order_by)):
            if value is not None:
                raise _unsupported(f"Argument '{name}'")
        found = super().search_registered_models(None, max_results or 100, None, page_token)
        for model in found:
            model._tags, model._aliases, model._latest_version = {}, {}, []
        return found

    def search_model_versions(
        self,
        filter_string: Any = None,
        max_results: Any = None,
        order_by: Any = None,
        page_token: Any = None,
    ) -> Any:
        if order_by is not None:
            raise _unsupported("Argument 'order_by'")
        if filter_string is not None and not re.fullmatch(
            r"name\s*=\s*('[^']*'|\"[^\"]*\")", filter_string
        ):
            raise _unsupported(f"The filter {filter_string}")
        found = super().search_model_versions(filter_string, max_results or 100, None, page_token)
        for version in found:
            version._tags, version._aliases, version._current_stage = {}, [], None
        return found

    def get_model_version(self, name: str, version: str) -> Any:
        found = super().get_model_version(name, version)
        found._current_stage = None
        return found

    def get_latest_versions(self, name: str, stages: Any = None) -> Any:
        raise _unsupported("Method 'get_latest_versions'")

    def transition_model_version_stage(
        self, name: Any, version: Any, stage: Any, archive_existing_versions: Any
    ) -> Any:
        raise _unsupported("Method 'transition_model_version_stage'")
