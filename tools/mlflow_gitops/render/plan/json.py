"""A plan as JSON (DESIGN §5). Versions are integers, times RFC 3339 in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.render.comparison.json import comparison_data
from mlflow_gitops.render.plan.policy import policy_data
from mlflow_gitops.render.plan.text import PlanOutput
from mlflow_gitops.render.problems import problem_data
from mlflow_gitops.render.terminal import JSON_SCHEMA, json_document


def json(output: PlanOutput) -> Iterator[str]:
    """The whole plan as one JSON document."""
    return json_document(plan_data(output.plan))


def plan_data(plan: Plan) -> dict[str, Any]:
    """The whole plan. Stamps are not listed as changes."""
    return {
        "schema": JSON_SCHEMA,
        "commit": plan.commit,
        "fingerprint": plan.fingerprint.digest,
        "models": [_model(model) for model in plan.models],
        "unmanaged": list(plan.unmanaged),
        "gone": list(plan.without_manifest),
        "refusals": [refusal_data(refusal) for refusal in plan.refusals],
        "onto": plan.onto,
        "others": plan.unchanged_models,
        "errors": [problem_data(problem) for problem in plan.errors],
        "warnings": [problem_data(problem) for problem in plan.earlier_errors],
        "notices": list(plan.notices),
        "policy": policy_data(plan.policy) if plan.policy else None,
        "summary": plan.summary,
    }


def change_data(change: Change) -> dict[str, Any]:
    """One write to MLflow."""
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


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """One gate's verdict. `until` and `needs` are there only if the gate waits for something."""
    data = {
        "stage": verdict.stage,
        "version": verdict.version,
        "gate": verdict.gate,
        "status": verdict.status,
        "detail": verdict.detail,
    }
    if verdict.until:
        data["until"] = verdict.until
    if verdict.needs:
        data["needs"] = verdict.needs
    return data


def refusal_data(refusal: Refusal) -> dict[str, str]:
    """Why something is refused, and the way out."""
    return {"code": refusal.code, "detail": refusal.detail, "way_out": refusal.way_out}


def _model(model: ModelPlan) -> dict[str, Any]:
    return {
        "model": model.model,
        "file": model.file,
        "sync": model.sync,
        "base": model.base,
        "stages": [_stage(row) for row in model.stages],
        "changes": [change_data(change) for change in model.changes],
        "gates": [verdict_data(verdict) for verdict in model.gates],
        "refusals": [refusal_data(refusal) for refusal in model.refusals],
        "notes": list(model.notes),
        "deferred": model.deferred,
    }


def _stage(row: StageChange) -> dict[str, Any]:
    return {
        "stage": row.stage,
        "from": list(row.before),
        "to": list(row.after),
        "commit": row.commit.sha if row.commit else None,
        "cause": row.cause,
        "comparison": comparison_data(row.comparison) if row.comparison else None,
    }
