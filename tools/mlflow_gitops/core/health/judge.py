"""The verdict on a version's health, from the policy's rule and live values (RULES R13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mlflow_gitops.core.health.looks import (
    Looks,
    WatchedVersion,
    filled,
    is_number,
    monitor_looks,
    newest_values,
    prometheus_looks,
    tag_value,
)
from mlflow_gitops.core.health.rule import CheckRule, HealthRule
from mlflow_gitops.core.health.values import LiveValues, NoValue, TimedValue
from mlflow_gitops.core.health.verdict import HealthCheck, HealthState, HealthVerdict
from mlflow_gitops.core.recorded.numbers import distinct, short
from mlflow_gitops.core.times import format_datetime, format_duration
from mlflow_gitops.core.wording import counted


@dataclass(frozen=True, slots=True)
class _Samples:
    """The number of samples, or why it is not known, and the query or key that counts them."""

    count: int | None = None
    fault: str | None = None
    query: str | None = None


def judge_health(rule: HealthRule, watched: WatchedVersion, live: LiveValues) -> HealthVerdict:
    """How a version does at one moment. Asks for each value once."""
    samples = _samples(rule, watched, live)
    checks = tuple(
        judge_check(name, check, watched, live, rule) for name, check in rule.checks.items()
    )
    window_end = watched.entered + rule.window_length
    state, reason = _state(rule, watched, samples, checks, window_end)
    return HealthVerdict(
        watched.model,
        watched.stage,
        watched.number,
        state,
        reason,
        format_datetime(watched.entered),
        format_datetime(window_end),
        format_datetime(watched.at),
        checks,
        samples.count,
        rule.minimum_samples,
        samples.query,
        samples.fault,
        rule.on_failure,
        live.environment,
    )


def _state(
    rule: HealthRule,
    watched: WatchedVersion,
    samples: _Samples,
    checks: Sequence[HealthCheck],
    window_end: datetime,
) -> tuple[HealthState, str]:
    """The first that applies (RULES R13). Without enough samples, no check counts."""
    if rule.minimum_samples and samples.fault is not None:
        return "unknown", f"the number of samples is not known: {samples.fault}"
    if rule.minimum_samples > (samples.count or 0):
        span = format_duration(min(rule.window_length, watched.at - watched.entered))
        return "waiting", f"{samples.count or 0} of {rule.minimum_samples} samples in {span}"

    if reasons := _reasons(checks, "unhealthy"):
        return "unhealthy", reasons
    if reasons := _reasons(checks, "unknown"):
        return "unknown", reasons
    if watched.at < window_end:
        return "waiting", f"its window of {rule.window} is over at {format_datetime(window_end)}"
    if reasons := _reasons(checks, "waiting"):
        return "waiting", reasons

    counts = f", {counted(samples.count, 'sample')}" if samples.count is not None else ""
    return "healthy", f"{counted(len(checks), 'check')} within bounds{counts}"


def _reasons(checks: Sequence[HealthCheck], state: HealthState) -> str:
    return "; ".join(f"{check.name}: {check.reason}" for check in checks if check.state == state)


def _samples(rule: HealthRule, watched: WatchedVersion, live: LiveValues) -> _Samples:
    source = rule.samples
    if source is None:
        return _Samples()
    query = source.text
    try:
        if source.kind == "prometheus":
            query = filled(source, watched, live, rule.window_length)
            value = live.query(query, watched.at)
        elif source.kind == "metric":
            value = newest_values(live.metric_values(query), source, watched)[-1].value
        else:
            values = [tag_value(query, live.tag(query))]
            value = newest_values(values, source, watched)[-1].value
        if not is_number(value) or value < 0:
            raise NoValue(f"{value:.6g} is no number of samples")
    except NoValue as fault:
        return _Samples(None, str(fault), query)
    return _Samples(int(value + 1e-9), None, query)


def judge_check(
    name: str, check: CheckRule, watched: WatchedVersion, live: LiveValues, rule: HealthRule
) -> HealthCheck:
    """One check: healthy if its newest value is within the bound, unhealthy if the last `failures`
    values are all beyond it."""
    query, kind = check.source.text, check.source.kind or "prometheus"
    try:
        if kind == "prometheus":
            query = filled(check.source, watched, live, rule.window_length)
            looks = prometheus_looks(check, watched, live, query)
        else:
            looks = monitor_looks(check, watched, live)
    except NoValue as fault:
        return HealthCheck(
            name, kind, query, _limit(check), "unknown", str(fault), None, 0, check.failures
        )
    return _judge_looks(name, check, looks)


def _judge_looks(name: str, check: CheckRule, looks: Looks) -> HealthCheck:
    kind = check.source.kind or "prometheus"
    if not looks.values:
        shown = format_datetime(looks.next_at) if looks.next_at else ""
        return HealthCheck(
            name,
            kind,
            looks.query,
            _limit(check),
            "waiting",
            f"its first look since the entry is at {shown}",
            failures_limit=check.failures,
        )

    row = _row_beyond(check, looks.values)
    newest = looks.values[-1]
    state: HealthState = "healthy"
    if row:
        state = "unhealthy" if len(row) >= check.failures else "waiting"
    return HealthCheck(
        name,
        kind,
        looks.query,
        _limit(check),
        state,
        _reason(check, newest.value, len(row)),
        newest.value,
        len(row),
        check.failures,
        format_datetime(newest.at),
        format_datetime(row[0].at) if row else None,
    )


def _row_beyond(check: CheckRule, values: Sequence[TimedValue]) -> list[TimedValue]:
    """The looks in a row, up to the newest, that are beyond the bound. A look without a number, and
    one that is missing, ends the row."""
    row: list[TimedValue] = []
    for value in reversed(values):
        is_next = not row or check.source.kind != "prometheus"
        is_next = is_next or row[0].at - value.at == check.interval
        if not is_next or not is_number(value.value) or check.is_within(value.value):
            break
        row.insert(0, value)
    return row


def _limit(check: CheckRule) -> str:
    bounds = [f"≥ {short(check.min)}"] if check.min is not None else []
    bounds += [f"≤ {short(check.max)}"] if check.max is not None else []
    return " and ".join(bounds)


def _reason(check: CheckRule, value: float, failures: int) -> str:
    """The value beside the bound that it breaks, or beside the one that it keeps."""
    if check.max is not None and (value > check.max or check.min is None):
        actual, limit = distinct(value, check.max)
        relation = ">" if value > check.max else "≤"
    else:
        bound = check.min if check.min is not None else 0.0
        actual, limit = distinct(value, bound)
        relation = "<" if value < bound else "≥"
    text = f"{actual} {relation} {limit}"
    if not failures or check.failures == 1:
        return text
    return f"{text}, {failures} of {check.failures} looks in a row"
