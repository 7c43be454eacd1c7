"""`healthy_in`: what is not known to be healthy does not climb (RULES R3, R13)."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_gitops.core.gates.lower_stage import healthy_in
from mlflow_gitops.core.gates.lower_stage.healthy_in import HealthyIn
from mlflow_gitops.core.health.rule import read_health_rule
from mlflow_gitops.core.manifests.policy_file import read_policy
from tests.support.core.subjects import NOW, said, subject
from tests.support.prometheus.live_values import GivenValues

QUERY, COUNT = 'errors{model="fraud",version="14"}', 'n{version="14"}[86400s]'
FIELDS: dict[str, Any] = {
    "minimum_samples": 500,
    "samples": {"prometheus": 'n{version="$version"}[$window]'},
    "checks": {
        "errors": {"prometheus": 'errors{model="$model",version="$version"}', "max": 0.02},
    },
}
ASKED = HealthyIn("Staging", read_health_rule(FIELDS))


def judge(
    live: GivenValues, since: str | None = "2026-03-09T06:00:00Z", asked: HealthyIn = ASKED
) -> list[tuple[str, str]]:
    held = {"Staging": since} if since else {}
    climbing = subject(stays={"Staging": None}, held_since=held, live=live)
    return said(*healthy_in.ask(climbing, asked))


def test_a_healthy_version_climbs() -> None:
    assert judge(GivenValues({QUERY: 0.013, COUNT: 1200})) == [
        ("passed", "in Staging since 2026-03-09T06:00:00Z, 1200 samples"),
        ("passed", "errors in Staging: 0.013 ≤ 0.02"),
    ]


@pytest.mark.parametrize(
    ("live", "statuses"),
    [
        ({QUERY: 0.5, COUNT: 1200}, ["passed", "failed"]),
        ({QUERY: 0.013, COUNT: 499}, ["waiting", "passed"]),
        ({QUERY: 0.5, COUNT: 499}, ["waiting", "waiting"]),
        ({QUERY: 0.013}, ["unknown", "passed"]),
        ({QUERY: float("nan"), COUNT: 1200}, ["passed", "unknown"]),
        ({COUNT: 1200}, ["passed", "unknown"]),
        ({}, ["unknown", "unknown"]),
    ],
)
def test_anything_else_does_not(live: dict[str, float], statuses: list[str]) -> None:
    assert [status for status, _ in judge(GivenValues(live))] == statuses


def test_a_window_that_is_not_over_waits_until_it_is() -> None:
    live = GivenValues({QUERY: 0.013, 'n{version="14"}[21600s]': 900})
    climbing = subject(
        stays={"Staging": None}, held_since={"Staging": "2026-03-10T06:00:00Z"}, live=live
    )
    waiting, check = healthy_in.ask(climbing, ASKED)
    assert NOW == "2026-03-10T12:00:00Z"
    assert (waiting.status, waiting.until) == ("waiting", "2026-03-11T06:00:01Z")
    assert check.status == "passed"


def test_a_version_that_is_not_there_fails() -> None:
    [(status, detail)] = judge(GivenValues({QUERY: 0.013, COUNT: 1200}), since=None)
    assert (status, "no receipt says that 14 is in Staging" in detail) == ("failed", True)


def test_each_number_is_a_fact() -> None:
    climbing = subject(
        stays={"Staging": None},
        held_since={"Staging": "2026-03-09T06:00:00Z"},
        live=GivenValues({QUERY: 0.013, COUNT: 1200}),
    )
    window, check = healthy_in.ask(climbing, ASKED)
    assert (window.facts["samples"], window.facts["samples_query"]) == (1200, COUNT)
    assert check.facts == {
        "stage": "Staging",
        "check": "errors",
        "source": "prometheus",
        "query": QUERY,
        "limit": "≤ 0.02",
        "measured": 0.013,
        "failures": 0,
        "at": "2026-03-10T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("stages", "code"),
    [
        ("Production: {require: {healthy_in: Staging}}", "missing-field"),
        ("Production: {require: {healthy_in: Canary}}", "stage-unknown"),
        ("Production: {require: {healthy_in: Archived}}", "bad-value"),
        ("Production: {require: {healthy_in: Production}}", "bad-value"),
        ("Staging: {health: {}}, Production: {require: {healthy_in: Staging}}", "missing-field"),
    ],
)
def test_the_stage_must_be_watched(stages: str, code: str) -> None:
    policy, problems = read_policy(f"stages: {{{stages}}}\n".encode(), "policy.yaml")
    assert (policy, {problem.code for problem in problems}) == (None, {code})


def test_settings_are_those_of_the_same_policy() -> None:
    text = """
stages:
  Staging: {health: {checks: {e: {metric: e, max: 1, newer_than: 1h}}}}
  Production: {require: {healthy_in: Staging}}
models:
  - {match: "fraud-*", stages: {Staging: {health: {window: 3d, checks: {e: {max: 0.5}}}}}}
"""
    policy, problems = read_policy(text.encode(), "policy.yaml")
    assert policy is not None, problems
    for model, window, limit in (("churn", "24h", 1), ("fraud-eu", "3d", 0.5)):
        gates = policy.for_model(model).stages["Production"].gates
        settings = gates.settings(healthy_in.GATE)
        assert settings is not None and settings.rule is not None
        assert (settings.stage, settings.rule.window) == ("Staging", window)
        assert settings.rule.checks["e"].max == limit
