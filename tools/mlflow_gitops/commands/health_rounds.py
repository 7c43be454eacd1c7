"""Health in the rounds of `reconcile --watch` (RULES R14): looked at every five minutes, reported
once for each change, and shown in the metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.reconciling.news import News, NewsDesk
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.edges.system.unexpected import describe, print_traceback
from mlflow_gitops.errors import Failure

if TYPE_CHECKING:
    from mlflow_gitops.commands.way_back import WayBackRun
    from mlflow_gitops.edges.system.metrics.loop import Metrics

PERIOD = 5 * 60.0
"""Seconds between two looks: a check's values are seldom closer together."""

_SILENT = ("none", "unchanged")


class HealthRounds:
    """Called at the end of each round with what was reconciled. `workspace` gives a new workspace,
    `publish` gets the news; `clock` is monotonic. No failure here ends a round."""

    def __init__(
        self,
        workspace: Callable[[], Workspace],
        metrics: Metrics,
        publish: Callable[[News], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace = workspace
        self._metrics = metrics
        self._news = NewsDesk(publish)
        self._clock = clock
        self._next = clock()
        self._was_recorded = False

    def __call__(self, target: Target) -> None:
        """Look, if it is time to and the policy asks for health."""
        gauges = self._metrics.health_gauges
        if not _is_watched(target):
            gauges.forget()
            self._was_recorded = False
            return
        # A failed round forgets what the metrics had.
        is_lost = self._was_recorded and not gauges.is_known
        if self._clock() < self._next and not is_lost:
            return
        self._next = self._clock() + PERIOD

        way_back_run = self._look(target.commit)
        verdicts = way_back_run.verdicts if way_back_run is not None else None
        self._was_recorded = verdicts is not None
        if verdicts is None:
            gauges.forget()
        else:
            gauges.record(verdicts)

    def _look(self, commit: str | None) -> WayBackRun | None:
        """Look once, and report what it came to. None if nothing could be looked at."""
        from mlflow_gitops.commands.way_back import look  # few policies ask for health

        try:
            way_back_run = look(self._workspace())
        except Failure as failure:
            self._report_failures(commit, str(failure))
            return None
        except Exception as error:
            print_traceback("health", error, self._workspace().settings)
            self._report_failures(commit, f"Unexpected {describe(error)}.")
            return None

        self._report_outcomes(commit, way_back_run)
        self._report_failures(commit, *map(str, way_back_run.failures))
        return way_back_run

    def _report_outcomes(self, commit: str | None, way_back_run: WayBackRun) -> None:
        from mlflow_gitops.render.way_back import text

        outcomes = [outcome for outcome in way_back_run.outcomes if outcome.result not in _SILENT]
        state = [
            (outcome.model, outcome.stage, outcome.result, outcome.url) for outcome in outcomes
        ]
        self._news.report("health", state or None, News(commit, health=tuple(text(outcomes))))

    def _report_failures(self, commit: str | None, *messages: str) -> None:
        if not messages:
            self._news.clear("failure")
            return
        self._metrics.record_failure("health")
        self._news.report("failure", messages, News(commit, failure=" ".join(messages)))


def _is_watched(target: Target) -> bool:
    """Whether the policy asks for health of any stage of a model."""
    snapshot = target.snapshot
    rules = {
        id(policy): policy
        for policy in (
            snapshot.policy.for_model(name, manifest.kind)
            for name, manifest in snapshot.manifests.items()
        )
    }
    stages = (rule for policy in rules.values() for rule in policy.stages.values())
    return any(rule.health is not None for rule in stages)
