"""A store that is opened directly, without a server: is it there, is it alive, and is it of this
MLflow?

Asked before MLflow opens it, since MLflow (3.17) creates a SQLite file that it does not find, puts
its tables into an empty database, migrates an older one as soon as a table is missing, and waits
over a minute for a database that is dead. No command of ours does any of that.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import closing
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow_gitops.edges.mlflow.server import PATIENCE, PROBE
from mlflow_gitops.edges.mlflow.server_errors import LOCKED
from mlflow_gitops.edges.system.redaction import redact, without_credentials
from mlflow_gitops.errors import RegistryFailure

LOCK_PATIENCE = 5.0
"""Seconds to wait for another process to unlock a SQLite file."""

_NAME_IT = "Name the registry with --tracking-uri or MLFLOW_TRACKING_URI."
_DATABASES = frozenset({"postgresql", "mysql", "mssql"})
"""What MLflow opens beside SQLite (3.17: DATABASE_ENGINES)."""


def must_be_ready(uri: str) -> None:
    """Raise RegistryFailure unless a URI may be given to MLflow. One that leads to a server is not
    looked at."""
    scheme = uri.partition(":")[0]
    if scheme == "sqlite":
        _sqlite(uri)
    elif scheme.partition("+")[0] in _DATABASES:
        _database(uri)
    elif scheme == "file" or "://" not in uri:
        _folder(uri)


def _sqlite(uri: str) -> None:
    path = Path(unquote(uri.partition(":///")[2].partition("?")[0]) or ":memory:")
    if not path.is_file():
        raise RegistryFailure(f"There is no MLflow database at {path}. {_NAME_IT}")
    try:
        read_only = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(read_only, uri=True, timeout=LOCK_PATIENCE)) as connection:
            tables = {
                name
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                )
            }
            made_by = None
            if "alembic_version" in tables:
                made_by = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise RegistryFailure(f"{path}: {LOCKED}") from None
        raise RegistryFailure(
            f"The MLflow database {path} cannot be read: {error}. {_NAME_IT}"
        ) from None
    except sqlite3.DatabaseError:
        raise RegistryFailure(f"{path} is not a SQLite database. {_NAME_IT}") from None
    _judge(str(path), "registered_models" in tables, made_by[0] if made_by else None)


def _folder(uri: str) -> None:
    path = Path(unquote(urlsplit(uri).path) if uri.startswith("file:") else uri)
    if not path.is_dir():
        raise RegistryFailure(f"There is no MLflow store at {path}. {_NAME_IT}")


def _database(uri: str) -> None:
    """Look at a database through SQLAlchemy, which MLflow uses, with an end: drivers may wait for a
    dead host for ever."""
    shown = without_credentials(uri)
    found: list[tuple[bool, str | None]] = []
    failed: list[BaseException] = []

    def look() -> None:
        try:
            import sqlalchemy
            from sqlalchemy.pool import NullPool

            with sqlalchemy.create_engine(uri, poolclass=NullPool).connect() as connection:
                tables = sqlalchemy.inspect(connection)
                version = sqlalchemy.text("SELECT version_num FROM alembic_version")
                made_by = (
                    connection.execute(version).scalar()
                    if tables.has_table("alembic_version")
                    else None
                )
                found.append((tables.has_table("registered_models"), made_by))
        except Exception as error:  # whatever a driver may raise
            failed.append(error)

    worker = threading.Thread(target=look, daemon=True)
    worker.start()
    worker.join(PATIENCE + PROBE)
    if found:
        return _judge(shown, *found[0])
    if not failed:
        raise RegistryFailure(
            f"{shown} did not answer within {PATIENCE + PROBE:.0f} seconds. Is it running?"
            f" {_NAME_IT}"
        )
    if isinstance(failed[0], ModuleNotFoundError):
        raise RegistryFailure(
            f"{shown} needs the Python package {failed[0].name}, which is not installed."
        )
    said = " ".join(str(getattr(failed[0], "orig", None) or failed[0]).split())
    said = redact(said.partition(" (Background on this error")[0], uri)
    raise RegistryFailure(
        f"{shown} cannot be opened: {said[:300].rstrip('. ')}. Is it running? {_NAME_IT}"
    )


def _judge(shown: str, has_models: bool, made_by: str | None) -> None:
    if not has_models:
        raise RegistryFailure(f"{shown} holds no MLflow registry. {_NAME_IT}")
    wanted = _newest_schema()
    if wanted is not None and made_by != wanted:
        raise RegistryFailure(
            f"{shown} was made by another version of MLflow (its schema is {made_by}, the one here"
            f" needs {wanted}). Install the MLflow that it is of, or migrate it with `mlflow db"
            " upgrade`; mlflow-gitops does not."
        )


@cache
def _newest_schema() -> str | None:
    """The schema of the MLflow that is installed: the one of its migrations that no other follows.
    None if that cannot be told. Read from the files' text, since running them all takes longer than
    everything else here."""
    spec = find_spec("mlflow")
    if spec is None or spec.origin is None:
        return None
    made, followed = set(), set()
    for file in (Path(spec.origin).parent / "store" / "db_migrations" / "versions").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        made.update(re.findall(r"^revision\s*(?::[^=]+)?=\s*[\"'](\w+)[\"']", text, re.MULTILINE))
        for before in re.findall(r"^down_revision\s*(?::[^=]+)?=\s*(.+)$", text, re.MULTILINE):
            followed.update(re.findall(r"[\"'](\w+)[\"']", before))
    ends = made - followed
    return ends.pop() if len(ends) == 1 else None
