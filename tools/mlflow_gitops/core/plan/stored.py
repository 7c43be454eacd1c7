"""The stored form of a plan's parts, as receipts and saved plans hold them.

It is a format of its own: files and notes are read years later, so it changes only together with
the format versions of receipts (`core/audit/receipt_format.py`) and saved plans
(`app/saved_plan.py`). What `--format json` prints (`render/plan_json.py`) is independent of it.
"""

from __future__ import annotations

from typing import Any

from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.core.yaml.problems import Problem


def stored_plan(plan: Plan) -> dict[str, Any]:
    """A whole plan. Stamps are not stored: they follow from the rest."""
    return {
        "commit": plan.commit,
        "fingerprint": plan.fingerprint.digest,
        "models": [stored_model(model) for model in plan.models],
        "unmanaged": list(plan.unmanaged),
        "gone": list(plan.without_manifest),
        "refusals": [stored_refusal(refusal) for refusal in plan.refusals],
        "onto": plan.onto,
        "others": plan.unchanged_models,
        "summary": {key: count for key, count in plan.summary.items() if key != "invalid"},
        **({"errors": [stored_problem(problem) for problem in plan.errors]} if plan.errors else {}),
    }


def stored_model(model: ModelPlan) -> dict[str, Any]:
    """One model's part of a plan."""
    return {
        "model": model.model,
        "file": model.file,
        "sync": model.sync,
        "base": model.base,
        "stages": [_stored_stage(stage) for stage in model.stages],
        "changes": [stored_change(change) for change in model.changes],
        "gates": [stored_verdict(verdict) for verdict in model.gates],
        "refusals": [stored_refusal(refusal) for refusal in model.refusals],
        "notes": list(model.notes),
        "deferred": model.deferred,
    }


def _stored_stage(stage: StageChange) -> dict[str, Any]:
    return {
        "stage": stage.stage,
        "from": list(stage.before),
        "to": list(stage.after),
        "commit": stage.commit.sha if stage.commit else None,
        "cause": stage.cause,
    }


def stored_change(change: Change) -> dict[str, Any]:
    """One write. `from` and `to` are what MLflow held and what it shall hold."""
    before, after = change.shown
    return {
        "action": change.action,
        "version": change.version,
        "key": change.key,
        "from": before,
        "to": after,
        "cause": change.cause,
        "applies": change.applies,
        "commit": change.commit.sha if change.commit else None,
    }


def stored_verdict(verdict: Verdict) -> dict[str, Any]:
    """What one gate decided about one version; `until` and `needs` only if there are any."""
    stored: dict[str, Any] = {
        "stage": verdict.stage,
        "version": verdict.version,
        "gate": verdict.gate,
        "status": verdict.status,
        "detail": verdict.detail,
    }
    if verdict.until:
        stored["until"] = verdict.until
    if verdict.needs:
        stored["needs"] = verdict.needs
    return stored


def stored_problem(problem: Problem) -> dict[str, Any]:
    """One error in a file."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "code": problem.code,
        "message": problem.message,
    }


def stored_refusal(refusal: Refusal) -> dict[str, Any]:
    return {"code": refusal.code, "detail": refusal.detail, "way_out": refusal.way_out}
