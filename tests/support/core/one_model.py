"""Values of one model, `m`, for tests of planning: desired, observed, its history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mlflow_gitops.core.history.base import BaseState
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import Entry, new_holders
from mlflow_gitops.core.history.tenures import ReconciledHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.manifest_checks import check_policy
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.core.recorded.values import Record
from mlflow_gitops.core.verdicts.verdict import Refusal
from tests.support.core.evidence import FakeEvidence

OWNER = "0" * 40 + ":registry"
BASE = "3f2a9c1" + "0" * 33
NOW = "2026-02-01T12:00:00Z"
DIGEST, MD5 = "5b6f8a1c", "d8e8fca2dc0f896fd7cb4cb0031ba249"


def make_desired(body: str, policy: str = "") -> Desired:
    rules = (read_policy(policy.encode(), "policy.yaml")[0] if policy else Policy()) or pytest.fail(
        policy
    )
    manifest, document = read_manifest(f"name: m\n{body}\n".encode(), "registry/models/m.yaml")
    assert manifest is not None, document.problems
    check_policy(document, rules.for_model("m"))
    assert not document.problems
    return Desired(manifest, rules.for_model("m"))


def make_observed(
    *versions: ObservedVersion | int, aliases: dict[str, int] | None = None, **tags: str
) -> ObservedModel:
    observed = [ObservedVersion(v) if isinstance(v, int) else v for v in versions]
    model_tags = {key.replace("_", "."): value for key, value in tags.items()}
    return ObservedModel(
        "m", tags=model_tags, aliases=aliases or {}, versions={v.number: v for v in observed}
    )


def make_version(number: int, stage: str, **about: object) -> ObservedVersion:
    return replace(ObservedVersion(number, stage), **about)  # type: ignore[arg-type]


def make_history(
    *states: Desired | None, base: str | None = None, state: BaseState = "none"
) -> ModelHistory:
    points = [
        Point(Commit(f"{i:040x}", NOW, "A Person <a@example.org>", f"Commit {i}"), state_at_commit)
        for i, state_at_commit in enumerate(states)
    ]
    return ModelHistory(base, state, tuple(points))


def make_context(
    read: Callable[[str | None], Record | None] = lambda run: None,
    reconciles: Callable[[str], ReconciledHistory] = lambda model: ReconciledHistory(),
    **more: bool,
) -> PlanContext:
    evidence = FakeEvidence(read=lambda version: read(version.run_id), reconciles=reconciles)
    return PlanContext(OWNER, NOW, evidence, **more)


def returning(history: ModelHistory) -> ModelHistory:
    """The history of versions that come back to stages in which git had them before the base."""
    target = history.points[-1]
    assert target.desired is not None
    entries = tuple(
        Entry(stage, version, target.commit, target.desired.policy)
        for stage, version in new_holders(target.desired, history.before)
    )
    return replace(
        history, entries=entries, earlier_points=(Point(history.points[0].commit, target.desired),)
    )


def refusals_of(
    body: str,
    observed: ObservedModel | None,
    *,
    policy: str = "",
    read: Callable[[str | None], Record | None] = lambda run: None,
) -> list[Refusal]:
    """The refusals of a plan against what MLflow shows, without a base."""
    return list(
        plan_model(
            "m", make_history(make_desired(body, policy)), observed, make_context(read)
        ).refusals
    )
