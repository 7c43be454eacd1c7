"""constraints-lowest.txt has the lowest version of each dependency that pyproject.toml accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from mlflow_gitops.core.setup.doctor_mlflow import SUPPORTED_MLFLOW

ROOT = Path(__file__).parent.parent
USED = ("sql", "s3", "demo")
"""The extras that users install."""


def project() -> Any:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 and newer")
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lowest(requirements: list[str]) -> dict[str, str]:
    bounds = {}
    for text in requirements:
        requirement = Requirement(text)
        for bound in requirement.specifier:
            if bound.operator == ">=":
                bounds[requirement.name] = bound.version
    return bounds


def test_the_lowest_versions_are_those_that_are_claimed() -> None:
    about = project()
    extras = [text for extra in USED for text in about["optional-dependencies"][extra]]
    bounds = lowest([*about["dependencies"], *extras])
    # mlflow brings the small client of its own version.
    assert Version(bounds.pop("mlflow-skinny")) <= Version(bounds["mlflow"])
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert {name: Version(version) for name, version in pins.items()} == {
        name: Version(version) for name, version in bounds.items()
    }


def test_doctor_and_the_first_page_name_the_same_client() -> None:
    bounds = lowest(project()["dependencies"])
    oldest = ".".join(map(str, SUPPORTED_MLFLOW[0]))
    assert bounds["mlflow-skinny"] == oldest
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"MLflow {oldest} or newer" in page
