"""A field in the wrong place: the message says where it belongs."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.policy_file import read_policy

PRODUCTION = "stages: {{Production: {{{}}}}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            PRODUCTION.format("overrides: [soak]"),
            "'overrides' is not a field of stages.Production; it belongs at the top of the file",
        ),
        (
            PRODUCTION.format("require: {no_worse_than: {same_data: false}}"),
            "'same_data' is not a field of stages.Production.require.no_worse_than; it belongs"
            " under stages.STAGE.require.no_worse_than.metrics.METRIC",
        ),
        (
            PRODUCTION.format("metrics: {accuracy: {min: 0.9}}"),
            "'metrics' is not a field of stages.Production; it belongs under"
            " stages.STAGE.require, under stages.STAGE.require.no_worse_than or under"
            " stages.STAGE.require.checked",
        ),
        ("soak: 24h", "'soak' is not a field of the file; it belongs under stages.STAGE"),
        (
            "tracking_uri: https://mlflow.example",
            "'tracking_uri' is not a field of the file; it is a field of environments.yaml, under"
            " NAME",
        ),
        ("driift: heal", "'driift' is not a field of the file; did you mean 'drift'?"),
    ],
)
def test_the_place_of_a_field_of_the_policy(text: str, message: str) -> None:
    _, problems = read_policy(text.encode(), "registry/policy.yaml")
    assert [(problem.code, problem.message) for problem in problems] == [("unknown-field", message)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("run_id: abc", "it belongs under versions.VERSION or under versions.VERSION.origin"),
        ("soak: 24h", "it is a field of policy.yaml, under stages.STAGE"),
        ("ownrs: []", "did you mean 'owners'?"),
    ],
)
def test_the_place_of_a_field_of_a_manifest(line: str, message: str) -> None:
    text = f"name: churn\nstages: {{}}\n{line}\n"
    _, document = read_manifest(text.encode(), "registry/models/churn.yaml")
    [problem] = document.problems
    assert problem.message.endswith(f"is not a field of the file; {message}")
