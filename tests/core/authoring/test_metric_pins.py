"""The values of the gates' metrics in a pin."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.authoring.edit_pins import set_pins
from mlflow_gitops.core.authoring.metric_pins import has_metric_gates, metric_pins
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.observed.model import ObservedVersion
from tests.support.core.subjects import HOLDOUT, OTHER, measured


@pytest.mark.parametrize("value", [0.931, 1.0, 1e-05, 1.5e-07, 12345678.9, 1e17, -0.1])
@pytest.mark.parametrize("versions", ["", "versions: {2: {run_id: abc}}\n"])
def test_a_pinned_value_is_read_back_as_it_is(value: float, versions: str) -> None:
    text = f"name: m\nstages: {{Production: 2}}\n{versions}"
    edited = set_pins(text, 2, {"metrics": {"accuracy": value}})
    manifest, document = read_manifest(edited.encode(), "registry/models/m.yaml")
    assert manifest is not None, document.problems
    assert manifest.versions[2].metrics == {"accuracy": value}
    again = set_pins(edited, 2, {"metrics": {"accuracy": 0.5, "loss": 2.0}})
    manifest, document = read_manifest(again.encode(), "registry/models/m.yaml")
    assert manifest is not None, document.problems
    assert manifest.versions[2].metrics == {"accuracy": 0.5, "loss": 2.0}


def test_the_metrics_of_all_gates_are_pinned_if_they_have_one_value() -> None:
    policy, problems = read_policy(
        b"stages: {Production: {require: {metrics: {a: {min: 0}, b: {min: 0}, c: {min: 0, dataset:"
        b" d2}}, no_worse_than: {stage: Production, metrics: {d: {}}}}}}",
        "registry/policy.yaml",
    )
    assert policy is not None, problems
    rules = policy.for_model("m")
    two = [(0.1, HOLDOUT), (0.2, OTHER)]
    record = measured(a=0.9, b=two, c=two, d=3.0, unasked=1.0)
    assert metric_pins(rules, ObservedVersion(2), record) == {"a": 0.9, "c": 0.2, "d": 3.0}
    assert has_metric_gates(rules)
    assert metric_pins(rules, ObservedVersion(2), None) == {}
