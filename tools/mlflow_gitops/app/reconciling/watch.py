"""Continuous reconcile: fetch the main line, apply what is new, heal or report drift, again and
again (RULES R8).

A round that fails is reported and tried again, later each time. So is a single model that fails.
Only the stop signal ends the loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from mlflow_gitops.app.main_branch import fetch_main
from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.reconciling.figures import RoundFigures
from mlflow_gitops.app.reconciling.news import News, NewsDesk
from mlflow_gitops.app.reconciling.on_change import Notifier
from mlflow_gitops.app.reconciling.reconcile import Reconciler
from mlflow_gitops.app.reconciling.resting import RestingModels, backoff, jittered
from mlflow_gitops.app.reconciling.round_report import RoundReport
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.errors import Failure, GitFailure, RegistryFailure

if TYPE_CHECKING:
    from mlflow_gitops.core.plan.plan import Plan
    from mlflow_gitops.edges.mlflow.registry import Registry
    from mlflow_gitops.edges.system.metrics import Metrics, Round

_EVIDENCE_LIFETIME = 15 * 60.0
"""Seconds for which a round judges by what earlier rounds read of MLflow and GitHub: a refusal is
judged by new readings after that time."""


class Stop(Protocol):
    """The signal that ends the loop. `wait` returns early if it is set."""

    def is_set(self) -> bool: ...
    def wait(self, seconds: float, /) -> object: ...


class Watcher:
    """Keeps one registry at one repository's main line until `stop` is set.

    `connect` returns the registry, or raises RegistryFailure as long as it cannot be reached.
    `publish` gets the news of each round. `interval` is in seconds; `clock` is monotonic.
    """

    def __init__(
        self,
        workspace: Callable[[], Workspace],
        connect: Callable[[], Registry],
        metrics: Metrics,
        publish: Callable[[News], None],
        stop: Stop,
        *,
        interval: float,
        plan_options: PlanOptions,
        models: Sequence[str] = (),
        push_receipts: bool = False,
        jobs: int | None = None,
        notifier: Notifier | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace = workspace
        self._connect = connect
        self._metrics = metrics
        self._news = news = NewsDesk(publish)
        self._report = RoundReport(news, metrics)
        self._stop = stop
        self._interval = interval
        self._plan_options = plan_options
        self._models = models
        self._push = push_receipts
        self._jobs = jobs
        self._notifier = notifier
        self._clock = clock
        self._resting = RestingModels(interval, clock)
        self._figures = RoundFigures()
        self._registry: Registry | None = None
        self.last_plan: Plan | None = None
        """The plan of the last round that could look."""
        self._reconciler: Reconciler | None = None
        self._reconciler_made_at = 0.0

    def run(self) -> None:
        """Run round after round until `stop` is set."""
        failures = 0
        while not self._stop.is_set():
            failures = self._try_round(failures)
            self._stop.wait(jittered(backoff(self._interval, failures)))

    def _try_round(self, failures: int) -> int:
        """Run one round, and report it if it fails. Takes and returns how many rounds in a row have
        failed."""
        began = self._clock()
        try:
            figures = self._round()
        except Failure as failure:
            self._report.failure(failure)
            # A longer wait spares a server that is down. It would not help with a commit that
            # cannot be read, and the commit that fixes it may come at once.
            return failures + 1 if isinstance(failure, RegistryFailure) else 0
        except BrokenPipeError:  # nobody reads the log any more
            raise
        except Exception as error:  # a fault of ours must not end the loop
            self._report.surprise(error, lambda: self._workspace().settings)
            return failures + 1

        if figures is not None:
            self._metrics.record_round(figures, self._clock() - began)
            self._report.many_models(len(figures.sync))
            self._news.clear("failure")
        return 0

    def _round(self) -> Round | None:
        """Reconcile once. None if the loop is to end before anything is done."""
        workspace = self._workspace()
        self._fetch(workspace)
        if self._stop.is_set():
            return None
        commit = workspace.git.resolve(workspace.main_ref)
        reconciler = self._reconciler_for(workspace, commit)

        fault = reconciler.fetch_receipts()
        if fault is not None:
            self._report.unfetched_receipts(commit, fault)
        planned = reconciler.planner.plan(self._models)
        self.last_plan = planned.plan
        self._report.plan(commit, planned.plan)
        if planned.plan.refusals:
            return self._figures.of(commit, planned.plan)
        if self._stop.is_set():
            return None

        resting = self._resting.at(commit)
        run = reconciler.apply(planned.without(resting), self._until_stopped)
        self._resting.update(run.outcomes)
        self._news.report_run(commit, run)
        if run.unrecorded:
            self._metrics.record_failure("receipt")
        if self._notifier is not None:
            self._report.notifications(commit, self._notifier.notify(planned, run))
        return self._figures.of(commit, planned.plan, run, len(resting))

    def _fetch(self, workspace: Workspace) -> None:
        """Fetch the main line, and follow the remote's default branch if it was renamed. If that
        fails, the round goes on with the commits that are here."""
        try:
            remark = fetch_main(workspace, self._stop.is_set)
        except GitFailure as failure:
            if self._stop.is_set():
                return
            self._report.failed_fetch(failure)
            return
        self._report.fetched(remark)

    def _reconciler_for(self, workspace: Workspace, commit: str) -> Reconciler:
        """The reconciler of a commit. It is kept for the next rounds, since it has read what gates
        ask, but not for ever."""
        current = self._reconciler
        is_fresh = self._clock() - self._reconciler_made_at < _EVIDENCE_LIFETIME
        if current is not None and current.commit == commit and is_fresh:
            return current

        self._reconciler = None
        snapshot = workspace.at(commit)
        try:
            self._registry = self._registry or self._connect()
        except RegistryFailure:
            self._registry = None
            raise
        self._reconciler = Reconciler(
            workspace,
            self._registry,
            Target.of_commit(workspace, snapshot, commit),
            self._plan_options,
            push_receipts=self._push,
            jobs=self._jobs,
        )
        self._reconciler_made_at = self._clock()
        return self._reconciler

    def _until_stopped(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            yield outcome
            if self._stop.is_set():  # the models under way are still finished and recorded
                return
