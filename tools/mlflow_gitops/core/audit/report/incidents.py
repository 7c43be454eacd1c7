"""Incidents: what receipts record besides plain changes (RULES R6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.acknowledgements import Acknowledgement
from mlflow_gitops.core.audit.record.drift import NameOf, healed_drift
from mlflow_gitops.core.audit.record.flaws import Flaw, FlawKind
from mlflow_gitops.core.audit.record.recorded_events import acknowledgement_text
from mlflow_gitops.core.audit.recorded_model import RecordedModel

IncidentKind = Literal["drift", "refused", "failed"] | FlawKind


@dataclass(frozen=True, slots=True)
class Incident:
    """Something other than a plain change that a receipt records: healed drift, a refusal, a
    failure, or a flaw of the record."""

    kind: IncidentKind
    at: str
    commit: str
    model: str
    detail: str


def incidents(
    receipts: Sequence[Receipt],
    flaws: Sequence[Flaw] = (),
    lines: Sequence[Acknowledgement] = (),
    last_name: NameOf | None = None,
) -> list[Incident]:
    """Every incident in the receipts of one environment, in their order. `flaws` are those of the
    record, `lines` what acknowledges any."""
    found: dict[str, list[Incident]] = {}
    for drift in healed_drift(receipts, last_name):
        incident = _incident("drift", drift.receipt, drift.model, drift.detail)
        found.setdefault(drift.receipt.digest, []).append(incident)
    for flaw in flaws:
        detail = f"{flaw.detail}; {acknowledgement_text(flaw, lines)}"
        incident = _incident(flaw.kind, flaw.receipt, flaw.model, detail)
        found.setdefault(flaw.receipt.digest, []).append(incident)
    for receipt in receipts:
        of_receipt = found.setdefault(receipt.digest, [])
        for recorded in receipt.models():
            of_receipt += _troubles(receipt, recorded)
    return [incident for receipt in receipts for incident in found[receipt.digest]]


def _troubles(receipt: Receipt, recorded: RecordedModel) -> Iterator[Incident]:
    for refusal in recorded.refusals:
        detail = f"{refusal.get('code')}: {refusal.get('detail')}"
        yield _incident("refused", receipt, recorded.model, detail)
    if recorded.error is not None:
        yield _incident("failed", receipt, recorded.model, recorded.error)


def _incident(kind: IncidentKind, receipt: Receipt, model: str, detail: str) -> Incident:
    return Incident(kind, receipt.at, receipt.commit, model, detail)
