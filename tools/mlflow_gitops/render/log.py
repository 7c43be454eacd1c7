"""The audit trail for people and programs: text, JSON, JSON lines and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.times import format_minute
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.terminal import JSON_SCHEMA, Style, as_json, safe

_HEADS = (
    "when (UTC)",
    "model",
    "stage",
    "change",
    "author (claimed)",
    "approved by",
    "commit",
    "overrides",
    "in MLflow",
)
_RESULT = {
    "applied": ("✓", "green"),
    "adopted": ("✓", "green"),
    "superseded": ("↷", "dim"),
}


@dataclass(frozen=True, slots=True)
class Log:
    """Events in order. If this clone has no receipts, nothing is known about what took effect.
    `spreadsheet_safe` is about CSV alone: no cell is a formula then."""

    events: Sequence[AuditedEvent]
    has_receipts: bool = False
    spreadsheet_safe: bool = False


def json_lines(log: Log) -> Iterator[str]:
    """One JSON object for each event, each on a line of its own."""
    return (as_json({"schema": JSON_SCHEMA, **event_data(audited)}) for audited in log.events)


def json(log: Log) -> Iterator[str]:
    """One JSON document with one event on each line."""
    lines = list(json_lines(log))
    yield "["
    yield from (f"  {line}," for line in lines[:-1])
    yield from (f"  {line}" for line in lines[-1:])
    yield "]"


def event_data(audited: AuditedEvent) -> dict[str, Any]:
    """One event (DESIGN §5)."""
    event, people = audited.event, audited.people
    return {
        "type": event.kind,
        "at": event.commit.at,
        "commit": event.commit.sha,
        "model": event.model,
        "stage": event.stage,
        "from": list(event.before),
        "to": list(event.after),
        "author": people.author or None,
        "co_authors": list(people.co_authors),
        "merged_by": people.merged_by,
        "approved_by": list(people.approved_by),
        "approved_by_source": people.approved_by_source,
        "pr": people.pull_request,
        "pr_source": people.pull_request_source,
        "subject": event.commit.subject,
        "overrides": [asdict(used) for used in audited.overrides],
        "health": [asdict(recorded) for recorded in audited.health],
        "effect": {"at": audited.effect.at, "result": audited.effect.result}
        if audited.effect
        else None,
        "detail": event.detail,
        "deleted": event.is_deletion,
        "renamed": dict(zip(("from", "to"), event.renamed, strict=True)) if event.renamed else None,
        "author_source": "commit" if people.author else None,
        "merged_by_source": people.merged_by_source,
        "opened_by": people.opened_by,
        "pushed_by": list(people.pushed_by),
        "found_at": event.found_at,
        "right_at": event.right_at,
        "signed_by": audited.signed_by,
        "signed_by_author": None if audited.signed_by is None else audited.other_signer is None,
    }


def markdown(log: Log) -> Iterator[str]:
    """A table, the newest event last. Everything that other people wrote is in code spans."""
    from mlflow_gitops.render.markdown_safe import table  # a terminal needs no Markdown

    yield table(_HEADS, [_markdown_row(audited) for audited in log.events])


def _markdown_row(audited: AuditedEvent) -> tuple[str, ...]:
    from mlflow_gitops.render.markdown_safe import cell

    event, people = audited.event, audited.people
    change = cell(_move(audited)) if event.renamed else _move(audited)
    if event.kind not in ("stage", "renamed"):
        change = f"{event.kind}: {cell(event.detail)}" if event.detail else event.kind

    approved = ", ".join(cell(person) for person in people.approved_by)
    overrides = [
        f"⚠️ {cell(used.gate)} overridden{used.claim}: {cell(used.reason)}"
        for used in audited.overrides
    ]
    return (
        format_minute(event.commit.at),
        cell(event.model) if event.model else "",
        cell(event.stage) if event.stage else "",
        change,
        cell(people.author) + _other_signer_cell(audited),
        approved + (" (claimed)" if people.approved_by_source == "message" else ""),
        f"{cell(event.commit.subject)} {cell(event.commit.sha[:7])}",
        "; ".join([*overrides, *(f"⚠️ {cell(text)}" for text in audited.unhealthy)]),
        f"{audited.effect.result} {format_minute(audited.effect.at)}" if audited.effect else "",
    )


def _other_signer_cell(audited: AuditedEvent) -> str:
    from mlflow_gitops.render.markdown_safe import cell

    signer = audited.other_signer
    return f", ⚠️ signed by {cell(signer)}" if signer is not None else ""


_COUNTED = re.compile("[^\0-\u02ff→—…]")
"""Characters that may take more cells than one, or none."""


def text(log: Log, style: Style | None = None) -> Iterator[str]:
    """One line for each event, in columns that fit a terminal. Overrides, the approvals of a
    commit, and why a file cannot be read follow on lines of their own."""
    style = style or Style()
    rows = [_text_row(audited) for audited in log.events]
    if style.width is not None or any(map(_COUNTED.search, map("".join, rows))):
        yield from _laid_out(log, rows, style)
        return

    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    approvals_shown: set[str] = set()
    for audited, row in zip(log.events, rows, strict=True):
        mark, colour = _effect(audited, log.has_receipts)
        suffix = "  " + style(mark, colour) if mark else ""
        yield _columns(audited, row, widths, style) + suffix
        for remark, colour in _remarks(audited, approvals_shown):
            yield f"    {style(remark, colour)}"


def _laid_out(log: Log, rows: Sequence[tuple[str, ...]], style: Style) -> Iterator[str]:
    """The same on a terminal, or with characters whose width is to be counted."""
    from mlflow_gitops.render.console.event_lines import EventText, event_lines

    approvals_shown: set[str] = set()
    yield from event_lines(
        [
            EventText(
                row,
                audited.event.commit.sha[:7],
                _change_colour(audited),
                _effect(audited, log.has_receipts),
                list(_remarks(audited, approvals_shown)),
            )
            for audited, row in zip(log.events, rows, strict=True)
        ],
        style,
    )


def _remarks(audited: AuditedEvent, commits_shown: set[str]) -> Iterator[tuple[str, str | None]]:
    """What follows below an event, each with its colour: overrides, the approvals of a commit that
    is not in `commits_shown` yet, and details."""
    for used in audited.overrides:
        gate = f"{safe(used.gate)} overridden{used.claim}"
        yield f"! {gate}: {safe(used.reason)}", "yellow"
    for sentence in audited.unhealthy:
        yield f"! {safe(sentence)}", "yellow"
    if audited.other_signer is not None:
        yield f"! signed by {safe(audited.other_signer)}, who is not the claimed author", "yellow"
    if audited.people.approved_by and audited.event.commit.sha not in commits_shown:
        commits_shown.add(audited.event.commit.sha)
        yield f"approved by {_approvers(audited)}{_participants(audited)}", "dim"
    if audited.event.detail:
        is_drift = audited.event.kind == "drift"
        mark = "!" if is_drift else "✗"
        yield f"{mark} {safe(audited.event.detail)}", "yellow" if is_drift else "red"


def _participants(audited: AuditedEvent) -> str:
    """The accounts that the forge named. The author is only what the commit claims."""
    people = audited.people
    phrases = [f"opened by {safe(people.opened_by)}"] if people.opened_by else []
    if people.pushed_by:
        phrases.append(f"pushed by {', '.join(map(safe, people.pushed_by))}")
    if not phrases:
        return ""
    return f"; {', '.join(phrases)}; the author is what the commit claims"


def _text_row(audited: AuditedEvent) -> tuple[str, ...]:
    event = audited.event
    return (
        format_minute(event.commit.at),
        safe(event.model if event.model is not None else _ABOUT.get(event.kind, "(policy)")),
        safe(event.stage or ""),
        _change(audited),
        safe(audited.people.author.partition(" <")[0]),
        subject(audited),
    )


_ABOUT = {"flaw": "(receipts)"}


def _change(audited: AuditedEvent) -> str:
    kind = audited.event.kind
    if kind in ("stage", "renamed"):
        return _move(audited)
    if kind == "drift" and audited.event.stage is not None:
        return f"drift {_move(audited)}"
    return kind


def _columns(audited: AuditedEvent, row: Sequence[str], widths: Sequence[int], style: Style) -> str:
    at, model, stage, change, author, subject = row
    columns = [
        style(f"{at:<{widths[0]}}", "dim"),
        style(audited.event.commit.sha[:7], "yellow"),
        style(f"{model:<{widths[1]}}", "bold"),
        f"{stage:<{widths[2]}}",
        style(f"{change:<{widths[3]}}", _change_colour(audited)),
        f"{author:<{widths[4]}}",
        subject,
    ]
    return "  ".join(columns)


def _change_colour(audited: AuditedEvent) -> str:
    return "red" if audited.event.kind == "invalid" else "bold"


def _approvers(audited: AuditedEvent) -> str:
    names = safe(", ".join(audited.people.approved_by))
    is_claimed = audited.people.approved_by_source == "message"
    return f"{names} (claimed in the message)" if is_claimed else names


def _effect(audited: AuditedEvent, has_receipts: bool) -> tuple[str, str | None]:
    """When the event took effect in MLflow, and its colour; empty if nothing is known about it, as
    without receipts."""
    if audited.effect is not None:
        mark, colour = _RESULT[audited.effect.result]
        return f"{mark} {audited.effect.result} {format_minute(audited.effect.at)}", colour
    is_pending = has_receipts and audited.event.kind == "stage"
    return ("… not applied yet", "yellow") if is_pending else ("", None)


def subject(audited: AuditedEvent) -> str:
    """The commit's subject in quotes, and the pull request behind it. A number that only the
    subject has is marked as a claim."""
    text, people = audited.event.commit.subject, audited.people
    if audited.event.kind in ("drift", "flaw"):
        return "by its receipt"
    if people.pull_request is None:
        return f'"{safe(text)}"'
    number = f"#{people.pull_request}"
    claim = ", claimed" if people.pull_request_source == "message" else ""
    return f'"{safe(text.removesuffix(f"({number})").rstrip())}" ({number}{claim})'


def _move(audited: AuditedEvent) -> str:
    if audited.event.renamed is not None:
        return safe("renamed {} → {}".format(*audited.event.renamed))
    move = f"{version_list(audited.event.before)} → {version_list(audited.event.after)}"
    return f"{move} deleted" if audited.event.is_deletion else move
