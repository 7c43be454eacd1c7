"""Tests of what only newer versions of MLflow do: `make test-lowest` runs on older ones."""

from __future__ import annotations

import importlib.metadata

import pytest
from packaging.version import Version


def needs_mlflow(version: str) -> pytest.MarkDecorator:
    """Skip a test if the installed MLflow is older than this."""
    installed = Version(importlib.metadata.version("mlflow-skinny"))
    return pytest.mark.skipif(installed < Version(version), reason=f"MLflow {version} and newer")
