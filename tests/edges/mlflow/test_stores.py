"""A store opened directly is looked at before MLflow opens it: nothing is created, migrated or
waited for."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mlflow_gitops.edges.mlflow import stores
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.edges.system.extras import has_extra
from mlflow_gitops.errors import RegistryFailure
from mlflow_gitops.installation import install_command
from mlflow_gitops.settings import DEFAULT_PATIENCE, Patience
from tests.support.servers import free_port, postgresql

SECRET = "pa55word"


def refused(uri: str, patience: Patience = DEFAULT_PATIENCE) -> str:
    with pytest.raises(RegistryFailure) as failure:
        Registry(uri, patience=patience)
    assert SECRET not in str(failure.value)
    return str(failure.value)


def schema(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_the_newest_schema_is_the_one_that_mlflow_makes(
    tmp_path: Path, blank_registry: Callable[[Path], str]
) -> None:
    blank_registry(tmp_path / "mlflow.db")
    assert stores._newest_schema() == schema(tmp_path / "mlflow.db")


def test_an_older_schema_is_not_migrated(
    tmp_path: Path, blank_registry: Callable[[Path], str]
) -> None:
    """MLflow 3.17 itself migrates what lacks a table as soon as it is opened, and an older server
    then refuses it."""
    file = tmp_path / "mlflow.db"
    uri = blank_registry(file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'bd07f7e963c5'")
        connection.execute("DROP TABLE trace_tags")
    before = file.read_bytes()
    assert "was made by another version of MLflow (its schema is bd07f7e963c5" in refused(uri)
    assert file.read_bytes() == before


def test_a_database_of_something_else_gets_no_tables(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE x (y)")
    before = file.read_bytes()
    assert "holds no MLflow registry" in refused(f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert "There is no MLflow store at" in refused((tmp_path / "mlruns").as_uri())
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize(
    "uri",
    [
        f"postgresql://me:{SECRET}@127.0.0.1/x",
        f"mysql+pymysql://me:{SECRET}@127.0.0.1/x",
        "sqlite:///there-is-none.db",
        "file:///there/is/none",
        "mlruns",
    ],
)
def test_the_small_client_says_what_a_store_without_a_server_needs(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "has_extra", lambda extra: extra != "sql")
    said = refused(uri)
    assert "is opened without a server" in said and install_command("sql") in said


def test_what_full_mlflow_brings_is_installed_here() -> None:
    assert has_extra("sql") and has_extra("demo")


@pytest.mark.parametrize("uri", ["postgresql+nosuchdriver://{}", "mysql+nosuchdriver://{}"])
def test_a_driver_that_is_not_there(uri: str) -> None:
    said = refused(uri.format(f"me:{SECRET}@127.0.0.1/x"))
    assert "cannot be opened" in said or "is not installed" in said


@pytest.mark.real
def test_a_dead_database(tmp_path: Path) -> None:
    start = time.monotonic()
    said = refused(f"postgresql+psycopg2://me:{SECRET}@127.0.0.1:{free_port()}/x")
    assert time.monotonic() - start < 15 and "Connection refused" in said and "127.0.0.1" in said


@pytest.mark.real
def test_a_silent_database() -> None:
    patience = Patience(answer=0.5, probe=0.5)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(16)
        port = deaf.getsockname()[1]
        said = refused(f"postgresql+psycopg2://me:{SECRET}@127.0.0.1:{port}/x", patience)
    assert "did not answer within 1 seconds" in said


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgresql() as uri:
        yield uri


@pytest.mark.real
@pytest.mark.xdist_group("postgres")
def test_an_empty_postgresql_gets_no_tables_and_one_of_mlflows_is_opened(postgres: str) -> None:
    import sqlalchemy

    assert "holds no MLflow registry" in refused(postgres)
    engine = sqlalchemy.create_engine(postgres)
    assert sqlalchemy.inspect(engine).get_table_names() == []

    from mlflow import MlflowClient

    MlflowClient(postgres).create_registered_model("m")  # it makes its tables
    assert list(Registry(postgres).observe(["m"])) == ["m"]
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = 'older'"))
    engine.dispose()
    assert "its schema is older" in refused(postgres)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("databricks", True),
        ("databricks-uc", True),
        ("databricks://profile", True),
        ("uc:http://catalog", True),
        ("arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/risk", True),
        ("plugin-of-ours:place", True),
        ("http://mlflow", True),
        ("C:\\mlruns", False),
        ("mlruns", False),
        ("file:///mlruns", False),
        ("sqlite:///mlflow.db", False),
        ("postgresql+psycopg2://host/mlflow", False),
        ("mysql+pymysql://host/mlflow", False),
    ],
)
def test_which_addresses_are_passed_on(uri: str, expected: bool) -> None:
    assert stores.is_remote(uri) is expected
    if expected:
        stores.must_be_ready(uri)


def test_a_registry_that_never_answered_is_given_up() -> None:
    server = Server("databricks://profile", patience=Patience(answer=0.2, probe=0.1))
    with pytest.raises(RegistryFailure, match="did not answer within"):
        server.ask(time.sleep, 60)


def test_a_registry_that_answered_once_is_waited_for() -> None:
    server = Server("databricks://profile", patience=Patience(answer=0.2, probe=0.1))
    assert server.ask(len, "once") == 4

    def late() -> str:
        time.sleep(0.5)
        return "late"

    assert server.ask(late) == "late"
