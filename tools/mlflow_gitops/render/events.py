"""The audit trail for people and programs: text, JSON, JSON lines, CSV and Markdown from the same
values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.times import format_minute
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.markdown_safe import cell, table
from mlflow_gitops.render.terminal import Style, as_json, safe

COLUMNS = (
    "type", "at", "commit", "model", "stage", "from", "to", "author", "co_authors", "merged_by", "approved_by",
    "approved_by_source", "pr", "pr_source", "subject", "overrides", "effect", "effect_at", "detail",
)  # fmt: skip
_RESULT = {"applied": ("✓", "green"), "superseded": ("↷", "dim")}
# A spreadsheet takes a cell that begins so for a formula, wherever its text came from.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def data(one: AuditedEvent) -> dict[str, Any]:
    """One event as DESIGN §5 fixes it, and a little more: where the pull request's number is from,
    and why a file cannot be read."""
    event, people = one.event, one.people
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
        "overrides": [{"gate": used.gate, "reason": used.reason} for used in one.overrides],
        "effect": {"at": one.effect.at, "result": one.effect.result} if one.effect else None,
        "detail": event.detail,
    }


def json_lines(events: Iterable[AuditedEvent]) -> Iterator[str]:
    """One JSON object a line."""
    return (as_json(data(one)) for one in events)


def json_list(events: Iterable[AuditedEvent]) -> Iterator[str]:
    """One JSON document, an event a line."""
    lines = list(json_lines(events))
    yield "["
    yield from (f"  {line}," for line in lines[:-1])
    yield from (f"  {line}" for line in lines[-1:])
    yield "]"


def as_csv(events: Iterable[AuditedEvent]) -> Iterator[str]:
    """RFC 4180 with a header. Several things in one cell are parted by `; `. What a spreadsheet
    would run is text."""
    yield ",".join(COLUMNS)
    for one in events:
        told = data(one)
        effect = told["effect"] or {}
        told["overrides"] = [f"{used.gate}: {used.reason}" for used in one.overrides]
        told |= {"effect": effect.get("result"), "effect_at": effect.get("at")}
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([_cell(told[column]) for column in COLUMNS])
        yield line.getvalue()


def markdown(events: Iterable[AuditedEvent]) -> Iterator[str]:
    """A table, the newest last. Whatever others wrote stands in code spans."""
    rows = []
    for one in events:
        event, people = one.event, one.people
        what = (
            _move(one)
            if event.kind == "stage"
            else event.kind + (f": {cell(event.detail)}" if event.detail else "")
        )
        rows.append(
            (
                format_minute(event.commit.at),
                cell(event.model) if event.model else "",
                cell(event.stage) if event.stage else "",
                what,
                cell(people.author),
                ", ".join(cell(who) for who in people.approved_by)
                + (" (claimed)" if people.approved_by_source == "message" else ""),
                f"{cell(event.commit.subject)} {cell(event.commit.sha[:7])}",
                "; ".join(
                    f"⚠️ {cell(used.gate)} overridden: {cell(used.reason)}" for used in one.overrides
                ),
                f"{one.effect.result} {format_minute(one.effect.at)}" if one.effect else "",
            )
        )
    heads = (
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
    yield table(heads, rows)


def text(events: Sequence[AuditedEvent], style: Style, recorded: bool = False) -> Iterator[str]:
    """A line an event, in columns; what was overridden, who approved a commit, and why a file
    cannot be read, on a line below. `recorded` says that there are receipts, so that what none
    tells of is not in MLflow yet."""
    approved: set[str] = set()
    rows = [_row(one) for one in events]
    widths = (
        [max((len(row[i]) for row in rows), default=0) for i in range(len(rows[0]) - 1)]
        if rows
        else []
    )
    for one, row in zip(events, rows, strict=True):
        at, model, stage, move, author, subject = row
        head = [
            style(f"{at:<{widths[0]}}", "dim"),
            style(one.event.commit.sha[:7], "yellow"),
            style(f"{model:<{widths[1]}}", "bold"),
            f"{stage:<{widths[2]}}",
            style(f"{move:<{widths[3]}}", "red" if one.event.kind == "invalid" else "bold"),
            f"{author:<{widths[4]}}",
            subject,
        ]
        yield "  ".join(head) + _effect(one, style, recorded)
        for used in one.overrides:
            yield f"    {style('!', 'yellow')} {safe(used.gate)} overridden: {safe(used.reason)}"
        if one.people.approved_by and one.event.commit.sha not in approved:
            approved.add(one.event.commit.sha)
            claimed = (
                " (claimed in the message)" if one.people.approved_by_source == "message" else ""
            )
            yield style(
                f"    approved by {safe(', '.join(one.people.approved_by))}{claimed}", "dim"
            )
        if one.event.detail:
            yield f"    {style('✗', 'red')} {safe(one.event.detail)}"


def move(before: Sequence[int], after: Sequence[int]) -> str:
    """`12 → 14`; a dash where nothing is held."""
    return f"{version_list(before)} → {version_list(after)}"


def subject(one: AuditedEvent) -> str:
    """The commit's subject in quotes, and the pull request behind it."""
    number = f"(#{one.people.pull_request})"
    words = one.event.commit.subject
    if one.people.pull_request is None:
        return f'"{safe(words)}"'
    return f'"{safe(words.removesuffix(number).rstrip())}" {number}'


def _row(one: AuditedEvent) -> tuple[str, ...]:
    event = one.event
    change = _move(one) if event.kind == "stage" else event.kind
    model = event.model if event.model is not None else "(policy)"
    author = one.people.author.partition(" <")[0]
    return (
        format_minute(event.commit.at),
        safe(model),
        safe(event.stage or ""),
        change,
        safe(author),
        subject(one),
    )


def _move(one: AuditedEvent) -> str:
    return move(one.event.before, one.event.after)


def _effect(one: AuditedEvent, style: Style, recorded: bool) -> str:
    if one.effect is None:
        return (
            "  " + style("… not applied yet", "yellow")
            if recorded and one.event.kind == "stage"
            else ""
        )
    mark, colour = _RESULT[one.effect.result]
    return "  " + style(f"{mark} {one.effect.result} {format_minute(one.effect.at)}", colour)


def _cell(value: object) -> str:
    text = (
        "; ".join(map(str, value))
        if isinstance(value, list)
        else ""
        if value is None
        else str(value)
    )
    return safe(f"'{text}" if text.startswith(_FORMULA) else text)
