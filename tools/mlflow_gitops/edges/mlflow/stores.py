"""Checks of a store that is opened directly, without a server: does it exist, does it answer, and
is it of the installed MLflow?

They come before MLflow opens it. MLflow (3.17) creates a SQLite file that is missing, puts its
tables into an empty database, migrates an older one as soon as a table is missing, and waits over a
minute for a database that is down. This tool does none of that.
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

from mlflow_gitops.edges.mlflow.server_errors import LOCKED
from mlflow_gitops.edges.system.extras import fix_for_missing, has_extra
from mlflow_gitops.edges.system.redaction import redact, without_credentials
from mlflow_gitops.errors import RegistryFailure
from mlflow_gitops.settings import DEFAULT_PATIENCE, Patience

_NAME_THE_REGISTRY = "Name the registry with --tracking-uri or MLFLOW_TRACKING_URI."
_DATABASES = frozenset({"postgresql", "mysql", "mssql"})
"""The databases that MLflow supports beside SQLite (3.17: DATABASE_ENGINES)."""


_WITHOUT_COLON = ("databricks", "databricks-uc")
"""MLflow's addresses of the default profile of Databricks."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")


def must_be_ready(uri: str, patience: Patience = DEFAULT_PATIENCE) -> None:
    """Raise RegistryFailure if MLflow must not open a URI. The URI of a server is not checked."""
    scheme = uri.partition(":")[0]
    if scheme == "sqlite":
        _check_installed(uri)
        _check_sqlite(uri, patience)
    elif scheme.partition("+")[0] in _DATABASES:
        _check_installed(uri)
        _check_database(uri, patience)
    elif not is_remote(uri):
        _check_installed(uri)
        _check_folder(uri)


def is_remote(uri: str) -> bool:
    """Whether a URI has a scheme that MLflow or a plug-in reads, and that is no store of this
    machine or a database: `http://…`, `databricks`, `databricks://profile`, `uc:http://…`,
    `arn:aws:sagemaker:…`. Not one letter and a colon, which is a drive of Windows."""
    if uri in _WITHOUT_COLON:
        return True
    scheme = _SCHEME.match(uri)
    name = scheme[1].lower() if scheme else "file"
    is_local = name in ("file", "sqlite") or name.partition("+")[0] in _DATABASES
    return not is_local and not Path(uri).is_dir()


def _check_installed(uri: str) -> None:
    """Only full MLflow opens a store without a server; `mlflow-skinny` lacks what that needs."""
    if not has_extra("sql"):
        from mlflow_gitops.installation import install_command

        raise RegistryFailure(
            f"{without_credentials(uri)} is opened without a server, which needs full MLflow"
            " installed here.",
            fix=f"{_NAME_THE_REGISTRY} For a store without a server: {install_command('sql')}",
        )


def _check_sqlite(uri: str, patience: Patience) -> None:
    path = Path(unquote(uri.partition(":///")[2].partition("?")[0]) or ":memory:")
    if not path.is_file():
        raise RegistryFailure(f"There is no MLflow database at {path}.", fix=_NAME_THE_REGISTRY)

    try:
        has_models, schema = _read_sqlite(path, patience.sqlite_lock)
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise RegistryFailure(f"{path}: {LOCKED}", transient=True) from None
        raise RegistryFailure(
            f"The MLflow database {path} cannot be read: {error}.", fix=_NAME_THE_REGISTRY
        ) from None
    except sqlite3.DatabaseError:
        raise RegistryFailure(f"{path} is not a SQLite database.", fix=_NAME_THE_REGISTRY) from None
    _check_schema(str(path), has_models, schema)


def _read_sqlite(path: Path, lock_seconds: float) -> tuple[bool, str | None]:
    """Whether a SQLite file has MLflow's tables, and the revision of its schema."""
    read_only = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(read_only, uri=True, timeout=lock_seconds)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {name for (name,) in rows}
        row = None
        if "alembic_version" in tables:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return "registered_models" in tables, row[0] if row else None


