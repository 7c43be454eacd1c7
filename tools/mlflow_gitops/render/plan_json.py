"""The JSON forms (DESIGN §5): plain dictionaries from values. Versions are integers, times RFC 3339
in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.render import comparison_text

PLAN_SCHEMA = 1
RESULTS = ("applied", "unchanged", "deferred", "refused", "failed")


def plan(plan: Plan) -> dict[str, Any]:
    """The plan, whole. Stamps are not listed as changes."""
    return {
        "schema": PLAN_SCHEMA,
        "commit": plan.commit,
        "fingerprint": plan.fingerprint.digest,
        "models": [_model(model) for model in plan.models],
        "unmanaged": list(plan.unmanaged),
        "gone": list(plan.gone),
        "refusals": [_refusal(refusal) for refusal in plan.refusals],
        "onto": plan.onto,
        "others": plan.others,
        "summary": plan.summary,
    }


def status(plan: Plan) -> dict[str, Any]:
    """Where each model stands; unmanaged ones last."""
    models: list[dict[str, Any]] = [
        {
            "model": model.model,
            "sync": model.sync,
            "stages": _stages(model.observed),
            "desired": _stages(model.desired),
            "commit": model.base,
            "refusals": [_refusal(refusal) for refusal in model.refusals],
        }
        for model in plan.models
    ]
    for name in (*plan.gone, *plan.unmanaged):
        models.append(
            {
                "model": name,
                "sync": "Unmanaged",
                "stages": {},
                "desired": {},
                "commit": None,
                "refusals": [],
            }
        )
    return {"commit": plan.commit, "models": models}


def reconciled(
    commit: str,
    outcomes: Iterable[Outcome],
    receipt: str | None,
    refusals: Iterable[Refusal] = (),
    standing: Sequence[str] = (),
) -> dict[str, Any]:
    """What a reconcile did; `changed` lists each version that came to hold a stage and was read
    back there. `refusals` are what stopped the whole run; `standing` are models that were refused
    already where `--since` looks."""
    done = list(outcomes)
    return {
        "commit": commit,
        "models": [
            {
                "model": outcome.model,
                "result": outcome.result,
                "changes": [change(one) for one in outcome.changes],
                "refusals": [_refusal(refusal) for refusal in outcome.refusals],
                "error": outcome.error,
                "gates": [verdict(one) for one in outcome.gates],
                "deferred": outcome.deferred,
            }
            for outcome in done
        ],
        "changed": [
            {"model": outcome.model, "stage": stage, "version": version}
            for outcome in done
            for stage, version in outcome.entered
        ],
        "receipt": receipt,
        "refusals": [_refusal(refusal) for refusal in refusals],
        "standing": list(standing),
        "summary": summary(done),
    }


def summary(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many models met which end, and the writes that were read back."""
    done = list(outcomes)
    counts = {result: sum(1 for outcome in done if outcome.result == result) for result in RESULTS}
    return {"models": len(done), **counts, "changes": sum(len(outcome.changes) for outcome in done)}


def change(one: Change) -> dict[str, Any]:
    return {
        "action": one.action,
        "version": one.version,
        "key": one.key,
        "from": one.before,
        "to": one.after,
        "cause": one.cause,
        "applies": one.applies,
        "commit": one.commit.sha if one.commit else None,
    }


def verdict(one: Verdict) -> dict[str, Any]:
    told = {
        "stage": one.stage,
        "version": one.version,
        "gate": one.gate,
        "status": one.status,
        "detail": one.detail,
    }
    return told | {
        key: value for key, value in (("until", one.until), ("needs", one.needs)) if value
    }


def _model(model: ModelPlan) -> dict[str, Any]:
    return {
        "model": model.model,
        "file": model.file,
        "sync": model.sync,
        "base": model.base,
        "stages": [
            {
                "stage": row.stage,
                "from": list(row.before),
                "to": list(row.after),
                "commit": row.commit.sha if row.commit else None,
                "cause": row.cause,
                "comparison": comparison_text.data(row.comparison) if row.comparison else None,
            }
            for row in model.stages
        ],
        "changes": [change(one) for one in model.changes],
        "gates": [verdict(one) for one in model.gates],
        "refusals": [_refusal(refusal) for refusal in model.refusals],
        "notes": list(model.notes),
        "deferred": model.deferred,
    }


def _refusal(refusal: Refusal) -> dict[str, str]:
    return {"code": refusal.code, "detail": refusal.detail, "way_out": refusal.way_out}


def _stages(stages: Any) -> dict[str, list[int]]:
    return {stage: list(versions) for stage, versions in stages.items()}
