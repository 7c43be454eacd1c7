"""The audit trail as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.times import format_minute
from mlflow_gitops.render.log import Log, move
from mlflow_gitops.render.markdown_safe import cell, table

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


def markdown(log: Log) -> Iterator[str]:
    """A table, the newest event last. Everything that other people wrote is in code spans."""
    yield table(_HEADS, [_markdown_row(audited) for audited in log.events])


def _markdown_row(audited: AuditedEvent) -> tuple[str, ...]:
    event, people = audited.event, audited.people
    change = cell(move(audited)) if event.renamed else move(audited)
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
    signer = audited.other_signer
    return f", ⚠️ signed by {cell(signer)}" if signer is not None else ""
