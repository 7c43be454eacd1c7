"""What an exception from MLflow's client means: whether to try again, what to do, and a code."""

from __future__ import annotations

import pytest
import requests
from mlflow.exceptions import MlflowException, RestException

from mlflow_gitops.edges.mlflow.database_errors import CANNOT_STORE
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.edges.mlflow.server_errors import (
    LOCKED,
    NO_NAME_LISTS,
    NOT_FOUND,
    explain,
)
from mlflow_gitops.installation import install_command

ADDRESS = "http://mlflow.example:5000"


def caused(text: str, cause: Exception) -> MlflowException:
    """As MLflow's client wraps what its transport raises."""
    error = MlflowException(text)
    error.__cause__ = cause
    return error


NO_TLS = [
    caused(f"Max retries exceeded ({text})", requests.exceptions.SSLError(text))
    for text in ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "record layer failure")
]


@pytest.mark.parametrize(
    ("error", "message", "transient"),
    [
        (
            caused("API request failed", requests.exceptions.ReadTimeout("x")),
            "did not answer in time",
            True,
        ),
        (MlflowException("request failed with error code 429"), "asks to slow down", True),
        (MlflowException("request failed with error code 500"), "failed (500)", True),
        (MlflowException("too many 503 error responses"), "failed (503)", True),
        (MlflowException("Connection aborted."), "broke", True),
        (MlflowException("request failed with error code 401"), "these credentials (401)", False),
        (MlflowException("request failed with error code 403"), "forbids this (403)", False),
        (MlflowException("[Errno 111] Connection refused"), "refuses connections", False),
        (MlflowException("Name or service not known"), "no host of that name", False),
        (MlflowException("SSL: CERTIFICATE_VERIFY_FAILED"), "not trusted here", False),
        (NO_TLS[0], "no TLS is spoken", False),
        (NO_TLS[1], "no TLS is spoken", False),
        (MlflowException("<html>Log in</html>"), "a login page perhaps", False),
    ],
)
def test_over_http(error: Exception, message: str, transient: bool) -> None:
    failure = explain(error, ADDRESS, over_http=True)
    assert message in failure.message and ADDRESS in failure.message
    assert failure.transient is transient and failure.fix


def test_a_server_before_2_3_has_no_request_for_aliases() -> None:
    page = MlflowException("request failed with error code 404 != 200. Response body: '<html>'")
    failure = explain(page, ADDRESS, over_http=True, call="set_registered_model_alias")
    assert "came with MLflow 2.3" in failure.message and failure.fix
    other = explain(page, ADDRESS, over_http=True, call="get_run")
    assert "a login page perhaps" in other.message


def test_a_store_that_is_opened_directly_is_never_diagnosed_as_a_connection() -> None:
    failure = explain(MlflowException("Connection refused"), "mlflow.db", over_http=False)
    assert failure.message == "mlflow.db: Connection refused" and not failure.transient
    locked = explain(
        MlflowException("(sqlite3.OperationalError) database is locked\n[SQL: UPDATE …]"),
        "mlflow.db",
        over_http=False,
    )
    assert locked.message == f"mlflow.db: {LOCKED}" and locked.transient


@pytest.mark.parametrize("over_http", [True, False])
@pytest.mark.parametrize(
    "column", ["registered_models`.`description", "model_version_tags`.`value"]
)
def test_a_text_that_the_database_cannot_store(over_http: bool, column: str) -> None:
    text = f"(pymysql.err.DataError) (1366, \"Incorrect string value: 'x' for column `{column}`\")"
    failure = explain(MlflowException(text), ADDRESS, over_http=over_http)
    assert failure.code == CANNOT_STORE and "utf8mb4" in failure.fix and not failure.transient


@pytest.mark.parametrize("over_http", [True, False])
def test_codes(over_http: bool) -> None:
    gone = RestException({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no Connection"})
    assert explain(gone, ADDRESS, over_http=over_http).code == NOT_FOUND
    lists = MlflowException("run_id only supports comparison with a list of strings")
    assert explain(lists, ADDRESS, over_http=over_http).code == NO_NAME_LISTS
    assert explain(MlflowException("odd"), ADDRESS, over_http=over_http).code == "mlflow"


def test_the_permission_that_the_call_needed() -> None:
    error = MlflowException("request failed with error code 403")
    for call, needed in (("delete_registered_model_alias", "MANAGE"), ("set_tag", "EDIT")):
        assert needed in explain(error, ADDRESS, over_http=True, call=call).message


def test_the_reason_is_the_innermost_text() -> None:
    nested = "Max retries exceeded (Caused by ProtocolError: Remote end closed the pipe)"
    error = caused(nested, requests.exceptions.ConnectionError())
    assert "broke: Remote end closed the pipe." in explain(error, ADDRESS, over_http=True).message


def test_credentials_in_a_text_of_mlflows_are_hidden() -> None:
    server = Server("http://user:pa55word@mlflow.example:5000")
    failure = server.explain(MlflowException("odd: http://user:pa55word@mlflow.example:5000/x"))
    assert "pa55word" not in str(failure)


@pytest.mark.parametrize("over_http", [True, False])
@pytest.mark.parametrize(
    ("package", "fix"),
    [
        ("botocore", install_command("s3")),
        ("boto3.session", install_command("s3")),
        ("azure.storage.blob", "Install it beside mlflow-gitops (azure)."),
    ],
)
def test_a_package_that_is_not_here(over_http: bool, package: str, fix: str) -> None:
    error = ModuleNotFoundError(f"No module named '{package}'", name=package)
    for raised in (error, caused("The files cannot be downloaded", error)):
        failure = explain(raised, "s3://models/1", over_http=over_http)
        assert fix in failure.fix and failure.message.startswith("s3://models/1 needs the Python")


def test_a_package_that_the_server_lacks_is_none_of_ours() -> None:
    error = MlflowException("failed with error code 500: No module named 'boto3'")
    assert "[s3]" not in str(explain(error, ADDRESS, over_http=True))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_dead_proxy_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "http://me:pa55word@proxy.example:3128")
    cause = requests.exceptions.ProxyError("Unable to connect to proxy: Connection refused")
    failure = explain(caused("API request failed", cause), ADDRESS, over_http=True)
    assert "HTTP proxy http://proxy.example:3128" in failure.message and ADDRESS in failure.message
    assert "pa55word" not in failure.message and "NO_PROXY" in str(failure.fix)
