"""What `doctor` prints about what a server's version lacks."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import Snapshot, SourceFile, build
from mlflow_gitops.core.observed.server_version import ServerVersion
from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.core.setup.doctor_mlflow import MlflowFacts, check_mlflow


def features(text: str | None, policy: str = "") -> list[CheckResult]:
    files = [
        SourceFile("registry/models/fraud.yaml", b"name: fraud\nstages: {Production: 1}\n"),
        SourceFile("registry/policy.yaml", policy.encode()),
    ]
    facts = MlflowFacts(
        "3.17.2",
        "http://mlflow",
        is_http=True,
        server=text,
        lacks=ServerVersion(text).lacks,
        snapshot=build(files, RegistryFolder("registry")),
    )
    return [result for result in check_mlflow(facts) if result.check == "features"]


@pytest.mark.parametrize(
    ("text", "count", "word"),
    [("1.30.1", 6, "no aliases"), ("2.9.2", 5, "no prompts"), ("3.17.2", 1, "logged models")],
)
def test_what_the_server_lacks(text: str, count: int, word: str) -> None:
    results = features(text)
    assert len(results) == count and word in results[0].detail
    assert {result.status for result in results} == {"ok"}


def test_aliases_that_the_policy_needs_are_missing() -> None:
    first = features("2.2.2", "stages: {Production: {alias: production}}\n")[0]
    assert first.status == "missing" and "aliases" in first.detail and first.fix


def test_a_server_without_a_version() -> None:
    [result] = features(None)
    assert result.status == "unknown" and result.fix


@pytest.mark.parametrize(
    ("on_model", "on_versions", "missing"),
    [
        ("EDIT", "READ", {"version-rights"}),
        ("MANAGE", "DENY", {"version-rights"}),
        ("MANAGE", "USE", {"version-rights"}),
        ("READ", "READ", {"rights", "version-rights"}),
        ("MANAGE", None, set()),
        ("EDIT", None, {"tag-rights"}),
        ("MANAGE", "EDIT", {"tag-rights"}),
        ("READ", "EDIT", {"rights", "tag-rights"}),
        ("EDIT", "MANAGE", set()),
    ],
)
def test_a_grant_on_versions_overrides_that_on_the_model(
    on_model: str, on_versions: str | None, missing: set[str]
) -> None:
    facts = MlflowFacts(
        "3.17.2",
        "http://mlflow",
        permissions={"fraud": on_model},
        version_permission=on_versions,
        snapshot=Snapshot(),
    )
    results = [result for result in check_mlflow(facts) if "rights" in result.check]
    assert {result.check for result in results if result.status == "missing"} == missing
    assert bool(missing) != any(result.status == "ok" for result in results)
