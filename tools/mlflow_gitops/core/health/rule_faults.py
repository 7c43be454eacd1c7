"""What can be wrong with `health` of a stage's rule that the schema does not see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from mlflow_gitops.core.health.query import QueryFault, check_query
from mlflow_gitops.core.health.rule import CheckRule, HealthRule, ValueSource
from mlflow_gitops.core.times import parse_duration

MOST_CHECKS = 50

RuleFault = tuple[tuple[str, ...], str, str]
"""The path below `health`, one of the policy's error codes, and the message."""


def health_faults(rule: HealthRule, stage: str) -> Iterator[RuleFault]:
    """Everything that is wrong with the rule of one stage."""
    if not rule.checks:
        yield (), "missing-field", f"health of {stage} has no checks"
    if len(rule.checks) > MOST_CHECKS:
        yield ("checks",), "bad-value", f"health of {stage} has more than {MOST_CHECKS} checks"
    if not rule.window_length:
        yield ("window",), "bad-value", f"the window of {stage} has no length"

    if rule.samples is not None:
        yield from _source_faults(rule.samples, ("samples",), f"samples of {stage}")
    elif rule.minimum_samples:
        message = f"minimum_samples of {stage} needs to know what counts them: samples"
        yield ("minimum_samples",), "missing-field", message
    for name, check in rule.checks.items():
        yield from _check_faults(check, ("checks", name), f"the check {name} of {stage}")


def _check_faults(check: CheckRule, path: tuple[str, ...], subject: str) -> Iterator[RuleFault]:
    yield from _source_faults(check.source, path, subject)
    if check.min is None and check.max is None:
        yield path, "missing-field", f"{subject} has neither min nor max"
    elif check.min is not None and check.max is not None and check.min > check.max:
        message = f"no value of {subject} is over {check.min} and under {check.max}"
        yield path, "bad-value", message

    if check.source.kind == "prometheus":
        if not check.interval:
            yield (*path, "every"), "bad-value", f"every of {subject} has no length"
        elif check.interval * check.failures > timedelta(days=31):
            message = f"the looks of {subject} reach back more than 31 days"
            yield (*path, "failures"), "bad-value", message
    elif check.every is not None:
        message = f"{subject} is looked at when its monitor writes: every is for prometheus"
        yield (*path, "every"), "bad-value", message
    if check.source.kind == "tag" and check.failures > 1:
        message = f"a tag has one value: {subject} cannot have {check.failures} failures in a row"
        yield (*path, "failures"), "bad-value", message


def _source_faults(source: ValueSource, path: tuple[str, ...], subject: str) -> Iterator[RuleFault]:
    if source.kind is None:
        message = f"{subject} needs exactly one of prometheus, metric and tag"
        yield path, "missing-field", message
    elif source.kind == "prometheus":
        try:
            check_query(source.text)
        except QueryFault as fault:
            yield (*path, "prometheus"), "bad-value", f"the query of {subject} is wrong: {fault}"
        if source.newer_than is not None:
            message = f"Prometheus has times of its own, so {subject} takes no newer_than"
            yield (*path, "newer_than"), "bad-value", message
    elif source.newer_than is None or not parse_duration(source.newer_than):
        message = f"{subject} needs to say how old its value may be: newer_than: 2h"
        yield path, "missing-field", message
