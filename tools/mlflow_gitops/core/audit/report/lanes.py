"""Who held each stage over time, as spans for the report (RULES R7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mlflow_gitops.core.audit.trail import AuditedEvent, Effect


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
