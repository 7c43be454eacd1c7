"""Incidents: what receipts record besides plain changes (RULES R6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.recorded_model import RecordedModel

IncidentKind = Literal["drift", "refused", "failed", "recovered"]

_KIND_OF_KEY = {
    "set_alias": "alias",
    "delete_alias": "alias",
    "set_tag": "tag",
    "delete_tag": "tag",
}


@dataclass(frozen=True, slots=True)
class Incident:
    """Something other than a plain change that a receipt records: healed drift, a refusal, a
    failure, or that the receipt was recovered later."""

    kind: IncidentKind
    at: str
    commit: str
    model: str
    detail: str


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
