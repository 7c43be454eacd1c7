"""The report as a value: spans of stages over time, and what did not go as git alone says (RULES
R6, R7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.trail import AuditedEvent, Effect

IncidentKind = Literal["drift", "refused", "failed", "recovered"]


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which the same versions were declared for a stage without a break. `end` is None
    where they still are.

    `told` is the place, among all told events, of the one that began it; `effect` when MLflow
    followed, None where no receipt says so.
    """

    versions: tuple[int, ...]
    start: str
    end: str | None
    event_index: int
    effect: Effect | None


@dataclass(frozen=True, slots=True)
class Lane:
    """One stage of one model through time, oldest span first."""

    stage: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Incident:
    """What a receipt tells beside a plain change: drift that was healed, a refusal, a failure, a
    receipt made up later."""

    kind: IncidentKind
    at: str
    commit: str
    model: str
    detail: str


def model_lanes(audited: Sequence[AuditedEvent], order: Sequence[str]) -> dict[str, list[Lane]]:
    """Model to its lanes, in `order` of the stages, then by name; declared aliases (`@alias`) last.
    `told` is in order."""
    spans: dict[tuple[str, str], list[Span]] = {}
    for place, one in enumerate(audited):
        event = one.event
        if event.kind != "stage" or event.model is None or event.stage is None:
            continue
        lane = spans.setdefault((event.model, event.stage), [])
        if lane and lane[-1].end is None:
            last = lane[-1]
            lane[-1] = Span(
                last.versions, last.start, event.commit.at, last.event_index, last.effect
            )
        if event.after:
            lane.append(Span(event.after, event.commit.at, None, place, one.effect))
    found: dict[str, list[Lane]] = {}
    for (model, stage), kept in spans.items():
        if kept:
            found.setdefault(model, []).append(Lane(stage, tuple(kept)))
    rank = {stage: i for i, stage in enumerate(order)}
    for each in found.values():
        each.sort(
            key=lambda lane: (
                lane.stage.startswith("@"),
                rank.get(lane.stage, len(rank)),
                lane.stage,
            )
        )
    return dict(sorted(found.items()))


def incidents(receipts: Iterable[Receipt]) -> list[Incident]:
    """Everything of that kind in the receipts, oldest first. Whoever can push notes can write
    anything into them."""
    return [incident for receipt in receipts for incident in _incidents(receipt)]


def _incidents(receipt: Receipt) -> Iterator[Incident]:
    for entry in receipt.models():
        model = str(entry.get("model"))
        if receipt.content.get("recovered") is True:
            yield Incident(
                "recovered",
                receipt.at,
                receipt.commit,
                model,
                "this receipt was made good by a later run",
            )
        drift = [text for change in _listed(entry, "changes") if (text := _drift_text(change))]
        if drift:
            yield Incident("drift", receipt.at, receipt.commit, model, "; ".join(drift))
        for refusal in _listed(entry, "refusals"):
            said = f"{refusal.get('code')}: {refusal.get('detail')}"
            yield Incident("refused", receipt.at, receipt.commit, model, said)
        if isinstance(entry.get("error"), str):
            yield Incident("failed", receipt.at, receipt.commit, model, entry["error"])


def _listed(entry: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    listed = entry.get(key)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _drift_text(change: Mapping[str, Any]) -> str | None:
    if change.get("cause") != "drift":
        return None
    version, key = change.get("version"), change.get("key")
    place = {
        "set_alias": "alias",
        "delete_alias": "alias",
        "set_tag": "tag",
        "delete_tag": "tag",
    }.get(str(change.get("action")))
    words = [f"version {version}" if version is not None else "", f"{place} {key}" if place else ""]
    what = " ".join(word for word in words if word) or str(change.get("action"))
    return (
        f"{what}: {change.get('from') or 'nothing'} in MLflow, put back to"
        f" {change.get('to') or 'nothing'}"
    )
