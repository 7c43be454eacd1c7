"""What monitors would say of the versions that hold `Production` by the receipts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from mlflow_gitops.app.audit.holders import holders_applied
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.health.verdict import HealthCheck, HealthState, HealthVerdict
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.times import format_datetime, parse_time

STAGE = "Production"
QUERY = 'sum(rate(errors{model="churn"}[24h]))'


@dataclass
class Clinic:
    """The state of each version now (`now`), and at earlier moments (`then`); `unknown` unless it
    is set."""

    now: dict[int, HealthState] = field(default_factory=dict)
    then: dict[int, HealthState] = field(default_factory=dict)
    query: str = QUERY
    reason: str = "error_rate was 0.08 > 0.02 over 812 samples."
    asked: list[datetime | None] = field(default_factory=list)

    def installed(self, patch: pytest.MonkeyPatch) -> Clinic:
        """Answer in the place of Prometheus and of monitors."""
        for module in ("commands.way_back", "app.health.earlier_holders", "app.health.reading"):
            patch.setattr(f"mlflow_gitops.{module}.read_health", self.read)
        return self

    def read(
        self,
        workspace: Workspace,
        policy: Policy,
        models: Collection[str] = (),
        stages: Collection[str] = (),
        at: datetime | None = None,
        trail: AuditTrail | None = None,
    ) -> list[HealthVerdict]:
        """As `read_health`."""
        self.asked.append(at)
        trail = trail or AuditTrail(workspace)
        moment = at or workspace.settings.now()
        index = len(trail.line.shas) - 1
        held = holders_applied(trail, index, format_datetime(moment))
        states = self.now if at is None else self.then
        return [
            self._verdict(policy, model.model, version, moment, model.since[STAGE].at, states)
            for model in held
            for version in model.stages.get(STAGE, ())
            if not models or model.model in models
        ]

    def _verdict(
        self,
        policy: Policy,
        model: str,
        version: int,
        moment: datetime,
        entered: str,
        states: dict[int, HealthState],
    ) -> HealthVerdict:
        rule = policy.for_model(model).stages[STAGE].health
        assert rule is not None
        state = states.get(version, "unknown")
        is_bad = state == "unhealthy"
        reason = self.reason if is_bad else f"error_rate of {version} is {state}."
        check = HealthCheck(
            "error_rate",
            "prometheus",
            self.query,
            "≤ 0.02",
            state,
            reason,
            0.08 if is_bad else 0.001,
            3 if is_bad else 0,
            3,
        )
        end = parse_time(entered) + timedelta(hours=24)
        return HealthVerdict(
            model,
            STAGE,
            version,
            state,
            reason,
            entered,
            format_datetime(end),
            format_datetime(moment),
            (check,),
            samples=812,
            minimum_samples=500,
            on_failure=rule.on_failure,
        )
