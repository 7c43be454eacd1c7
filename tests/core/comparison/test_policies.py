"""Which rules a policy loosens or tightens, for which stages and models."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_gitops.core.comparison.policies import RuleChange, compare_policies
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.policy_file import read_policy

MODELS: dict[str, Kind] = {"churn": "model", "fraud-a": "model", "fraud-b": "model"}


def policy(text: str) -> Policy:
    read, problems = read_policy(text.encode(), "policy.yaml")
    assert read is not None, problems
    return read


def changes(before: str, after: str) -> list[RuleChange]:
    return list(compare_policies(policy(before), policy(after), MODELS))


HEALTH = "health: {checks: {drift: {metric: drift, max: 1, newer_than: 2h}}, %s}"
CHECKED = "require: {checked: {by: me, %s}}"


def in_production(settings: str) -> str:
    return f"stages: {{Canary: {{alias: canary, native: false}}, Production: {{{settings}}}}}\n"


@pytest.mark.parametrize(
    ("rule", "before", "after", "direction"),
    [
        ("approvals", "approvals: 2", "approvals: 1", "loosened"),
        ("approvals", "approvals: 1", "approvals: {count: 2}", "changed"),
        ("approvals", "approvals: {count: 1}", "approvals: {count: 2}", "tightened"),
        ("approvals", "", "approvals: 1", "tightened"),
        ("soak", "from: [Staging], soak: 2d", "from: [Staging], soak: 24h", "loosened"),
        ("from", "from: [Staging]", "from: [Staging, Canary]", "loosened"),
        ("max_size", "require: {max_size: 1GB}", "require: {max_size: 900MB}", "tightened"),
        ("safe_files", "require: {safe_files: true}", "require: {safe_files: false}", "loosened"),
        ("checked", CHECKED % "load: 30s", CHECKED % "load: 1m", "loosened"),
        ("checked", CHECKED % "latency_p95: 1s", CHECKED % "latency_p95: 900ms", "tightened"),
        ("checked", CHECKED % "memory: 1GB", CHECKED % "memory: 2GB", "loosened"),
        ("checked", CHECKED % "within: 1w", CHECKED % "within: 6d", "tightened"),
        ("checked", CHECKED % "load: 60s", CHECKED % "load: 1m", "changed"),
        ("checked", CHECKED % "load: 1s", CHECKED % "within: 1d", "changed"),
        ("health", HEALTH % "window: 2d", HEALTH % "window: 24h", "loosened"),
        ("health", HEALTH % "window: 2d", (HEALTH % "window: 2d").replace("2h", "1h"), "tightened"),
        ("health", HEALTH % "window: 2d", (HEALTH % "window: 2d").replace("1,", "2,"), "loosened"),
        ("health", HEALTH % "window: 2d", "", "loosened"),
        ("tags", "require: {tags: {a: b, c: d}}", "require: {tags: {a: b}}", "loosened"),
        ("tags", "require: {tags: {a: b}}", "require: {tags: {a: c}}", "changed"),
        (
            "metrics",
            "require: {metrics: {auc: {min: 0.9}}}",
            "require: {metrics: {auc: {min: 0.8}}}",
            "loosened",
        ),
        (
            "metrics",
            "require: {metrics: {loss: {max: 2}}}",
            "require: {metrics: {loss: {max: 1}}}",
            "tightened",
        ),
        ("pinned", "require: {pinned: true}", "", "loosened"),
        ("protected", "protected: true", "protected: false", "loosened"),
        ("alias", "alias: production", "alias: live", "changed"),
        ("alias", "alias: production", "", "loosened"),
    ],
)
def test_a_stages_rule(rule: str, before: str, after: str, direction: str) -> None:
    found = {change.rule: change for change in changes(in_production(before), in_production(after))}
    assert found[rule].direction == direction
    assert (found[rule].stage, found[rule].models, found[rule].count) == ("Production", ("*",), 3)


@pytest.mark.parametrize(
    ("rule", "before", "after", "direction"),
    [
        ("aliases.only", "aliases: {only: [Production]}", "", "loosened"),
        ("aliases.only", "aliases: {only: [Production]}", "aliases: {only: []}", "tightened"),
        ("aliases.champion.as", "aliases: {champion: {as: Production}}", "", "loosened"),
        ("freeze", "freeze: {reason: audit, until: '2099-01-01'}", "", "loosened"),
        ("limits", "limits: {changed_models: {percent: 10}}", "limits: {}", "loosened"),
        (
            "limits",
            "limits: {changed_models: {percent: 10}}",
            "limits: {changed_models: {percent: 90}}",
            "loosened",
        ),
        ("overrides", "overrides: [tags]", "overrides: [tags, soak]", "loosened"),
        ("overrides", "overrides: [tags]", "", "tightened"),
        ("drift", "drift: heal", "drift: report", "loosened"),
        ("metrics_from", "", "metrics_from: run", "loosened"),
    ],
)
def test_a_rule_of_no_stage(rule: str, before: str, after: str, direction: str) -> None:
    [change] = changes(before + "\nstages: {}", after + "\nstages: {}")
    assert (change.rule, change.direction, change.stage) == (rule, direction, None)


def test_a_stage_that_is_removed() -> None:
    live = "stages: {Live: {alias: live, native: false, approvals: 1}}"
    found = [(change.rule, change.direction) for change in changes(live, "stages: {}")]
    assert ("stage", "loosened") in found and ("approvals", "loosened") in found
    assert ("stage", "tightened") in [
        (change.rule, change.direction) for change in changes("stages: {}", live)
    ]


def test_an_exception_counts_its_models() -> None:
    gates = in_production("approvals: 1")
    lax = gates + "models: [{match: 'fraud-*', stages: {Production: {approvals: null}}}]"
    [change] = changes(gates, lax)
    assert (change.models, change.count, change.direction) == (("fraud-*",), 2, "loosened")


def test_an_exception_without_models_is_shown() -> None:
    lax = "models: [{match: 'vision-*', drift: report}]"
    [change] = changes("{}", lax)
    assert (change.models, change.count, change.rule) == (("vision-*",), 0, "drift")


def test_one_change_for_models_of_several_exceptions_is_one_row() -> None:
    more: Any = "models: [{match: 'fraud-*', drift: report}]"
    [change] = changes(in_production("approvals: 1") + more, in_production("approvals: 2") + more)
    assert (change.models, change.count) == (("*", "fraud-*"), 3)
