"""Answers of servers that are too large or have no end: of storages, of MLflow, of the forge. Each
is refused with one sentence, within a limit of bytes (RULES R11)."""

from __future__ import annotations

import pytest

from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.mlflow import searches
from mlflow_gitops.edges.mlflow.artifacts import model_file
from mlflow_gitops.edges.mlflow.artifacts.reader import Artifacts
from mlflow_gitops.edges.mlflow.reading import Reader
from mlflow_gitops.edges.mlflow.server_errors import ANSWER_TOO_LARGE
from mlflow_gitops.errors import ForgeFailure, RegistryFailure
from mlflow_gitops.settings import DEFAULT_PATIENCE
from tests.support.endless import DRIP, MANNERS, endless

LOCATION = "mlflow-artifacts:/art"
LIST = "/mlflow-artifacts/artifacts"
FILES = {
    "files": [
        {"path": name, "is_dir": False, "file_size": 9} for name in ("MLmodel", "requirements.txt")
    ]
}
SLACK = 64 << 20
"""Bytes that a server may have sent into the buffers of the system before it notices."""


def test_the_time_for_one_version_is_within_what_rules_say() -> None:
    assert DEFAULT_PATIENCE.artifacts <= 10


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("name", ["MLmodel", "requirements.txt"])
def test_a_file_of_a_version(manner: str, name: str) -> None:
    with endless(manner, f"/{name}") as server:
        server.answers = {LIST: FILES, "/MLmodel": {"flavors": {}}}
        with pytest.raises(RegistryFailure) as caught:
            Artifacts(server.address, server.address).read(LOCATION)
        text = str(caught.value)
        assert "more than 4 MiB, which is not read" in text and "\n" not in text, text
        assert server.sent < model_file.MAX_BYTES + SLACK


@pytest.mark.parametrize("manner", MANNERS)
def test_the_list_of_a_versions_files(manner: str) -> None:
    too_large = pytest.raises(RegistryFailure, match="more than 16 MiB, which is not read")
    with endless(manner, LIST) as server, too_large:
        Artifacts(server.address, server.address).read(LOCATION)


@pytest.mark.parametrize("hostile", ["/MLmodel", "/requirements.txt", LIST])
def test_a_storage_that_drips(hostile: str) -> None:
    with endless(DRIP, hostile) as server:
        server.answers = {LIST: FILES, "/MLmodel": {"flavors": {}}}
        artifacts = Artifacts(server.address, server.address, seconds=0.5)
        with pytest.raises(RegistryFailure, match="did not arrive within"):
            artifacts.read(LOCATION)
        with pytest.raises(RegistryFailure, match="did not answer before"):
            artifacts.read(f"{LOCATION}/other")


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("hostile", ["/registered-models/search", "/model-versions/search"])
def test_the_lists_of_mlflow(manner: str, hostile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A page that is too large is asked for again, with an eighth of its entities: once is enough.
    for page in ("MODELS_A_PAGE", "VERSIONS_A_PAGE"):
        monkeypatch.setattr(searches, page, 8)
    with endless(manner, hostile) as server:
        server.answers = {
            "/registered-models/search": {"registered_models": [{"name": "churn"}]},
            "/model-versions/search": {},
        }
        reader = Reader(server.address, server.address)
        observed = reader.observe(["churn"], only=True)
        fault = observed["churn"].fault or ""
        assert "more than 32 MiB, which is not read" in fault and "\n" not in fault
        whole = reader.observe(["churn"])
        assert whole["churn"].fault == fault
        with pytest.raises(RegistryFailure) as caught:
            reader.prompts()
            list(reader._searches.versions(None))
        assert caught.value.code == ANSWER_TOO_LARGE


@pytest.mark.parametrize("manner", MANNERS)
def test_the_forge(manner: str) -> None:
    with endless(manner, "/repos/acme/registry") as server:
        connection = GitHubConnection("acme/registry", "token", server.address)
        with pytest.raises(ForgeFailure) as caught:
            _ = connection.default_branch
        text = str(caught.value)
        assert "it sends an answer of more than 16 MiB, which is not read" in text
