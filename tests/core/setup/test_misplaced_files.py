"""Files of this program that have the wrong name or are in the wrong folder."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.setup.misplaced_files import RegistryLayout, misplaced_files

ONE = RegistryLayout("ml/registry", [RegistryFolder("ml/registry")])
SEVERAL = RegistryLayout(
    "registry",
    [RegistryFolder("registry/dev"), RegistryFolder("registry/prod", "registry/shared.yaml")],
)


def reported(layout: RegistryLayout, *paths: str) -> dict[str, str]:
    problems = list(misplaced_files(paths, layout, lambda path: path in paths))
    assert all(
        (problem.code == "file-extension") == (problem.severity == "error") for problem in problems
    )
    return {problem.file: problem.message.removeprefix("is not read: ") for problem in problems}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("ml/registry/policy.yml", "policy.yaml"),
        ("ml/registry/Policy.yaml", "policy.yaml"),
        ("ml/registry/notify.yml", "notify.yaml"),
        ("ml/registry/NOTIFY.YAML", "notify.yaml"),
        ("ml/registry/Environments.yml", "environments.yaml"),
        ("ml/registry/Allowed_Signers", "allowed_signers"),
        ("ml/registry/allowed-signers", "allowed_signers"),
        (".MLflow-GitOps.toml", ".mlflow-gitops.toml"),
        ("mlflow-gitops.toml", ".mlflow-gitops.toml"),
    ],
)
def test_a_wrong_name_in_the_right_folder_is_an_error(path: str, name: str) -> None:
    assert reported(ONE, path) == {path: f"its name must be {name}"}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("ml/registry/old/notify.yaml", "ml/registry/notify.yaml"),
        ("ml/registry/models/allowed_signers", "ml/registry/allowed_signers"),
        ("ml/registry/x/Environments.yml", "ml/registry/environments.yaml"),
        ("ml/policy.yaml", "ml/registry/policy.yaml"),
        ("notify.yml", "ml/registry/notify.yaml"),
        ("ml/registry/.mlflow-gitops.toml", ".mlflow-gitops.toml"),
        ("ml/.mlflow-gitops.toml", ".mlflow-gitops.toml"),
    ],
)
def test_a_file_in_another_folder_is_a_warning(path: str, place: str) -> None:
    name = place.rpartition("/")[2]
    assert reported(ONE, path) == {path: f"{name} belongs at {place}"}


def test_what_belongs_to_others_is_left_alone() -> None:
    right = [
        *(f"ml/registry/{name}" for name in ("policy.yaml", "notify.yaml", "environments.yaml")),
        "ml/registry/allowed_signers", ".mlflow-gitops.toml",
    ]  # fmt: skip
    # Models may have these names, and other programs files of these names.
    others = [
        *("ml/registry/models/notify.yaml", "ml/registry/models/a/policy.yaml", "policy.yaml"),
        *("allowed_signers", "environments.yml", "ml/registry/README.md", "pyproject.toml"),
    ]
    assert reported(ONE, *right, *others) == {}


def test_with_several_environments() -> None:
    right = ["registry/environments.yaml", "registry/dev/policy.yaml", "registry/shared.yaml"]
    assert reported(
        SEVERAL,
        *right,
        "registry/dev/models/churn.yaml",
        "registry/prod/notify.yaml",
        "registry/dev/allowed_signers",
        "registry/prod/environments.yaml",
        "registry/policy.yaml",
        "registry/models/fraud.yaml",
        "registry/notify.yml",
        "registry/Shared.yml",
    ) == {
        "registry/prod/notify.yaml": "notify.yaml belongs at registry/notify.yaml",
        "registry/dev/allowed_signers": "allowed_signers belongs at registry/allowed_signers",
        "registry/prod/environments.yaml": (
            "environments.yaml belongs at registry/environments.yaml"
        ),
        "registry/policy.yaml": (
            "policy.yaml belongs at registry/dev/policy.yaml or registry/shared.yaml"
        ),
        "registry/Shared.yml": "its name must be shared.yaml",
        "registry/models/fraud.yaml": "it is in the folder of no environment",
        "registry/notify.yml": "its name must be notify.yaml",
    }
