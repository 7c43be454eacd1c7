"""Reports of as many models and events as wanted, made from numbers."""

from __future__ import annotations

import json

from mlflow_gitops.core.audit.events import Event
from mlflow_gitops.core.audit.ledger import AppliedRun
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.recorded_model import RecordedModel
from mlflow_gitops.core.audit.report.incidents import Incident
from mlflow_gitops.core.audit.report.lanes import model_lanes
from mlflow_gitops.core.audit.stage_holders import Since, StageHolders
from mlflow_gitops.core.audit.trail import AuditedEvent, Effect, UsedOverride
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.people import People
from mlflow_gitops.core.times import format_time, parse_time
from mlflow_gitops.render.report.values import Report

NOW = "2026-03-01T00:00:00Z"
_HOUR = 3_600


def report_of_many(models: int, events: int) -> Report:
    """One change of Production an hour, up to NOW, of one model after another. Every tenth has an
    overridden gate; the last change was put back after drift."""
    audited = [_event(number, models, events) for number in range(events)]
    last = {record.event.model or "": record.event for record in audited}
    drift = Incident("drift", NOW, "0" * 40, "model-001", "version 1: MLflow had None, put back")
    return Report(
        "many",
        NOW,
        "0" * 40,
        audited,
        model_lanes(audited, ["Production"]),
        [
            StageHolders(
                model,
                {"Production": event.after},
                {"Production": Since(event.commit.at, event.commit.sha)},
            )
            for model, event in last.items()
        ],
        [drift],
        [],
        {("model-001", version): f"run run-of-{version}" for version in range(1, events)},
        owners={model: [f"@acme/team-{number % 7}"] for number, model in enumerate(last)},
    )


def _event(number: int, models: int, events: int) -> AuditedEvent:
    at = format_time(parse_time(NOW).timestamp() - (events - number) * _HOUR)
    model, version = f"model-{number % models:03}", number // models + 1
    commit = Commit(f"{number:040x}", at, "A Person <a@example.org>", f"Promote {number} (#7)")
    before = (version - 1,) if version > 1 else ()
    event = Event("stage", number, commit, model, "Production", before, (version,))
    gate = {
        "stage": "Production",
        "version": version,
        "gate": "metrics",
        "status": "passed",
        "detail": f"accuracy 0.9{number % 100:02} ≥ 0.9",
    }
    recorded = {"model": model, "result": "applied", "gates": [gate]}
    receipt = Receipt(commit.sha, json.dumps(recorded), {"at": at, "models": [recorded]})
    overrides = (UsedOverride("soak", "INC-42"),) if number % 10 == 0 else ()
    return AuditedEvent(
        event,
        People("A Person <a@example.org>"),
        overrides,
        Effect(at, "applied"),
        run=AppliedRun(number, receipt, RecordedModel(recorded)),
    )
