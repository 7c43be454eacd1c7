"""Why a model has no manifest: who deleted or renamed it, when, and what MLflow still has."""

from __future__ import annotations

from typing import Any

from mlflow_gitops.core.audit.departures import Departure
from mlflow_gitops.core.audit.events import Stages
from mlflow_gitops.core.times import format_minute
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.log import event_data, subject
from mlflow_gitops.render.terminal import safe


def departure_sentence(departure: Departure) -> str:
    """Since when, by which commit, and by whom: `deleted on … by …`."""
    audited = departure.audited
    event, people = audited.event, audited.people
    verb = f"renamed to {safe(departure.renamed_to)}" if departure.renamed_to else "deleted"
    by = f"{event.commit.sha[:7]} {subject(audited)}, {safe(people.author)}"
    if people.merged_by and people.merged_by != people.author:
        claim = " (claimed)" if people.merged_by_source == "commit" else ""
        by += f", merged by {safe(people.merged_by)}{claim}"
    if people.approved_by:
        claim = " (claimed)" if people.approved_by_source == "message" else ""
        by += f", approved by {', '.join(map(safe, people.approved_by))}{claim}"
    return f"{verb} on {format_minute(event.commit.at)} UTC by {by}"


def left_in_mlflow(stages: Stages) -> str:
    """What still holds a stage: `Production 1, Staging 2`; empty if nothing does."""
    active = {stage: versions for stage, versions in stages.items() if stage != "Archived"}
    return ", ".join(
        f"{safe(stage)} {version_list(versions)}" for stage, versions in active.items()
    )


def departure_paragraph(departure: Departure | None, observed: Stages | None) -> str | None:
    """Who deleted or renamed a model's manifest, and what MLflow still has: what it shows
    (`observed`) or, if it was not read, what the receipts say."""
    if departure is None:
        return None
    sentence = f"No manifest: {departure_sentence(departure)}."
    if departure.renamed_to is not None:
        return sentence
    if observed is not None:
        remaining = left_in_mlflow(observed)
        still = f"still has {remaining}" if remaining else "has nothing in a stage"
        return f"{sentence} MLflow {still}."
    remaining = left_in_mlflow(departure.remaining)
    return f"{sentence} By the receipts, MLflow still has {remaining}." if remaining else sentence


def departure_data(departure: Departure) -> dict[str, Any]:
    """The JSON form: the event, and the stages that MLflow still held by the receipts."""
    remaining = {stage: list(versions) for stage, versions in departure.remaining.items()}
    return {**event_data(departure.audited), "left": remaining}
