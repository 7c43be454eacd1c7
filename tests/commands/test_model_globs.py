"""Globs where commands take names of models."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mlflow_gitops.cli import main
from mlflow_gitops.commands.model_globs import named_models
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.errors import Failure

FOLDER = RegistryFolder("registry")
PATHS = [
    "registry/policy.yaml",
    "registry/models/fraud-eu.yaml",
    "registry/models/risk/fraud-us.yaml",
    "registry/models/Credit%5BEU%5D.yaml",
    "elsewhere/models/fraud-old.yaml",
]


@pytest.mark.parametrize(
    ("names", "models"),
    [
        ([], []),
        (["nobody"], ["nobody"]),
        (["fraud-*"], ["fraud-eu", "fraud-us"]),
        (["fraud-?s", "fraud-*"], ["fraud-us", "fraud-eu"]),
        (["other", "*[EU]"], ["other", "Credit[EU]"]),
        (["*"], ["Credit[EU]", "fraud-eu", "fraud-us"]),
    ],
)
def test_a_glob_names_the_models_that_it_matches(names: Sequence[str], models: list[str]) -> None:
    assert list(named_models(names, PATHS, FOLDER)) == models


@pytest.mark.parametrize("glob", ["churn-*", "policy*", "fraud-old?"])
def test_a_glob_that_matches_nothing_is_a_failure(glob: str) -> None:
    with pytest.raises(Failure, match="registry/models/ matches"):
        named_models(["fraud-*", glob], PATHS, FOLDER)


@pytest.mark.parametrize(
    ("option", "message"),
    [("--adopt", "--adopt and"), ("--take-over", "--adopt and"), ("--watch", "--watch")],
)
def test_what_a_glob_is_too_wide_for(
    option: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reconcile", "--yes", "fraud-*", option]) == 64
    assert capsys.readouterr().err.startswith(f"error: {message}")
