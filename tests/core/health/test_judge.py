"""Healthy, unhealthy, waiting, unknown: from the values to a verdict (RULES R13)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mlflow_gitops.core.health.judge import judge_health
from mlflow_gitops.core.health.looks import WatchedVersion
from mlflow_gitops.core.health.rule import read_health_rule
from mlflow_gitops.core.health.verdict import HealthVerdict
from tests.support.prometheus.live_values import GivenValues, at

ENTERED, NOW = "2026-03-09T00:00:00Z", "2026-03-10T12:02:00Z"
ERRORS = {"prometheus": 'errors{version="$version"}', "max": 0.02}
QUERY = 'errors{version="14"}'
DRIFT = {"metric": "drift", "max": 0.3, "newer_than": "2h"}


def judge(
    live: GivenValues, now: str = NOW, entered: str = ENTERED, **fields: Any
) -> HealthVerdict:
    fields = {"window": "24h", "checks": {"errors": ERRORS}, **fields}
    watched = WatchedVersion("fraud", "Staging", 14, at(entered), at(now))
    return judge_health(read_health_rule(fields), watched, live)


def one_check(live: GivenValues, check: dict[str, Any], now: str = NOW) -> tuple[str, str]:
    [check_verdict] = judge(live, now, checks={"it": check}).checks
    return check_verdict.state, check_verdict.reason


def test_a_value_within_its_bound_after_the_window_is_healthy() -> None:
    verdict = judge(GivenValues({QUERY: 0.013}))
    assert (verdict.state, verdict.reason) == ("healthy", "1 check within bounds")
    assert (verdict.entered, verdict.window_end, verdict.at) == (
        ENTERED, "2026-03-10T00:00:00Z", NOW,
    )  # fmt: skip
    [check] = verdict.checks
    assert (check.query, check.limit, check.value) == (QUERY, "≤ 0.02", 0.013)
    assert check.at == "2026-03-10T12:00:00Z", "looks are at multiples of 5 minutes"


def test_before_the_window_is_over_it_waits_unless_it_fails() -> None:
    early = "2026-03-09T23:59:59Z"
    verdict = judge(GivenValues({QUERY: 0.013}), early)
    assert (verdict.state, verdict.reason) == (
        "waiting", "its window of 24h is over at 2026-03-10T00:00:00Z",
    )  # fmt: skip
    assert judge(GivenValues({QUERY: 0.5}), early).state == "unhealthy"
    assert judge(GivenValues({QUERY: 0.013}), "2026-03-10T00:00:00Z").state == "healthy"


@pytest.mark.parametrize("fault", ["there is no data", "the query gives 2 series, not one", "down"])
def test_what_has_no_value_is_unknown(fault: str) -> None:
    verdict = judge(GivenValues({QUERY: fault}))
    assert (verdict.state, verdict.reason) == ("unknown", f"errors: {fault}")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.7976931348623157e308])
def test_what_is_no_number_is_unknown(value: float) -> None:
    state, reason = one_check(GivenValues({QUERY: value}), ERRORS)
    assert (state, "no measured number" in reason) == ("unknown", True)
    state, _ = one_check(GivenValues(metrics={"drift": [("2026-03-10T12:00:00Z", value)]}), DRIFT)
    assert state == "unknown"


@pytest.mark.parametrize(
    ("values", "state", "failures"),
    [
        ((0.5, 0.5, 0.5), "unhealthy", 3),
        ((0.01, 0.5, 0.5), "waiting", 2),
        ((0.5, 0.5, 0.01), "healthy", 0),
        ((0.5, 0.01, 0.5), "waiting", 1),
        ((0.5, None, 0.5), "waiting", 1),
        ((0.5, math.nan, 0.5), "waiting", 1),
        ((None, 0.5, 0.5), "waiting", 2),
        ((0.5, 0.5, None), "unknown", 0),
        ((None, None, None), "unknown", 0),
    ],
)
def test_failures_are_looks_in_a_row(
    values: tuple[float | None, ...], state: str, failures: int
) -> None:
    times = ["2026-03-10T11:50:00Z", "2026-03-10T11:55:00Z", "2026-03-10T12:00:00Z"]
    numbers = {time: value for time, value in zip(times, values, strict=True) if value is not None}
    check = {**ERRORS, "failures": 3, "every": "5m"}
    verdict = judge(GivenValues({QUERY: numbers}), checks={"errors": check})
    assert (verdict.checks[0].state, verdict.checks[0].failures) == (state, failures)
    assert verdict.state == state


def test_looks_before_the_entry_do_not_count() -> None:
    check = {**ERRORS, "failures": 3, "every": "5m"}
    for entered, state in (
        ("2026-03-10T11:50:00Z", "unhealthy"),
        ("2026-03-10T11:51:00Z", "waiting"),
        ("2026-03-10T12:01:00Z", "waiting"),
    ):
        verdict = judge(GivenValues({QUERY: 0.5}), NOW, entered, checks={"errors": check})
        assert verdict.checks[0].state == state
    assert verdict.checks[0].reason == "its first look since the entry is at 2026-03-10T12:05:00Z"


@pytest.mark.parametrize(
    ("count", "state", "reason"),
    [
        (500.0, "unhealthy", "errors: 0.5 > 0.02"),
        (499.9, "waiting", "499 of 500 samples in 24 h"),
        (0.0, "waiting", "0 of 500 samples in 24 h"),
        ("there is no data", "unknown", "the number of samples is not known: there is no data"),
        (math.nan, "unknown", "the number of samples is not known: nan is no number of samples"),
        (-1.0, "unknown", "the number of samples is not known: -1 is no number of samples"),
    ],
)
def test_no_data_never_triggers(count: float | str, state: str, reason: str) -> None:
    """An unhealthy value of few samples is no verdict."""
    live = GivenValues({QUERY: 0.5, 'n{version="14"}[86400s]': count})
    samples = {"prometheus": 'n{version="$version"}[$window]'}
    verdict = judge(live, samples=samples, minimum_samples=500)
    assert (verdict.state, verdict.reason) == (state, reason)


def test_the_window_of_a_young_version_is_its_stay() -> None:
    live = GivenValues({QUERY: 0.01, 'n{version="14"}[7320s]': 9})
    samples = {"prometheus": 'n{version="$version"}[$window]'}
    verdict = judge(live, NOW, "2026-03-10T10:00:00Z", samples=samples, minimum_samples=9)
    assert (verdict.state, verdict.samples) == ("waiting", 9)


@pytest.mark.parametrize(
    ("values", "state", "words"),
    [
        ([("2026-03-10T11:00:00Z", 0.1)], "healthy", "0.1 ≤ 0.3"),
        ([("2026-03-10T11:00:00Z", 0.4)], "unhealthy", "0.4 > 0.3"),
        ([("2026-03-10T11:00:00Z", 0.4), ("2026-03-10T12:00:00Z", 0.1)], "healthy", "0.1 ≤ 0.3"),
        ([("2026-03-10T12:00:00Z", 0.4), ("2026-03-10T11:00:00Z", 0.1)], "unhealthy", "0.4 > 0.3"),
        ([], "unknown", "the metric drift is missing"),
        ([("2026-03-10T10:01:59Z", 0.1)], "unknown", "older than 2h"),
        ([("2026-03-10T12:18:00Z", 0.1)], "unknown", "has not come yet"),
        ([("2026-03-08T23:59:59Z", 0.1)], "unknown", "before the version entered"),
    ],
)
def test_a_metric_must_be_new(values: list[tuple[str, float]], state: str, words: str) -> None:
    found, reason = one_check(GivenValues(metrics={"drift": values}), DRIFT)
    assert (found, words in reason) == (state, True), reason


def test_a_metric_fails_by_its_last_values() -> None:
    times = ["2026-03-10T09:00:00Z", "2026-03-10T10:00:00Z", "2026-03-10T11:30:00Z"]
    check = {**DRIFT, "failures": 2}
    for values, state in (((0.1, 0.5, 0.5), "unhealthy"), ((0.5, 0.1, 0.5), "waiting")):
        metrics = {"drift": list(zip(times, values, strict=True))}
        assert one_check(GivenValues(metrics=metrics), check)[0] == state


@pytest.mark.parametrize(
    ("tag", "state", "words"),
    [
        ("0.95@2026-03-10T12:00:00Z", "healthy", "0.95 ≥ 0.9"),
        ("0.85 @ 2026-03-10T12:00:00Z", "unhealthy", "0.85 < 0.9"),
        (None, "unknown", "the tag acc is missing"),
        ("0.95", "unknown", "not a number and its time"),
        ("good@2026-03-10T12:00:00Z", "unknown", "not a number and its time"),
        ("0.95@2026-03-10", "unknown", "not a number and its time"),
        ("nan@2026-03-10T12:00:00Z", "unknown", "no measured number"),
        ("0.95@2026-03-10T09:00:00Z", "unknown", "older than 2h"),
    ],
)
def test_a_tag_says_its_time(tag: str | None, state: str, words: str) -> None:
    check = {"tag": "acc", "min": 0.9, "newer_than": "2h"}
    found, reason = one_check(GivenValues(tags={"acc": tag} if tag is not None else {}), check)
    assert (found, words in reason) == (state, True), reason


def test_the_worst_check_decides() -> None:
    live = GivenValues({QUERY: 0.01, 'b{version="14"}': 9.0})
    bad = {"prometheus": 'b{version="$version"}', "min": 1, "max": 5}
    missing = {"prometheus": 'c{version="$version"}', "max": 5}
    two = judge(live, checks={"errors": ERRORS, "c": missing})
    three = judge(live, checks={"errors": ERRORS, "c": missing, "b": bad})
    assert (two.state, three.state, three.reason) == ("unknown", "unhealthy", "b: 9 > 5")
    assert [check.name for check in three.failing] == ["b"]
    assert three.checks[2].limit == "≥ 1 and ≤ 5"
