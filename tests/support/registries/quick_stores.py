"""MLflow's SQLite stores, opened in half the time: nearly each test opens one of its own."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def open_quickly() -> None:
    """From now on this process looks for the newest revision of MLflow's schema once, and compiles
    each SQL statement once, not once for each database."""
    from mlflow.store.db import utils

    utils._get_latest_schema_revision = cache(utils._get_latest_schema_revision)
    create = utils.create_sqlalchemy_engine
    connected: list[Any] = []

    def create_sqlalchemy_engine(db_uri: str) -> Any:
        engine = create(db_uri)
        if not db_uri.startswith("sqlite:///"):
            return engine

        if not connected:
            with engine.connect():  # what SQLite can do is asked when the first connects
                connected.append(engine)
        # Statements are found by dialect and text.
        engine.dialect = engine.pool._dialect = connected[0].dialect
        engine._compiled_cache = connected[0]._compiled_cache
        return engine

    utils.create_sqlalchemy_engine = create_sqlalchemy_engine
