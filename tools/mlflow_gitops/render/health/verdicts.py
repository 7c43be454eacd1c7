"""The verdicts of `health`: as text, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.health.verdict import HealthCheck, HealthVerdict
from mlflow_gitops.core.recorded.numbers import short
from mlflow_gitops.core.times import format_minute
from mlflow_gitops.core.wording import counted
from mlflow_gitops.render.console.layout import Styled, paragraph
from mlflow_gitops.render.markdown_safe import cell, code, prose, table
from mlflow_gitops.render.terminal import Style, json_document, safe

_MARKS = {"healthy": "✓", "unhealthy": "✗", "waiting": "…", "unknown": "?"}
_COLOURS = {"healthy": "green", "unhealthy": "red", "waiting": "yellow", "unknown": "yellow"}


@dataclass(frozen=True, slots=True)
class HealthOutput:
    """The verdicts of one moment (RFC 3339, UTC)."""

    at: str
    verdicts: tuple[HealthVerdict, ...]


def text(output: HealthOutput, style: Style | None = None) -> Iterator[str]:
    """Each version with its state, then its window and samples, and each check with its query."""
    style = style or Style()
    for verdict in output.verdicts:
        head = f"{verdict.model} {verdict.version} in {verdict.stage}: "
        spans = [Styled(safe(head), "bold"), Styled(verdict.state, _COLOURS[verdict.state])]
        yield from paragraph([*spans, Styled(safe(f" ({verdict.reason})"))], style)
        yield from paragraph([Styled(safe(f"  {_window(verdict)}"))], style)
        for check in verdict.checks:
            mark = Styled(f"  {_MARKS[check.state]} ", _COLOURS[check.state])
            detail = f"{check.name} {check.limit}: {check.reason}"
            yield from paragraph([mark, Styled(safe(detail))], style)
            yield from paragraph([Styled(safe(f"    {_source(check)}"), "dim")], style)
    yield from paragraph([Styled(_total(output))], style)


def json(output: HealthOutput) -> Iterator[str]:
    """The verdicts as one JSON document."""
    verdicts = [verdict_data(verdict) for verdict in output.verdicts]
    return json_document({"at": output.at, "verdicts": verdicts})


def verdict_data(verdict: HealthVerdict) -> dict[str, Any]:
    """One verdict as JSON (DESIGN §5)."""
    return {
        "model": verdict.model,
        "stage": verdict.stage,
        "version": verdict.version,
        "environment": verdict.environment,
        "state": verdict.state,
        "reason": verdict.reason,
        "entered": verdict.entered,
        "window_end": verdict.window_end,
        "at": verdict.at,
        "samples": verdict.samples,
        "minimum_samples": verdict.minimum_samples,
        "samples_query": verdict.samples_query,
        "samples_fault": verdict.samples_fault,
        "on_failure": verdict.on_failure,
        "checks": [_check_data(check) for check in verdict.checks],
    }


def _check_data(check: HealthCheck) -> dict[str, Any]:
    return {
        "name": check.name,
        "source": check.source,
        "query": check.query,
        "limit": check.limit,
        "state": check.state,
        "reason": check.reason,
        "value": check.value,
        "failures": check.failures,
        "failures_limit": check.failures_limit,
        "at": check.at,
        "failing_since": check.failing_since,
    }


def markdown(output: HealthOutput) -> Iterator[str]:
    """A section for each version, with a table of its checks."""
    for verdict in output.verdicts:
        name = code(f"{verdict.model} {verdict.version}")
        yield f"### {name} in {code(verdict.stage)}: {verdict.state}"
        yield ""
        yield prose(f"{verdict.reason}. {_window(verdict)}.")
        yield ""
        yield from checks_table(verdict).splitlines()
        yield ""
    yield _total(output)


def checks_table(verdict: HealthVerdict) -> str:
    """The checks of a version as a Markdown table, with query and numbers."""
    rows = [
        (
            f"{_MARKS[check.state]} {cell(check.name)}",
            cell(short(check.value)) if check.value is not None else "–",
            cell(check.limit),
            cell(check.reason),
            code(check.query),
        )
        for check in verdict.checks
    ]
    return table(("check", "value", "limit", "", "query"), rows)


def _window(verdict: HealthVerdict) -> str:
    samples = ""
    if verdict.samples is not None:
        samples = f", {counted(verdict.samples, 'sample')}"
        if verdict.minimum_samples:
            samples += f" of at least {verdict.minimum_samples}"
    end = "was" if verdict.is_window_over else "is"
    return (
        f"In the stage since {format_minute(verdict.entered)} UTC; its window {end} over at"
        f" {format_minute(verdict.window_end)} UTC{samples}"
    )


def _source(check: HealthCheck) -> str:
    return check.query if check.source == "prometheus" else f"{check.source} {check.query}"


def _total(output: HealthOutput) -> str:
    if not output.verdicts:
        return "No version holds a stage that is watched, by the receipts in this clone."
    states = [verdict.state for verdict in output.verdicts]
    counts = (f"{states.count(state)} {state}" for state in _MARKS if state in states)
    return ", ".join(counts)
