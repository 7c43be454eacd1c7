"""What can be wrong with `health` of a stage (RULES R13)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.manifests.policy_file import read_policy

GOOD = "prometheus: 'up{version=\"$version\"}'"


@pytest.mark.parametrize(
    ("health", "code", "words"),
    [
        ("window: 1h", "missing-field", "has no checks"),
        (f"window: 0h, checks: {{a: {{{GOOD}, max: 1}}}}", "bad-value", "no length"),
        (f"minimum_samples: 5, checks: {{a: {{{GOOD}, max: 1}}}}", "missing-field", "samples"),
        (f"samples: {{}}, checks: {{a: {{{GOOD}, max: 1}}}}", "missing-field", "exactly one"),
        ("checks: {a: {max: 1}}", "missing-field", "exactly one of prometheus, metric and tag"),
        (f"checks: {{a: {{{GOOD}, metric: m, max: 1}}}}", "missing-field", "exactly one"),
        (f"checks: {{a: {{{GOOD}}}}}", "missing-field", "neither min nor max"),
        (f"checks: {{a: {{{GOOD}, min: 2, max: 1}}}}", "bad-value", "over 2 and under 1"),
        ("checks: {a: {prometheus: 'up{version=$version}', max: 1}}", "bad-value", "not in quotes"),
        ("checks: {a: {prometheus: 'up', max: 1}}", "bad-value", "which version"),
        (f"checks: {{a: {{{GOOD}, max: 1, newer_than: 1h}}}}", "bad-value", "no newer_than"),
        (f"checks: {{a: {{{GOOD}, max: 1, every: 0m}}}}", "bad-value", "no length"),
        (f"checks: {{a: {{{GOOD}, max: 1, every: 9d, failures: 9}}}}", "bad-value", "31 days"),
        ("checks: {a: {metric: m, max: 1}}", "missing-field", "newer_than: 2h"),
        ("checks: {a: {tag: t, max: 1, newer_than: 0s}}", "missing-field", "newer_than: 2h"),
        ("checks: {a: {metric: m, max: 1, newer_than: 1h, every: 5m}}", "bad-value", "every"),
        ("checks: {a: {tag: t, max: 1, newer_than: 1h, failures: 2}}", "bad-value", "one value"),
    ],
)
def test_faults(health: str, code: str, words: str) -> None:
    text = f"stages: {{Staging: {{health: {{{health}}}}}}}\n"
    policy, problems = read_policy(text.encode(), "policy.yaml")
    assert policy is None
    assert [(problem.code, words in problem.message) for problem in problems] == [(code, True)]


def test_an_exception_adds_and_removes_checks() -> None:
    text = f"""
stages:
  Staging: {{health: {{checks: {{a: {{{GOOD}, max: 1}}, b: {{{GOOD}, max: 2}}}}}}}}
models:
  - {{match: "quiet-*", stages: {{Staging: {{health: null}}}}}}
  - {{match: "new-*", stages: {{Staging: {{health: {{checks: {{a: null, b: {{max: 9}}}}}}}}}}}}
"""
    policy, problems = read_policy(text.encode(), "policy.yaml")
    assert policy is not None, problems
    rules = {name: policy.for_model(name).stages["Staging"].health for name in ("m", "quiet-1")}
    assert rules["m"] is not None and list(rules["m"].checks) == ["a", "b"]
    assert rules["quiet-1"] is None
    new = policy.for_model("new-1").stages["Staging"].health
    assert new is not None and {name: check.max for name, check in new.checks.items()} == {"b": 9}
