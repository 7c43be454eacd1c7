"""The audit trail for people and programs: text, JSON and JSON lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.times import format_minute
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.console.event_rows import EventRows, EventText
from mlflow_gitops.render.terminal import JSON_SCHEMA, Style, as_json, safe

_RESULT = {
    "applied": ("✓", "green"),
    "adopted": ("✓", "green"),
    "superseded": ("↷", "dim"),
    "unchanged": ("=", "dim"),
}


@dataclass(frozen=True, slots=True)
class Log:
    """Events in order. If this clone has no receipts, nothing is known about what took effect.
    `spreadsheet_safe` is about CSV alone: no cell is a formula then."""

    events: Iterable[AuditedEvent]
    has_receipts: bool = False
    spreadsheet_safe: bool = False


def json_lines(log: Log) -> Iterator[str]:
    """One JSON object for each event, each on a line of its own."""
    return (as_json({"schema": JSON_SCHEMA, **event_data(audited)}) for audited in log.events)


def json(log: Log) -> Iterator[str]:
    """One JSON document with one event on each line."""
    yield "["
    last: str | None = None
    for line in json_lines(log):
        if last is not None:
            yield f"  {last},"
        last = line
    if last is not None:
        yield f"  {last}"
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


_COUNTED = re.compile("[^\0-\u02ff→—…]")
"""Characters that may take more cells than one, or none."""


def text(log: Log, style: Style | None = None) -> Iterator[str]:
    """One line for each event, in columns that fit a terminal. Overrides, the approvals of a
    commit, and why a file cannot be read follow on lines of their own."""
    style = style or Style()
    # The widths of columns depend on all events: what is printed of each waits until then.
    lines = EventRows()
    columns: tuple[set[str], ...] = (set(), set(), set(), set(), set())
    is_counted = style.width is not None
    approvals_shown: set[str] = set()
    for audited in log.events:
        cells = _text_row(audited)
        for column, cell in zip(columns, cells, strict=False):  # a subject is in no column
            column.add(cell)
        if not is_counted and not cells[5].isascii():
            is_counted = _COUNTED.search(cells[5]) is not None
        remarks: Sequence[str] = ()
        if _may_have_remarks(audited):
            remarks = [part for remark in _remarks(audited, approvals_shown) for part in remark]
        mark, colour = _effect(audited, log.has_receipts)
        lines.add(
            (*cells, audited.event.commit.sha[:7], _change_colour(audited), mark, colour, *remarks)
        )

    is_counted = is_counted or any(_COUNTED.search(cell) for column in columns for cell in column)
    events = map(_event_text, lines)
    if is_counted:
        from mlflow_gitops.render.console.event_lines import event_lines

        yield from event_lines(list(events), style)
        return
    widths = [max(map(len, column), default=0) for column in columns]
    for event in events:
        yield _columns(event, widths, style)
        for remark, remark_colour in event.remarks:
            yield f"    {style(remark, remark_colour)}"


def _event_text(row: Sequence[str]) -> EventText:
    """One event as `text` packed it."""
    commit, change_colour, mark, colour, *remarks = row[6:]
    pairs = tuple(zip(remarks[::2], remarks[1::2], strict=True))
    return EventText(tuple(row[:6]), commit, change_colour, (mark, colour), pairs)


def _may_have_remarks(audited: AuditedEvent) -> bool:
    """Whether there may be a remark about an event. Most have none."""
    people = audited.people
    return bool(
        audited.overrides
        or audited.run
        or audited.signed_by is not None
        or people.approved_by
        or audited.event.detail
    )


def _remarks(audited: AuditedEvent, commits_shown: set[str]) -> Iterator[tuple[str, str]]:
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
        _minute(event.commit.at),
        _safe(event.model if event.model is not None else _ABOUT.get(event.kind, "(policy)")),
        _safe(event.stage or ""),
        _change(audited),
        _safe(audited.people.author.partition(" <")[0]),
        subject(audited),
    )


# Many events have the same of these.
_safe = lru_cache(4096)(safe)
_minute = lru_cache(format_minute)
_versions = lru_cache(version_list)


_ABOUT = {"flaw": "(receipts)"}


def _change(audited: AuditedEvent) -> str:
    kind = audited.event.kind
    if kind in ("stage", "renamed"):
        return move(audited)
    if kind == "drift" and audited.event.stage is not None:
        return f"drift {move(audited)}"
    return kind


def _columns(event: EventText, widths: Sequence[int], style: Style) -> str:
    at, model, stage, change, author, subject = event.cells
    mark, colour = event.effect
    if not style.on:
        line = (
            f"{at.ljust(widths[0])}  {event.commit}  {model.ljust(widths[1])}"
            f"  {stage.ljust(widths[2])}  {change.ljust(widths[3])}  {author.ljust(widths[4])}"
            f"  {subject}"
        )
        return f"{line}  {mark}" if mark else line
    columns = [
        style(f"{at:<{widths[0]}}", "dim"),
        style(event.commit, "yellow"),
        style(f"{model:<{widths[1]}}", "bold"),
        f"{stage:<{widths[2]}}",
        style(f"{change:<{widths[3]}}", event.change_colour),
        f"{author:<{widths[4]}}",
        subject,
    ]
    return "  ".join([*columns, style(mark, colour)] if mark else columns)


def _change_colour(audited: AuditedEvent) -> str:
    return "red" if audited.event.kind == "invalid" else "bold"


def _approvers(audited: AuditedEvent) -> str:
    names = safe(", ".join(audited.people.approved_by))
    is_claimed = audited.people.approved_by_source == "message"
    return f"{names} (claimed in the message)" if is_claimed else names


def _effect(audited: AuditedEvent, has_receipts: bool) -> tuple[str, str]:
    """When the event took effect in MLflow, and its colour; empty if nothing is known about it, as
    without receipts."""
    if audited.effect is not None:
        mark, colour = _RESULT[audited.effect.result]
        return f"{mark} {audited.effect.result} {format_minute(audited.effect.at)}", colour
    is_pending = has_receipts and audited.event.kind == "stage"
    return ("… not applied yet", "yellow") if is_pending else ("", "")


def subject(audited: AuditedEvent) -> str:
    """The commit's subject in quotes, and the pull request behind it. A number that only the
    subject has is marked as a claim."""
    people = audited.people
    if audited.event.kind in ("drift", "flaw"):
        return "by its receipt"
    is_claimed = people.pull_request_source == "message"
    return _subject(audited.event.commit.subject, people.pull_request, is_claimed)


@lru_cache  # a commit may have several events, one after the other
def _subject(text: str, pull_request: int | None, is_claimed: bool) -> str:
    if pull_request is None:
        return f'"{safe(text)}"'
    number = f"#{pull_request}"
    claim = ", claimed" if is_claimed else ""
    return f'"{safe(text.removesuffix(f"({number})").rstrip())}" ({number}{claim})'


def move(audited: AuditedEvent) -> str:
    """How the versions of a stage changed, or the names of a rename."""
    if audited.event.renamed is not None:
        return safe("renamed {} → {}".format(*audited.event.renamed))
    move = f"{_versions(audited.event.before)} → {_versions(audited.event.after)}"
    return f"{move} deleted" if audited.event.is_deletion else move
