"""`healthy_in`: the version does well in a stage with traffic, by what monitors it there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow_gitops.core.gates.gate import Facts, Fault, Finding, Gate, failed, passed, required
from mlflow_gitops.core.health.judge import judge_health
from mlflow_gitops.core.health.looks import WatchedVersion
from mlflow_gitops.core.health.rule import HealthRule, read_health_rule
from mlflow_gitops.core.times import format_datetime, parse_time

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject
    from mlflow_gitops.core.health.verdict import HealthCheck, HealthVerdict


class HealthyIn(NamedTuple):
    """The stage, and what `health` of it asks by the same policy; None if it asks nothing."""

    stage: str
    rule: HealthRule | None


def read(rule: Mapping[str, Any]) -> HealthyIn | None:
    """The stage with its health, which the policy adds to the rule (`health_of`)."""
    stage = required(rule, "healthy_in")
    if not stage:
        return None
    fields = rule.get("health_of")
    return HealthyIn(stage, read_health_rule(fields) if fields is not None else None)


def find_faults(settings: HealthyIn, stage: str, stages: Collection[str]) -> Iterator[Fault]:
    """A version can only be healthy in another stage that is watched."""
    path = ("require", "healthy_in")
    watched = settings.stage
    if watched not in stages:
        message = f"healthy_in of {stage} names the stage {watched!r}, which is not in the policy"
        yield Fault(path, "stage-unknown", message)
    elif watched in (stage, "Archived"):
        message = f"a version cannot come to {stage} by its health in {watched}"
        yield Fault(path, "bad-value", message)
    elif settings.rule is None:
        message = f"healthy_in of {stage} needs health of {watched}, which the policy does not have"
        yield Fault(path, "missing-field", message)


def ask(subject: Subject, settings: HealthyIn) -> Iterator[Finding]:
    """One finding for the window with its samples, and one for each check."""
    stage = settings.stage
    since = subject.in_stage_since(stage)
    if since is None or settings.rule is None:
        hint = subject.receipts_hint()
        yield failed(
            f"no receipt says that {subject.number} is in {stage}" + (f" ({hint})" if hint else "")
        )
        return

    now = parse_time(subject.now)
    watched = WatchedVersion(subject.model, stage, subject.number, since, now)
    verdict = judge_health(settings.rule, watched, subject.live_values())
    yield _window(verdict)
    for check in verdict.checks:
        yield _finding(verdict, check)


def _window(verdict: HealthVerdict) -> Finding:
    """Whether the version was watched for long enough, and by enough samples."""
    facts: Facts = {
        "stage": verdict.stage,
        "entered": verdict.entered,
        "window_end": verdict.window_end,
        "samples": verdict.samples,
        "minimum_samples": verdict.minimum_samples,
        "samples_query": verdict.samples_query,
    }
    if verdict.minimum_samples and verdict.samples is None:
        detail = f"the number of samples in {verdict.stage} is not known: {verdict.samples_fault}"
        return Finding("unknown", detail, facts=facts)
    if verdict.lacks_samples:
        detail = f"{verdict.samples} of {verdict.minimum_samples} samples in {verdict.stage}"
        missing = verdict.minimum_samples - (verdict.samples or 0)
        needs = f"{missing} more samples in {verdict.stage}"
        return Finding("waiting", detail, needs=needs, facts=facts)
    if not verdict.is_window_over:
        # A whole second later, so that a run at exactly this time finds the window over.
        until = format_datetime(parse_time(verdict.window_end) + timedelta(seconds=1))
        detail = f"its window in {verdict.stage} is over at {verdict.window_end}"
        return Finding("waiting", detail, until=until, facts=facts)

    counts = "" if verdict.samples is None else f", {verdict.samples} samples"
    return passed(f"in {verdict.stage} since {verdict.entered}{counts}", facts)


def _finding(verdict: HealthVerdict, check: HealthCheck) -> Finding:
    facts: Facts = {
        "stage": verdict.stage,
        "check": check.name,
        "source": check.source,
        "query": check.query,
        "limit": check.limit,
        "measured": check.value,
        "failures": check.failures,
        "at": check.at,
    }
    detail = f"{check.name} in {verdict.stage}: {check.reason}"
    if check.state == "healthy":
        return passed(detail, facts)
    if check.state == "unknown":
        return Finding("unknown", detail, facts=facts)
    if check.state == "waiting":
        return Finding("waiting", detail, needs=f"{check.name} within its limit", facts=facts)
    if verdict.state == "unhealthy":
        return failed(detail, facts)
    return Finding("waiting", detail, needs=f"{check.name} within its limit", facts=facts)


GATE = Gate("healthy_in", ask, read, find_faults, judges_rollbacks=False)