def _check_folder(uri: str) -> None:
    path = Path(unquote(urlsplit(uri).path) if uri.startswith("file:") else uri)
    if not path.is_dir():
        raise RegistryFailure(f"There is no MLflow store at {path}.", fix=_NAME_THE_REGISTRY)


def _check_database(uri: str, patience: Patience) -> None:
    """Read a database through SQLAlchemy, as MLflow does, but with a time limit: drivers may wait
    forever for a host that is down."""
    display_uri = without_credentials(uri)
    results: list[tuple[bool, str | None]] = []
    errors: list[BaseException] = []

    def read() -> None:
        try:
            results.append(_read_database(uri))
        except Exception as error:  # a driver may raise anything
            errors.append(error)

    worker = threading.Thread(target=read, daemon=True)
    worker.start()
    seconds = patience.answer + patience.probe
    worker.join(seconds)

    if results:
        return _check_schema(display_uri, *results[0])
    if not errors:
        raise RegistryFailure(
            f"{display_uri} did not answer within {seconds:.0f} seconds.",
            fix=f"Is it running? {_NAME_THE_REGISTRY}",
        )
    raise _database_failure(uri, errors[0])


def _read_database(uri: str) -> tuple[bool, str | None]:
    """Whether a database has MLflow's tables, and the revision of its schema."""
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    with sqlalchemy.create_engine(uri, poolclass=NullPool).connect() as connection:
        tables = sqlalchemy.inspect(connection)
        schema = None
        if tables.has_table("alembic_version"):
            statement = sqlalchemy.text("SELECT version_num FROM alembic_version")
            schema = connection.execute(statement).scalar()
        return tables.has_table("registered_models"), schema


def _database_failure(uri: str, error: BaseException) -> RegistryFailure:
    display_uri = without_credentials(uri)
    if isinstance(error, ModuleNotFoundError):
        return RegistryFailure(
            f"{display_uri} needs the Python package {error.name}, which is not installed.",
            fix=fix_for_missing(error.name or ""),
        )

    text = " ".join(str(getattr(error, "orig", None) or error).split())
    reason = redact(text.partition(" (Background on this error")[0], uri)[:300].rstrip(". ")
    return RegistryFailure(
        f"{display_uri} cannot be opened: {reason}.", fix=f"Is it running? {_NAME_THE_REGISTRY}"
    )


def _check_schema(display_uri: str, has_models: bool, schema: str | None) -> None:
    if not has_models:
        raise RegistryFailure(f"{display_uri} holds no MLflow registry.", fix=_NAME_THE_REGISTRY)

    expected = _newest_schema()
    if expected is not None and schema != expected:
        raise RegistryFailure(
            f"{display_uri} was made by another version of MLflow (its schema is {schema}, the"
            f" installed MLflow needs {expected}).",
            fix="Install the MLflow that made it, or migrate it with `mlflow db upgrade`;"
            " mlflow-gitops does not migrate.",
        )


@cache
def _newest_schema() -> str | None:
    """The schema revision of the installed MLflow: the one of its migrations that no other follows.

    None if that is unclear. Read from the text of the files, since importing all migrations takes
    longer than everything else in this module.
    """
    spec = find_spec("mlflow")
    if spec is None or spec.origin is None:
        return None

    revisions: set[str] = set()
    followed: set[str] = set()
    folder = Path(spec.origin).parent / "store/db_migrations/versions"
    for file in folder.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        revisions.update(
            re.findall(r"^revision\s*(?::[^=]+)?=\s*[\"'](\w+)[\"']", text, re.MULTILINE)
        )
        for parents in re.findall(r"^down_revision\s*(?::[^=]+)?=\s*(.+)$", text, re.MULTILINE):
            followed.update(re.findall(r"[\"'](\w+)[\"']", parents))

    newest = revisions - followed
    return newest.pop() if len(newest) == 1 else None
