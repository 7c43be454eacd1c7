"""What the process that reads another environment is given, and what it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_gitops.core.manifests.environments import Environment
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.edges.mlflow.artifacts.file_reader import digest_of
from mlflow_gitops.edges.mlflow.other_environments.origins import (
    OtherEnvironments,
    _process_variables,
    credentials,
)

PLACE = Environment("eu-west", RegistryFolder("registry/eu-west"), "https://mlflow.eu.example")


def test_no_credential_goes_where_it_does_not_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "MLFLOW_TRACKING_TOKEN",
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_WORKSPACE",
        "GITHUB_TOKEN",
        "PGPASSWORD",
    ):
        monkeypatch.setenv(name, "ours")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME_EU_WEST", "reader")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME_US", "another")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    monkeypatch.setenv("LD_PRELOAD_EU_WEST", "no.so")
    given = _process_variables(PLACE)
    assert "ours" not in given.values() and "LD_PRELOAD" not in given
    assert (given["MLFLOW_TRACKING_USERNAME"], given["MLFLOW_HTTP_REQUEST_TIMEOUT"]) == (
        "reader",
        "7",
    )
    assert "MLFLOW_TRACKING_USERNAME_US" not in given
    assert credentials(PLACE) == {"MLFLOW_TRACKING_USERNAME": "reader"}


def test_an_environment_that_is_not_listed_cannot_be_looked_at() -> None:
    pin = OriginPin("test", 1, "sha256:" + "0" * 64, model="m")
    with pytest.raises(Unreadable, match="lists no other environment 'test'; it has eu-west"):
        OtherEnvironments({"eu-west": PLACE}).read(pin)


def test_the_digest_is_of_paths_and_contents(tmp_path: Path) -> None:
    def made(folder: str, **files: str) -> str:
        for name, text in files.items():
            file = tmp_path / folder / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return digest_of(tmp_path / folder)

    same = made("a", MLmodel="x", code__m="z")
    assert same == made("b", code__m="z", MLmodel="x", registered_model_meta="model_version: 3")
    assert (
        len(
            {
                same,
                made("c", MLmodel="x", code__n="z"),
                made("d", MLmodel="x", code__m="q"),
                made("e", MLmodel="x"),
            }
        )
        == 4
    )
