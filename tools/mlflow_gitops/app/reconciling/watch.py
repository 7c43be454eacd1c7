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
from mlflow_gitops.app.notifying.run_notifications import RoundNotifications
from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.planned import Planned
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.reconciling.figures import RoundFigures
from mlflow_gitops.app.reconciling.kept_reconciler import KeptReconciler
from mlflow_gitops.app.reconciling.news import News, NewsDesk
from mlflow_gitops.app.reconciling.on_change import Notifier
from mlflow_gitops.app.reconciling.reconcile import Reconciler, RunResult
from mlflow_gitops.app.reconciling.resting import RestingModels, backoff, jittered
from mlflow_gitops.app.reconciling.round_report import RoundReport
from mlflow_gitops.app.reconciling.wakeups import Wakeups
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.errors import Failure, GitFailure, RegistryFailure

if TYPE_CHECKING:
    from mlflow_gitops.core.plan.plan import Plan
    from mlflow_gitops.edges.mlflow.registry import Registry
    from mlflow_gitops.edges.system.metrics.loop import Metrics, Round


class Stop(Protocol):
    """The signal that ends the loop. `wait` returns early if it is set."""

    def is_set(self) -> bool: ...
    def wait(self, seconds: float, /) -> object: ...


class Watcher:
    """Keeps one registry at one repository's main line until `stop` is set.

    `connect` returns the registry, or raises RegistryFailure as long as it cannot be reached.
    `publish` gets the news of each round, then `health` looks. `wakeups` has models to look at
    before the next round is due. `interval` is in seconds; `clock` is monotonic.
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
        wakeups: Wakeups | None = None,
        health: Callable[[Target], None] = lambda target: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace = workspace
        self._metrics = metrics
        self._news = news = NewsDesk(publish)
        self._report = RoundReport(news, metrics)
        self._stop = stop
        self._interval = interval
        self._models = models
        self._notifier = notifier
        self._health = health
        self._wakeups = wakeups or Wakeups(lambda: None, clock)
        self._clock = clock
        self._reconcilers = KeptReconciler(
            connect, plan_options, clock, push_receipts=push_receipts, jobs=jobs
        )
        self._resting = RestingModels(interval, clock)
        self._figures = RoundFigures()
        self._people = RoundNotifications(self._report.undelivered)
        self._whole_round_at: str | None = None
        """The commit of the last round over all models, if that was not refused as a whole."""
        self.last_plan: Plan | None = None
        """The plan of the last round that could look at all models."""

    def run(self) -> None:
        """Run round after round until `stop` is set."""
        failures = 0
        while not self._stop.is_set():
            failures = self._try_round(failures)
            self._wait(jittered(backoff(self._interval, failures)), failures)

    def _wait(self, seconds: float, failures: int) -> None:
        """Wait until the next round is due. Meanwhile, look at the models that somebody names; if
        the last round failed, that is a reason for the next one."""
        due = self._clock() + seconds
        self._stop.wait(seconds)
        while not self._wakeups.is_empty and not self._stop.is_set() and self._clock() < due:
            self._stop.wait(self._wakeups.pause())
            woken = self._wakeups.drain()
            if failures or self._stop.is_set() or self._try_round(failures, woken):
                return
            self._stop.wait(max(0.0, due - self._clock()))

    def _try_round(self, failures: int, woken: frozenset[str] | None = None) -> int:
        """Run one round over all models, or over those that somebody named, and report it if it
        fails. Takes and returns how many rounds in a row have failed."""
        began = self._clock()
        try:
            figures = self._round(woken)
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
            if figures.is_whole:
                self._report.many_models(len(figures.sync))
            self._news.clear("failure")
        return 0

    def _round(self, woken: frozenset[str] | None) -> Round | None:
        """Reconcile once. None if the loop is to end before anything is done, or if nothing that
        somebody named is managed here."""
        workspace = self._workspace()
        _fetch(workspace, self._stop, self._report)
        if self._stop.is_set():
            return None
        commit = workspace.git.resolve(workspace.main_ref)
        reconciler = self._reconcilers.at(workspace, commit)
        # A new commit is for a round over all models, which the limits of a run are made for.
        is_whole = woken is None or commit != self._whole_round_at
        models = reconciler.planner.models
        names = self._models if is_whole else models.managed(woken or (), self._models)
        if not names and not is_whole:
            return None

        fault = reconciler.fetch_receipts()
        if fault is not None:
            self._report.unfetched_receipts(commit, fault)
        unplanned = 0 if is_whole else models.count_of_others(names)
        planned = reconciler.planner.plan(names, unplanned=unplanned)
        if is_whole:
            self.last_plan = planned.plan
            self._report.plan(commit, planned.plan)
            self._whole_round_at = None if planned.plan.refusals else commit
        if planned.plan.refusals:
            self._people.report_refused(workspace, reconciler, planned, is_whole=is_whole)
            return self._figures.of(commit, planned.plan, is_whole=is_whole)
        if self._stop.is_set():
            return None

        resting = self._resting.at(commit)
        run = self._apply(reconciler, planned, resting)
        self._people.report_run(workspace, reconciler, planned, run, is_whole=is_whole)
        self._health(reconciler.planner.target)
        return self._figures.of(commit, planned.plan, run, len(resting), is_whole=is_whole)

    def _apply(self, reconciler: Reconciler, planned: Planned, resting: set[str]) -> RunResult:
        """Apply a plan without the models that rest, and report it."""
        run = reconciler.apply(planned.without(resting), self._until_stopped)
        self._resting.update(run.outcomes)
        self._news.report_run(reconciler.commit, run)
        if run.unrecorded:
            self._metrics.record_failure("receipt")
        if self._notifier is not None:
            notifications = self._notifier.notify(planned, run)
            self._report.notifications(reconciler.commit, notifications)
        return run

    def _until_stopped(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            yield outcome
            if self._stop.is_set():  # the models under way are still finished and recorded
                return


def _fetch(workspace: Workspace, stop: Stop, report: RoundReport) -> None:
    """Fetch the main line, and follow the remote's default branch if it was renamed. If that fails,
    the round goes on with the commits that are here."""
    try:
        remark = fetch_main(workspace, stop.is_set)
    except GitFailure as failure:
        if not stop.is_set():
            report.failed_fetch(failure)
        return
    report.fetched(remark)
