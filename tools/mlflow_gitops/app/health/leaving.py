"""How the versions did that a run took out of a stage, for its receipt (RULES R6, R14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.edges.system.unexpected import print_traceback

if TYPE_CHECKING:
    from mlflow_gitops.core.health.verdict import HealthVerdict


@dataclass(frozen=True, slots=True)
class LeavingHealth:
    """Reads the health of versions that lost their stage, by the receipts up to the run. `policy`
    is that of the reconciled commit."""

    workspace: Workspace
    policy: Policy

    def read(self, outcomes: Iterable[Outcome]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The verdicts by model, as receipts hold them. Nothing keeps a run from being recorded: if
        health cannot be read, there are none."""
        entered: dict[tuple[str, str], set[int]] = {}
        for outcome in outcomes:
            for stage, version in outcome.entered:
                if self._is_watched(outcome.model, stage):
                    entered.setdefault((outcome.model, stage), set()).add(version)
        if not entered:
            return {}

        try:
            verdicts = self._verdicts(entered)
        except Exception as error:
            print_traceback("health", error, self.workspace.settings)
            return {}
        return _stored(verdicts, entered)

    def _is_watched(self, model: str, stage: str) -> bool:
        kinds: tuple[Kind, ...] = ("model", "prompt")  # an outcome does not say which it is about
        rules = (self.policy.for_model(model, kind).stages.get(stage) for kind in kinds)
        return any(rule is not None and rule.health is not None for rule in rules)

    def _verdicts(self, entered: Iterable[tuple[str, str]]) -> Sequence[HealthVerdict]:
        from mlflow_gitops.app.health.reading import read_health  # few stages are watched

        models, stages = zip(*entered, strict=True)
        return read_health(self.workspace, self.policy, set(models), set(stages))


def _stored(
    verdicts: Iterable[HealthVerdict], entered: Mapping[tuple[str, str], set[int]]
) -> dict[str, list[Mapping[str, Any]]]:
    from mlflow_gitops.core.health.recorded_health import stored_health

    stored: dict[str, list[Mapping[str, Any]]] = {}
    for verdict in verdicts:
        versions = entered.get((verdict.model, verdict.stage))
        if versions is not None and verdict.version not in versions:
            stored.setdefault(verdict.model, []).append(stored_health(verdict))
    return stored
