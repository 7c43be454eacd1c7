"""Notifies of what `reconcile` does: once, or in the rounds of its loop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from mlflow_gitops.app.notifying.memory import load_sent, save_sent
from mlflow_gitops.app.notifying.notifications import Notifications
from mlflow_gitops.app.planning.planned import Planned
from mlflow_gitops.app.reconciling.earlier_refusals import EarlierRefusals
from mlflow_gitops.app.reconciling.reconcile import Reconciler, RunResult
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.notifying.events import EventKind, NotifyEvent
from mlflow_gitops.core.notifying.plan_events import drift_events
from mlflow_gitops.core.notifying.run_events import (
    OwnersOf,
    RunFacts,
    applied_events,
    refused_events,
)
from mlflow_gitops.core.plan.applied_changes import applied_changes

_REFUSED: tuple[EventKind, ...] = ("refused",)
_REFUSED_OR_DRIFTED: tuple[EventKind, ...] = ("refused", "drift")


def owners_in(snapshot: Snapshot) -> OwnersOf:
    """The owners that a snapshot's manifests name; the policy's for a manifest without any, and for
    one that is invalid."""

    def owners_of(model: str) -> tuple[str, ...]:
        manifest = snapshot.manifests.get(model)
        return (manifest.owners if manifest is not None else ()) or snapshot.policy.owners

    return owners_of


def notify_of_run(
    workspace: Workspace,
    reconciler: Reconciler,
    planned: Planned,
    result: RunResult | None,
    earlier: EarlierRefusals,
    since: str | None,
) -> None:
    """Notify of one run; `result` is None if it was refused as a whole. What does not work is
    reported as a warning.

    `since` is the option of the command. With a commit, only refusals that `earlier` does not
    contain are sent. If it is empty, no push started the run, and refusals are nothing new. Without
    it, what this clone remembers is not sent again.
    """
    run, owners_of = (
        _facts(workspace, planned, result),
        owners_in(reconciler.planner.target.snapshot),
    )
    happened = list(applied_events(run, owners_of))
    refused = list(refused_events(run, owners_of))
    notifications = Notifications(load_sent(workspace))
    if since is None:
        faults = notifications.report(workspace, happened=happened, ongoing=refused, kinds=_REFUSED)
        save_sent(workspace, notifications.sent)
    else:
        refused_before: set[str | None] = {
            outcome.model
            for outcome in run.outcomes
            if outcome.error is None and earlier.contain(outcome)
        }
        if earlier.contain_run(run.refusals):
            refused_before.add(None)
        new = [event for event in refused if since and event.model not in refused_before]
        faults = notifications.report(workspace, happened=[*happened, *new])
    for fault in faults:
        workspace.settings.warn(fault)


class RoundNotifications:
    """Notifies of the rounds of the loop: each thing once, also after a restart in the clone.
    `report_faults` gets what did not work in each round, nothing included."""

    def __init__(self, report_faults: Callable[[list[str]], None]) -> None:
        self._report_faults = report_faults
        self._notifications: Notifications | None = None
        self._refused: dict[str | None, list[NotifyEvent]] = {}
        self._drift: dict[str | None, list[NotifyEvent]] = {}

    def report_refused(
        self, workspace: Workspace, reconciler: Reconciler, planned: Planned, *, is_whole: bool
    ) -> None:
        """Send that a round was refused as a whole. It `is_whole` if it was over all models."""
        self._report(workspace, reconciler, _facts(workspace, planned, None), is_whole)

    def report_run(
        self,
        workspace: Workspace,
        reconciler: Reconciler,
        planned: Planned,
        result: RunResult,
        *,
        is_whole: bool,
    ) -> None:
        """Send what is new in a round, and what was not delivered before. `planned` has the models
        of the round, `result` those that it came to."""
        self._report(workspace, reconciler, _facts(workspace, planned, result), is_whole)

    def _report(
        self, workspace: Workspace, reconciler: Reconciler, run: RunFacts, is_whole: bool
    ) -> None:
        if self._notifications is None:
            self._notifications = Notifications(load_sent(workspace))
        owners_of = owners_in(reconciler.planner.target.snapshot)
        self._update(run, owners_of, is_whole)
        groups = (*self._refused.values(), *self._drift.values())
        before = self._notifications.sent
        faults = self._notifications.report(
            workspace,
            happened=list(applied_events(run, owners_of)),
            ongoing=[event for group in groups for event in group],
            kinds=_REFUSED_OR_DRIFTED,
        )
        if self._notifications.sent != before:
            save_sent(workspace, self._notifications.sent)
        self._report_faults(faults)

    def _update(self, run: RunFacts, owners_of: OwnersOf, is_whole: bool) -> None:
        """Bring what goes on up to date. A model that this round did not come to stays as it was:
        it waits for its next try, or the round was over others."""
        reached = {outcome.model for outcome in run.outcomes}
        self._refused = _unchanged(self._refused, {None, *reached}, run.plans, is_whole)
        self._drift = _unchanged(self._drift, {None, *run.plans}, run.plans, is_whole)
        for event in refused_events(run, owners_of):
            self._refused.setdefault(event.model, []).append(event)
        for event in drift_events(run.plans.values(), owners_of):
            self._drift.setdefault(event.model, []).append(event)


def _unchanged(
    groups: Mapping[str | None, list[NotifyEvent]],
    reached: Collection[str | None],
    planned: Collection[str],
    is_whole: bool,
) -> dict[str | None, list[NotifyEvent]]:
    """The events of models that a round did not come to. A round over all models leaves out those
    that it does not plan: they have no manifest any more."""
    return {
        model: group
        for model, group in groups.items()
        if model not in reached and not (is_whole and model not in planned)
    }


def _facts(workspace: Workspace, planned: Planned, result: RunResult | None) -> RunFacts:
    environment = workspace.environment.name if workspace.environment else None
    plans = {model.model: model for model in planned.plan.models}
    if result is None:
        return RunFacts((), (), plans, planned.plan.refusals)
    commit = planned.plan.commit or ""
    changes = applied_changes(result.outcomes, planned.desired, commit, environment, result.receipt)
    return RunFacts(result.outcomes, tuple(changes), plans, planned.plan.refusals)
