"""Continuous reconcile: fetch the main line, apply what is new, heal or report drift, again and
again (RULES R8).

A round that fails is told and tried again, later each time, and so is a model that fails, by
itself; only being told to stop ends the loop.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.reconciling.reconcile import Reconciler, RunResult, reasons
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.errors import Failure, GitFailure, InvalidFiles, RegistryFailure, shortage

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry
    from mlflow_gitops.edges.system.metrics import Metrics, Round

AGAIN = 15 * 60.0
"""Seconds after which a refusal is looked at anew: what a gate read of MLflow or GitHub is kept
that long."""
_LONGEST = 15 * 60.0
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class News:
    """What a round has to tell: only what is different from the round before."""

    commit: str | None = None
    done: RunResult | None = None
    outcomes: tuple[Outcome, ...] = ()
    passed: tuple[str, ...] = ()
    """Models that were refused, deferred or failed before and are not any more."""
    refusals: tuple[Refusal, ...] = ()
    """What stops the whole run."""
    invalid: Snapshot | None = None
    failure: str | None = None


class Stop(Protocol):
    """Whether the loop is to end; waiting ends as soon as it is."""

    def is_set(self) -> bool: ...
    def wait(self, seconds: float, /) -> object: ...


class Watcher:
    """Holds one registry to one repository's main line until `stop` is set.

    `connect` gives the registry, once it can be had. `tell` gets the news of each round. `interval`
    is in seconds.
    """

    def __init__(
        self,
        workspace: Callable[[], Workspace],
        connect: Callable[[], Registry],
        metrics: Metrics,
        tell: Callable[[News], None],
        stop: Stop,
        *,
        interval: float,
        plan_options: PlanOptions,
        models: Sequence[str] = (),
        push_receipts: bool = False,
        jobs: int | None = None,
    ) -> None:
        self._workspace = workspace
        self._connect = connect
        self._metrics = metrics
        self._tell = tell
        self._stop = stop
        self._interval = interval
        self._plan_options = plan_options
        self._models = models
        self._push = push_receipts
        self._jobs = jobs
        self._registry: Registry | None = None
        self._reconciler: Reconciler | None = None
        self._made = 0.0
        self._rests = Rests(interval)
        self._known: dict[str, object] = {}
        self._said: dict[str, object] = {}

    def run(self) -> None:
        """Round after round, until `stop` is set."""
        failed = 0
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                one = self._round()
                failed = 0
                if one is not None:
                    self._metrics.record_round(one, time.monotonic() - began)
                    self._say("failure", None)
            except Failure as failure:
                # A commit that cannot be read spares nobody by waiting: the one that mends it may
                # come at once.
                failed = failed + 1 if isinstance(failure, RegistryFailure) else 0
                self._metrics.record_failure(_where(failure))
                self._say("failure", str(failure), News(failure=str(failure)))
            except (OSError, MemoryError, RuntimeError) as error:
                said = shortage(error)
                if said is None:
                    raise
                failed += 1
                self._metrics.record_failure("machine")
                self._say("failure", said, News(failure=said))
            self._stop.wait(pause(self._interval, failed))

    def _round(self) -> Round | None:
        """One look at everything. None where a commit cannot be read, and where it is to end before
        anything is done."""
        from mlflow_gitops.edges.system.metrics import Round

        workspace = self._workspace()
        self._fetch(workspace)
        if self._stop.is_set():
            return None
        commit = workspace.git.resolve(workspace.main_ref)
        reconciler = self._at(workspace, commit)
        if reconciler is None:
            return None
        if fault := reconciler.fetch_receipts():
            self._metrics.record_failure("receipt")
            self._say(
                "receipts",
                fault,
                News(commit, failure=f"the receipts of other clones could not be fetched: {fault}"),
            )
        planned = reconciler.planner.plan(self._models)
        plan = planned.plan
        standing = _standing(plan)
        self._say("run", [*reasons(plan.refusals)] or None, News(commit, refusals=plan.refusals))
        if plan.refusals:
            return Round(commit, standing, refused=len(plan.models))
        if self._stop.is_set():
            return None
        resting = self._rests.of(commit)
        done = reconciler.apply(planned.without(resting), self._stoppable)
        self._rests.after(done.outcomes)
        self._told(commit, done)
        if done.trouble:
            self._metrics.record_failure("receipt")
        return Round(
            commit,
            standing,
            refused=len(done.refused),
            changes=sum(len(outcome.changes) for outcome in done.outcomes),
            failed=sum(outcome.result == "failed" for outcome in done.outcomes),
            resting=len(resting),
        )

    def _fetch(self, workspace: Workspace) -> None:
        """Bring in the main line. Where that fails, what is known is held to all the same."""
        try:
            workspace.git.fetch(self._stop.is_set)
        except GitFailure as failure:
            if self._stop.is_set():
                return
            self._metrics.record_failure("git")
            self._say(
                "fetch",
                str(failure),
                News(failure=f"{failure} Going on with the commits that are here."),
            )
        else:
            self._say("fetch", None)

    def _at(self, workspace: Workspace, commit: str) -> Reconciler | None:
        """What reconciles a commit: kept while the commit stays, since it has read what gates ask,
        but not for ever."""
        known = self._reconciler
        if known is not None and known.commit == commit and time.monotonic() - self._made < AGAIN:
            return known
        self._reconciler = None
        snapshot = workspace.at(commit)
        bad = [(p.file, p.line, p.code, p.message) for p in snapshot.errors] or None
        self._say("files", bad, News(commit, invalid=snapshot))
        if bad:
            self._metrics.record_failure("files")
            return None
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
        self._made = time.monotonic()
        return self._reconciler

    def _stoppable(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            yield outcome
            if self._stop.is_set():  # what is under way is finished and recorded
                return

    def _told(self, commit: str, done: RunResult) -> None:
        """Tell what was done, and each refusal, deferral and failure once."""
        new, passed = [], []
        for outcome in done.outcomes:
            trouble = _trouble(outcome)
            if (
                outcome.result == "applied"
                or outcome.changes
                or (trouble and trouble != self._known.get(outcome.model))
            ):
                new.append(outcome)
            if trouble:
                self._known[outcome.model] = trouble
            elif self._known.pop(outcome.model, None) and outcome.result == "unchanged":
                passed.append(outcome.model)
        lost = done.trouble if done.trouble != self._said.get("recorded") else []
        self._said["recorded"] = done.trouble
        if new or passed or done.recovered or lost:
            self._tell(News(commit, done, tuple(new), tuple(passed)))

    def _say(self, about: str, what: object, news: News | None = None) -> None:
        """Tell something once: again only when it is different."""
        if what == self._said.get(about):
            return
        self._said[about] = what
        if what is not None and news is not None:
            self._tell(news)


class Rests:
    """Models that failed. Each is left alone for a while, twice as long with each failure in a row:
    so one that nothing mends keeps no other waiting, nor writes a receipt each round. A new commit
    may be what mends it, and ends its rest."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._commit: str | None = None
        self._failed: dict[
            str, tuple[int, float]
        ] = {}  # how often in a row, and until when it rests

    def of(self, commit: str) -> set[str]:
        """The models that rest now."""
        if commit != self._commit:
            self._commit = commit
            self._failed.clear()
        now = time.monotonic()
        return {model for model, (_, until) in self._failed.items() if now < until}

    def after(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.result == "failed":
                times = self._failed.get(outcome.model, (0, 0.0))[0] + 1
                self._failed[outcome.model] = (
                    times,
                    time.monotonic() + backoff(self._interval, times),
                )
            else:
                self._failed.pop(outcome.model, None)


def backoff(interval: float, failed: int) -> float:
    """Seconds until the next try: the interval, twice as long with each failure in a row up to 15
    minutes."""
    return min(interval * 2.0 ** min(failed, 16), max(interval, _LONGEST))


def pause(interval: float, failed: int) -> float:
    """Seconds until the next round: a little more or less than `backoff`, so that many watchers do
    not ask at once."""
    return backoff(interval, failed) * random.uniform(1 - _JITTER, 1 + _JITTER)


def _where(failure: Failure) -> str:
    """What failed, as the metrics call it."""
    known = {RegistryFailure: "mlflow", InvalidFiles: "files"}
    return next((where for kind, where in known.items() if isinstance(failure, kind)), "git")


def _standing(plan: Plan) -> dict[str, int]:
    syncs = [model.sync for model in plan.models]
    return {
        sync: syncs.count(sync) for sync in ("Synced", "Pending", "Drifted", "Missing", "Unknown")
    }


def _trouble(outcome: Outcome) -> object:
    """What is wrong with a model, in a form that can be compared from round to round; None if
    nothing is."""
    if outcome.error:
        return "failed", outcome.error
    if outcome.refusals:
        return "refused", tuple(reasons(outcome.refusals, outcome.gates))
    return ("deferred", outcome.deferred) if outcome.deferred else None
