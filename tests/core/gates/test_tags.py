"""`tags`: those that MLflow has (RULES R3)."""

from __future__ import annotations

from mlflow_gitops.core.gates import tags
from mlflow_gitops.core.manifests.manifest import VersionSpec
from tests.support.core.subjects import said, subject


def test_tags_are_those_that_mlflow_has() -> None:
    wanted = {"validation": "passed", "bias": "none"}
    assert said(*tags.ask(subject(tags={"validation": "passed", "bias": "some"}), wanted)) == [
        ("passed", "tag validation is passed"),
        ("failed", "tag bias is 'some', not 'none'"),
    ]
    declared = VersionSpec(tags={"validation": "passed"})
    assert said(*tags.ask(subject(spec=declared), {"validation": "passed"})) == [
        (
            "failed",
            "tag validation is declared by the manifest itself; what checked the version has to set"
            " it in MLflow",
        )
    ]
