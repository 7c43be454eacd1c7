"""A plan as JSON (DESIGN §5). Versions are integers, times RFC 3339 in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.plan.overview import OverviewRow, model_outlook, overview
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.render.comparison.json import comparison_data
from mlflow_gitops.render.plan.policy import policy_data
from mlflow_gitops.render.plan.review_json import approval_data, stage_review_data
from mlflow_gitops.render.plan.text import PlanOutput
from mlflow_gitops.render.problems import problem_data
from mlflow_gitops.render.terminal import JSON_SCHEMA, json_document


def json(output: PlanOutput) -> Iterator[str]:
    """The whole plan as one JSON document."""
    return json_document(plan_data(output.plan))


def plan_data(plan: Plan) -> dict[str, Any]:
    """The whole plan. Stamps are not listed as changes."""
    summary = overview(plan)
    return {
        "schema": JSON_SCHEMA,
        "commit": plan.commit,
        "made_at": plan.made_at or None,
        "fingerprint": plan.fingerprint.digest,
        "models": [_model(model, plan) for model in plan.models],
        "unmanaged": list(plan.unmanaged),
        "gone": list(plan.without_manifest),
        "removed": [
            {"model": removed.model, "stages": _stages(removed.stages)} for removed in plan.removed
        ],
        "refusals": [refusal_data(refusal) for refusal in plan.refusals],
        "onto": plan.onto,
        "others": plan.unchanged_models,
        "errors": [problem_data(problem) for problem in plan.errors],
        "warnings": [problem_data(problem) for problem in plan.earlier_errors],
        "notices": list(plan.notices),
        "policy": policy_data(plan.policy) if plan.policy else None,
        "overview": [_overview_row(row) for row in summary.rows],
        "summary": {
            **plan.summary,
            "outlooks": dict(summary.counts),
            "applying": summary.applying,
            "held_back": summary.held_back,
        },
    }


def _overview_row(row: OverviewRow) -> dict[str, Any]:
    return {
        "model": row.model,
        "stage": row.stage,
        "from": list(row.before),
        "to": list(row.after),
        "outlook": row.outlook,
        "other_changes": row.other_changes,
        "gates": list(row.gates),
        "overridden": list(row.overridden),
        "codes": list(row.codes),
        "until": row.until,
        "rolled_back": _commit(row.returning.rolled_back) if row.returning else None,
        "set_by_hand": row.was_set_by_hand,
    }


def _commit(commit: Commit) -> dict[str, str]:
    return {"commit": commit.sha, "at": commit.at, "subject": commit.subject}


def _stages(stages: Mapping[str, tuple[int, ...]]) -> dict[str, list[int]]:
    return {stage: list(versions) for stage, versions in stages.items()}


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


def _model(model: ModelPlan, plan: Plan) -> dict[str, Any]:
    return {
        "model": model.model,
        "file": model.file,
        "sync": model.sync,
        "base": model.base,
        "stages": [_stage(row) | stage_review_data(row, model, plan) for row in model.stages],
        "changes": [change_data(change) for change in model.changes],
        "gates": [verdict_data(verdict) for verdict in model.gates],
        "refusals": [refusal_data(refusal) for refusal in model.refusals],
        "notes": list(model.notes),
        "deferred": model.deferred,
        "outlook": model_outlook(model, bool(plan.refusals)),
        "adoption": model.is_adoption,
        **approval_data(model, plan),
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
