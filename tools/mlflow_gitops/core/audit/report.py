"""The report as values: who held each stage over time, and the incidents that the receipts record
(RULES R6, R7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mlflow_gitops.core.audit.receipt_format import RecordedModel
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.trail import AuditedEvent, Effect

IncidentKind = Literal["drift", "refused", "failed", "recovered"]

_KIND_OF_KEY = {
    "set_alias": "alias",
    "delete_alias": "alias",
    "set_tag": "tag",
    "delete_tag": "tag",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which the same versions were declared for a stage without a break. `end` is None
    while they still are.

    `event_index` is the position, among all audited events, of the one that began it; `effect` is
    when MLflow followed, None if no receipt records that.
    """

    versions: tuple[int, ...]
    start: str
    end: str | None
    event_index: int
    effect: Effect | None


@dataclass(frozen=True, slots=True)
class Lane:
    """One stage of one model over time, oldest span first."""

    stage: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Incident:
    """Something other than a plain change that a receipt records: healed drift, a refusal, a
    failure, or that the receipt was recovered later."""

    kind: IncidentKind
    at: str
    commit: str
    model: str
    detail: str


def model_lanes(audited: Sequence[AuditedEvent], order: Sequence[str]) -> dict[str, list[Lane]]:
    """Model to its lanes: by `order` of the stages, then by name, declared aliases (`@alias`) last.
    `audited` is oldest first."""
    spans: dict[tuple[str, str], list[Span]] = {}
    for index, record in enumerate(audited):
        event = record.event
        if event.kind != "stage" or event.model is None or event.stage is None:
            continue
        lane = spans.setdefault((event.model, event.stage), [])
        if lane and lane[-1].end is None:
            lane[-1] = replace(lane[-1], end=event.commit.at)
        if event.after:
            lane.append(Span(event.after, event.commit.at, None, index, record.effect))

    lanes: dict[str, list[Lane]] = {}
    for (model, stage), lane in spans.items():
        if lane:
            lanes.setdefault(model, []).append(Lane(stage, tuple(lane)))

    rank = {stage: position for position, stage in enumerate(order)}
    for of_model in lanes.values():
        of_model.sort(key=lambda lane: _lane_order(lane.stage, rank))
    return dict(sorted(lanes.items()))


def _lane_order(stage: str, rank: Mapping[str, int]) -> tuple[bool, int, str]:
    return stage.startswith("@"), rank.get(stage, len(rank)), stage


def incidents(receipts: Iterable[Receipt]) -> list[Incident]:
    """Every incident in the receipts, in their order."""
    return [
        Incident(kind, receipt.at, receipt.commit, recorded.model, detail)
        for receipt in receipts
        for recorded in receipt.models()
        for kind, detail in _incidents_of(receipt, recorded)
    ]


def _incidents_of(receipt: Receipt, recorded: RecordedModel) -> Iterator[tuple[IncidentKind, str]]:
    if receipt.is_recovered:
        yield "recovered", "this receipt was recovered by a later run"

    healed = [_drift_text(change) for change in recorded.changes if change.get("cause") == "drift"]
    if healed:
        yield "drift", "; ".join(healed)

    for refusal in recorded.refusals:
        yield "refused", f"{refusal.get('code')}: {refusal.get('detail')}"

    if recorded.error is not None:
        yield "failed", recorded.error


def _drift_text(change: Mapping[str, Any]) -> str:
    """One healed difference: what it was about, what MLflow had, and what was put back."""
    version, action = change.get("version"), str(change.get("action"))
    subjects = []
    if version is not None:
        subjects.append(f"version {version}")
    if action in _KIND_OF_KEY:
        subjects.append(f"{_KIND_OF_KEY[action]} {change.get('key')}")

    before, after = change.get("from") or "nothing", change.get("to") or "nothing"
    return f"{' '.join(subjects) or action}: {before} in MLflow, put back to {after}"
