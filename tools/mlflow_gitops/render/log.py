"""The audit trail for people and programs: text, JSON, JSON lines, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.times import format_minute
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.markdown_safe import cell, table
from mlflow_gitops.render.terminal import Style, as_json, safe

COLUMNS = (
    "type",
    "at",
    "commit",
    "model",
    "stage",
    "from",
    "to",
    "author",
    "co_authors",
    "merged_by",
    "approved_by",
    "approved_by_source",
    "pr",
    "pr_source",
    "subject",
    "overrides",
    "effect",
    "effect_at",
    "detail",
)
"""The columns of the CSV form."""

_HEADS = (
    "when (UTC)",
    "model",
    "stage",
    "change",
    "author",
    "approved by",
    "commit",
    "overrides",
    "in MLflow",
)
_RESULT = {"applied": ("✓", "green"), "superseded": ("↷", "dim")}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes a cell that begins so for a formula, wherever its text came from."""


@dataclass(frozen=True, slots=True)
class Log:
    """Events in order. If this clone has no receipts, nothing is known about what took effect."""

    events: Sequence[AuditedEvent]
    has_receipts: bool = False


def json_lines(log: Log) -> Iterator[str]:
    """One JSON object for each event, each on a line of its own."""
    return (as_json(event_data(told)) for told in log.events)


def json(log: Log) -> Iterator[str]:
    """One JSON document with one event on each line."""
    lines = list(json_lines(log))
    yield "["
    yield from (f"  {line}," for line in lines[:-1])
    yield from (f"  {line}" for line in lines[-1:])
    yield "]"


def event_data(told: AuditedEvent) -> dict[str, Any]:
    """One event (DESIGN §5)."""
    event, people = told.event, told.people
    return {
        "type": event.kind,
        "at": event.commit.at,
        "commit": event.commit.sha,
        "model": event.model,
        "stage": event.stage,
        "from": list(event.before),
        "to": list(event.after),
        "author": people.author,
        "co_authors": list(people.co_authors),
        "merged_by": people.merged_by,
        "approved_by": list(people.approved_by),
        "approved_by_source": people.approved_by_source,
        "pr": people.pull_request,
        "pr_source": people.pull_request_source,
        "subject": event.commit.subject,
        "overrides": [{"gate": used.gate, "reason": used.reason} for used in told.overrides],
        "effect": {"at": told.effect.at, "result": told.effect.result} if told.effect else None,
        "detail": event.detail,
    }


def as_csv(log: Log) -> Iterator[str]:
    """CSV (RFC 4180) with a header. Several values in one cell are separated by `; `. A cell that a
    spreadsheet would run as a formula begins with an apostrophe."""
    yield ",".join(COLUMNS)
    for told in log.events:
        data = event_data(told)
        effect = data["effect"] or {}
        data["overrides"] = [f"{used.gate}: {used.reason}" for used in told.overrides]
        data |= {"effect": effect.get("result"), "effect_at": effect.get("at")}

        line = io.StringIO()
        writer = csv.writer(line, lineterminator="")
        writer.writerow([_csv_cell(data[column]) for column in COLUMNS])
        yield line.getvalue()


def _csv_cell(value: object) -> str:
    if isinstance(value, list):
        text = "; ".join(map(str, value))
    else:
        text = "" if value is None else str(value)
    return safe(f"'{text}" if text.startswith(_FORMULA) else text)


def markdown(log: Log) -> Iterator[str]:
    """A table, the newest event last. Everything that other people wrote is in code spans."""
    yield table(_HEADS, [_markdown_row(told) for told in log.events])


def _markdown_row(told: AuditedEvent) -> tuple[str, ...]:
    event, people = told.event, told.people
    change = _move(told)
    if event.kind != "stage":
        change = f"{event.kind}: {cell(event.detail)}" if event.detail else event.kind

    approved = ", ".join(cell(person) for person in people.approved_by)
    overrides = [f"⚠️ {cell(used.gate)} overridden: {cell(used.reason)}" for used in told.overrides]
    return (
        format_minute(event.commit.at),
        cell(event.model) if event.model else "",
        cell(event.stage) if event.stage else "",
        change,
        cell(people.author),
        approved + (" (claimed)" if people.approved_by_source == "message" else ""),
        f"{cell(event.commit.subject)} {cell(event.commit.sha[:7])}",
        "; ".join(overrides),
        f"{told.effect.result} {format_minute(told.effect.at)}" if told.effect else "",
    )


def text(log: Log, style: Style | None = None) -> Iterator[str]:
    """One line for each event, in columns. Overrides, the approvals of a commit, and why a file
    cannot be read follow on lines of their own."""
    style = style or Style()
    rows = [_text_row(told) for told in log.events]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    approvals_shown: set[str] = set()

    for told, row in zip(log.events, rows, strict=True):
        yield _columns(told, row, widths, style) + _effect(told, log.has_receipts, style)
        for used in told.overrides:
            yield f"    {style('!', 'yellow')} {safe(used.gate)} overridden: {safe(used.reason)}"
        if told.people.approved_by and told.event.commit.sha not in approvals_shown:
            approvals_shown.add(told.event.commit.sha)
            yield style(f"    approved by {_approvers(told)}", "dim")
        if told.event.detail:
            yield f"    {style('✗', 'red')} {safe(told.event.detail)}"


def _text_row(told: AuditedEvent) -> tuple[str, ...]:
    event = told.event
    return (
        format_minute(event.commit.at),
        safe(event.model if event.model is not None else "(policy)"),
        safe(event.stage or ""),
        _move(told) if event.kind == "stage" else event.kind,
        safe(told.people.author.partition(" <")[0]),
        subject(told),
    )


def _columns(told: AuditedEvent, row: Sequence[str], widths: Sequence[int], style: Style) -> str:
    at, model, stage, change, author, subject = row
    columns = [
        style(f"{at:<{widths[0]}}", "dim"),
        style(told.event.commit.sha[:7], "yellow"),
        style(f"{model:<{widths[1]}}", "bold"),
        f"{stage:<{widths[2]}}",
        style(f"{change:<{widths[3]}}", "red" if told.event.kind == "invalid" else "bold"),
        f"{author:<{widths[4]}}",
        subject,
    ]
    return "  ".join(columns)


def _approvers(told: AuditedEvent) -> str:
    names = safe(", ".join(told.people.approved_by))
    is_claimed = told.people.approved_by_source == "message"
    return f"{names} (claimed in the message)" if is_claimed else names


def _effect(told: AuditedEvent, has_receipts: bool, style: Style) -> str:
    """When the event took effect in MLflow. Without receipts nothing is known about it."""
    if told.effect is not None:
        mark, colour = _RESULT[told.effect.result]
        return "  " + style(f"{mark} {told.effect.result} {format_minute(told.effect.at)}", colour)
    is_pending = has_receipts and told.event.kind == "stage"
    return "  " + style("… not applied yet", "yellow") if is_pending else ""


def subject(told: AuditedEvent) -> str:
    """The commit's subject in quotes, and the pull request behind it."""
    text = told.event.commit.subject
    if told.people.pull_request is None:
        return f'"{safe(text)}"'
    number = f"(#{told.people.pull_request})"
    return f'"{safe(text.removesuffix(number).rstrip())}" {number}'


def _move(told: AuditedEvent) -> str:
    return f"{version_list(told.event.before)} → {version_list(told.event.after)}"
