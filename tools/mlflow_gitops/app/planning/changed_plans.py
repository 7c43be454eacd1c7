"""Copies of a model's plan: with secrets masked, or with nothing to write."""

from __future__ import annotations

from dataclasses import replace

from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.edges.system.redaction import redact


def without_secrets(plan: ModelPlan) -> ModelPlan:
    """The plan without secrets in texts that plug-ins, MLflow and the forge may have written."""
    if not plan.gates and not plan.refusals:
        return plan
    gates = (replace(verdict, detail=redact(verdict.detail)) for verdict in plan.gates)
    refusals = (replace(refusal, detail=redact(refusal.detail)) for refusal in plan.refusals)
    return replace(plan, gates=tuple(gates), refusals=tuple(refusals))


def held_back(model: ModelPlan) -> ModelPlan:
    """The plan with none of its changes applied and without stamps."""
    changes = tuple(replace(change, applies=False) for change in model.changes)
    return replace(model, changes=changes, stamps=())
