"""`pinned`: the manifest pins what a version is (RULES R3)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.gates import pinned
from mlflow_gitops.core.manifests.manifest import VersionSpec
from tests.support.core.subjects import subject


@pytest.mark.parametrize(
    ("spec", "verdict"),
    [
        (VersionSpec(run_id="r"), "passed"),
        (VersionSpec(source="s"), "passed"),
        (VersionSpec(model_id="m"), "passed"),
        (VersionSpec(description="told, not pinned"), "failed"),
        (VersionSpec(dataset_digest="abc"), "failed"),
        (None, "failed"),
    ],
)
def test_pinned(spec: VersionSpec | None, verdict: str) -> None:
    found = pinned.ask(subject(spec=spec), True)
    assert found.status == verdict
    assert found.detail == (
        "pinned" if verdict == "passed" else "14 is not pinned: mlflow-gitops pin fraud 14"
    )
