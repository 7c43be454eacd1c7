"""What the hourly run notifies of: drift that stays, and refusals that begin without a push (RULES
R15). A check grew too old during a soak, for example, or gates refuse to put drift back.

The `reconcile` of a push notifies of the refusals that the push makes. The text of the issue
remembers, in an invisible line, the commit that it is about and the refusals that a push made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mlflow_gitops.app.notifying.forge_notifications import notified_text
from mlflow_gitops.app.notifying.run_notifications import owners_in
from mlflow_gitops.app.notifying.settings_file import notifies
from mlflow_gitops.app.planning.planner import Planner
from mlflow_gitops.app.reconciling.earlier_refusals import refused_at
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.notifying.events import NotifyEvent
from mlflow_gitops.core.notifying.plan_events import drift_events
from mlflow_gitops.core.notifying.run_events import RunFacts, refused_events
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.edges.forge import Forge
from mlflow_gitops.errors import Failure

_LINE = re.compile(r"<!-- mlflow-gitops:pushed ([0-9a-f]{40}|[0-9a-f]{64})((?: [0-9a-f]{16})*) -->")


@dataclass(frozen=True, slots=True)
class PushedRefusals:
    """The refusals of the plan of `commit` that a push made, by the keys of their events. `commit`
    is None if it is not known."""

    commit: str | None = None
    keys: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str) -> PushedRefusals:
        """What the issue's text remembers."""
        match = _LINE.search(text)
        return cls(match[1], frozenset(match[2].split())) if match is not None else cls()

    @property
    def line(self) -> str:
        """The line that remembers it; nothing without a commit."""
        if self.commit is None:
            return ""
        words = " ".join([self.commit, *sorted(self.keys)])
        return f"<!-- mlflow-gitops:pushed {words} -->\n"


def drift_page(
    workspace: Workspace,
    planner: Planner,
    plan: Plan,
    forge: Forge,
    issue_key: str,
    run_url: str | None,
    page: str,
) -> str:
    """Send what is new, and return the text of the issue with the lines that remember it. Without
    `notify.yaml`, the text stays as it is. `run_url` is the address of this run in CI."""
    if not notifies(workspace):
        return page

    try:
        kept = forge.kept_text(issue_key) or ""
    except Failure as failure:
        workspace.settings.warn(f"nobody was notified: {failure}")
        return page
    pushed, refused = PushedRefusals.read(kept), _refused(planner, plan)
    try:
        if refused and pushed.commit is None and run_url is not None:
            pushed = PushedRefusals(forge.last_success(run_url))
        pushed = _updated(pushed, planner, plan, refused)
    except Failure as failure:
        workspace.settings.warn(f"nobody was notified of new refusals: {failure}")
        refused = [event for event in refused if event.key in kept]  # those that were sent
    ongoing = [
        *drift_events(plan.models, owners_in(planner.target.snapshot)),
        *(event for event in refused if event.key not in pushed.keys),
    ]
    text = pushed.line + page
    return notified_text(workspace, ongoing, ("drift", "refused"), lambda: kept, text)


def _outcomes(plan: Plan) -> Iterator[Outcome]:
    """The refused models, as a `reconcile` reports them."""
    for model in plan.models:
        if model.refusals:
            yield Outcome(model.model, "refused", refusals=model.refusals, gates=model.gates)


def _refused(planner: Planner, plan: Plan) -> list[NotifyEvent]:
    """One event for each refused model."""
    run = RunFacts(tuple(_outcomes(plan)), (), {})
    return list(refused_events(run, owners_in(planner.target.snapshot)))


def _updated(
    before: PushedRefusals, planner: Planner, plan: Plan, refused: Sequence[NotifyEvent]
) -> PushedRefusals:
    """The refusals that pushes made, at the plan's commit. A push since the commit before made
    what is not refused at that commit."""
    keys = {event.model: event.key for event in refused}
    pushed = before.keys.intersection(keys.values())
    if before.commit != plan.commit:
        earlier = refused_at(planner, before.commit, replace(plan, refusals=(), errors=()))
        new = {keys[outcome.model] for outcome in _outcomes(plan) if not earlier.contain(outcome)}
        pushed |= new
    return PushedRefusals(plan.commit, pushed)
