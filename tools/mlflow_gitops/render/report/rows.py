"""The rows of the report's tables of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.history.web_pages import WebPages
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.report.values import Report

_SYMBOLS = {"passed": "✓", "failed": "✗", "unknown": "?", "overridden": "!", "waiting": "⏳"}


def event_row(
    index: int, audited: AuditedEvent, pages: WebPages | None, evidence: Sequence[str] = ()
) -> dict[str, Any]:
    """One row of the table of events. `index` is the target of the timelines' links."""
    event, people = audited.event, audited.people
    move = event.detail
    if event.kind == "stage":
        move = f"{version_list(event.before)} → {version_list(event.after)}"
    elif event.renamed is not None:
        move = "renamed {} → {}".format(*event.renamed)
    merged_by = people.merged_by if people.merged_by != people.author else None
    pull_request_page = None
    if pages is not None and people.pull_request is not None:
        pull_request_page = pages.of_pull_request(people.pull_request)
    return {
        "index": index,
        "at": event.commit.at,
        "commit": event.commit.sha,
        "link": pages.of_commit(event.commit.sha) if pages else None,
        "kind": event.kind,
        "model": event.model or "",
        "stage": event.stage or ("policy" if event.kind == "policy" else ""),
        "move": move,
        "author": name_of(people.author),
        "co_authors": _names(people.co_authors),
        "merged_by": name_of(merged_by or ""),
        "merger_claimed": people.merged_by_source == "commit",
        "other_signer": audited.other_signer or "",
        "opened_by": people.opened_by or "",
        "pushed_by": _names(people.pushed_by),
        "approved_by": _names(people.approved_by),
        "claimed": people.approved_by_source == "message",
        "pr": people.pull_request,
        "pr_link": pull_request_page,
        "pr_claimed": people.pull_request_source == "message",
        "subject": event.commit.subject,
        "overrides": [f"{used.gate}{used.claim}: {used.reason}" for used in audited.overrides],
        "effect": audited.effect,
        "marks": _marks(audited),
        "evidence": evidence,
    }


def evidence_lines(audited: AuditedEvent, report: Report) -> list[str]:
    """What was unhealthy when it left the stage, how the gates judged what came to hold it, with
    their numbers as the receipt has them, and what it was made from."""
    event = audited.event
    if event.kind != "stage":
        return []
    origins = [
        f"{version} was made from {report.made_from[event.model or '', version]}"
        for version in event.enters
        if report.made_from.get((event.model or "", version))
    ]
    unhealthy_lines = [f"! {sentence}" for sentence in audited.unhealthy]
    return [*unhealthy_lines, *_verdict_lines(audited), *origins]


def _verdict_lines(audited: AuditedEvent) -> Iterator[str]:
    event = audited.event
    for verdict in audited.run.recorded.gates if audited.run else ():
        if verdict.get("stage") == event.stage and verdict["version"] in event.enters:
            status = str(verdict.get("status"))
            detail = verdict.get("detail") or "no detail recorded"
            symbol = _SYMBOLS.get(status, "·")
            yield f"{symbol} {verdict['version']} {verdict.get('gate')} {status}: {detail}"


def _marks(audited: AuditedEvent) -> list[str]:
    """The words by which the page filters its events."""
    is_stage = audited.event.kind == "stage"
    marks = []
    if audited.overrides:
        marks.append("override")
    if not is_stage:
        marks.append(audited.event.kind)
    if audited.effect and audited.effect.result == "superseded":
        marks.append("superseded")
    if is_stage and audited.effect is None:
        marks.append("unapplied")
    return marks


def name_of(person: str) -> str:
    """A person's name without the e-mail address."""
    return person.partition(" <")[0]


def _names(persons: Iterable[str]) -> list[str]:
    return [name_of(person) for person in persons]
