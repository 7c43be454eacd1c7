"""Read how the versions that hold a stage are doing, now or at an earlier moment (RULES R13)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.health.live_values import Monitoring
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.stage_holders import StageHolders, applied_holders
from mlflow_gitops.core.health.judge import judge_health
from mlflow_gitops.core.health.looks import WatchedVersion
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.times import parse_time
from mlflow_gitops.errors import Failure

if TYPE_CHECKING:
    from mlflow_gitops.core.audit.events import ModelTimeline
    from mlflow_gitops.core.health.rule import HealthRule
    from mlflow_gitops.core.health.verdict import HealthVerdict
    from mlflow_gitops.core.manifests.desired import Desired
    from mlflow_gitops.core.observed.model import ObservedVersion
    from mlflow_gitops.edges.mlflow.registry import Registry


def read_health(
    workspace: Workspace,
    policy: Policy,
    models: Collection[str] = (),
    stages: Collection[str] = (),
    at: datetime | None = None,
    monitoring: Monitoring | None = None,
    trail: AuditTrail | None = None,
) -> list[HealthVerdict]:
    """The health of each version that held a stage with `health` in the policy, by the receipts up
    to `at` (now by default): in the order of models, stages and versions. `models` and `stages` are
    all if they are empty. `monitoring` is what was connected to before, `trail` what was read.

    A value that cannot be read makes its check `unknown`, and raises nothing. Raises what reading
    git and receipts raises.
    """
    reader = HealthReader(workspace, policy, models, monitoring, trail)
    return list(reader.verdicts(stages, at or workspace.settings.now()))


class HealthReader:
    """Reads verdicts about the models of one workspace, or about some of them, by one policy. The
    main line and the receipts are read once, MLflow and Prometheus when a check needs them."""

    def __init__(
        self,
        workspace: Workspace,
        policy: Policy,
        models: Collection[str] = (),
        monitoring: Monitoring | None = None,
        trail: AuditTrail | None = None,
    ) -> None:
        self._policy = policy
        single = next(iter(models)) if len(models) == 1 else None
        self._trail = trail or AuditTrail(workspace, single)
        self._timelines = [
            timeline for timeline in self._trail.timelines if not models or timeline.model in models
        ]
        _check_models(models, {timeline.model for timeline in self._timelines})
        environment = workspace.environment.name if workspace.environment else None
        self._monitoring = monitoring or Monitoring(environment, partial(_connect, workspace))

    def hints(self) -> list[str]:
        """What is missing in this clone, and how to get it."""
        return self._trail.hints()

    def verdicts(self, stages: Collection[str], at: datetime) -> Iterator[HealthVerdict]:
        """The verdicts on what held each of the stages at a moment; of all stages if none is
        named."""
        receipts = [r for r in self._trail.ledger.receipts if parse_time(r.at) <= at]
        for timeline in self._timelines:
            desired = timeline.desired_at(len(self._trail.line.shas) - 1)
            if desired is None:
                continue
            holders = applied_holders(timeline, self._trail.line, receipts)
            if holders is not None:
                yield from self._of_model(timeline, desired, holders, stages, at)

    def verdict(
        self, model: str, stage: str, version: int, entered: datetime, at: datetime
    ) -> HealthVerdict | None:
        """The verdict on one version that entered a stage at a moment, whether or not it holds the
        stage still; None if the policy has no health for it."""
        for timeline in self._timelines:
            if timeline.model == model:
                desired = timeline.desired_at(len(self._trail.line.shas) - 1)
                rule = self._rule(model, desired, stage)
                if rule is None:
                    return None
                watched = WatchedVersion(model, stage, version, entered, at)
                return self._judge(rule, watched, desired)
        return None

    def _of_model(
        self,
        timeline: ModelTimeline,
        desired: Desired,
        holders: StageHolders,
        stages: Collection[str],
        at: datetime,
    ) -> Iterator[HealthVerdict]:
        for stage, versions in holders.stages.items():
            rule = self._rule(timeline.model, desired, stage)
            since = holders.since.get(stage)
            if rule is None or since is None or (stages and stage not in stages):
                continue
            for version in versions:
                entered = parse_time(holders.entered.get((stage, version), since).at)
                watched = WatchedVersion(timeline.model, stage, version, entered, at)
                yield self._judge(rule, watched, desired)

    def _rule(self, model: str, desired: Desired | None, stage: str) -> HealthRule | None:
        kind = desired.manifest.kind if desired is not None else "model"
        rule = self._policy.for_model(model, kind).stages.get(stage)
        return rule.health if rule is not None else None

    def _judge(
        self, rule: HealthRule, watched: WatchedVersion, desired: Desired | None
    ) -> HealthVerdict:
        spec = desired.manifest.versions.get(watched.number) if desired is not None else None
        find_version = partial(self._find_version, watched.model, watched.number, desired)
        declared = tuple(spec.tags) if spec is not None else ()
        live = self._monitoring.of_version(find_version, declared)
        return judge_health(rule, watched, live)

    def _find_version(
        self, model: str, number: int, desired: Desired | None
    ) -> ObservedVersion | None:
        kind = desired.manifest.kind if desired is not None else "model"
        observed = self._monitoring.registry.read(model, kind)
        return observed.versions.get(number) if observed is not None else None


def _check_models(names: Collection[str], known: Collection[str]) -> None:
    """One name alone is checked when its history is read."""
    for name in names:
        if name not in known:
            raise Failure(f"No commit of the main branch has a manifest of {name}.")


def _connect(workspace: Workspace) -> Registry:
    from mlflow_gitops.app.connect import connect  # Prometheus alone needs no MLflow

    return connect(workspace)
