"""The events of one reconcile: what it applied, rolled back, put back and refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.notifying.events import EventKind, NotifyEvent
from mlflow_gitops.core.plan.applied_changes import AppliedChange
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import ModelPlan, StageChange
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.core.wording import version_list

OwnersOf = Callable[[str], tuple[str, ...]]
"""The owners of a model, by its name."""

_MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What one run did: its outcomes, the changes of stages that it applied, the rows of its plan,
    and what refuses the run as a whole."""

    outcomes: tuple[Outcome, ...]
    changes: tuple[AppliedChange, ...]
    plans: Mapping[str, ModelPlan]
    refusals: tuple[Refusal, ...] = ()


def applied_events(run: RunFacts, owners_of: OwnersOf) -> Iterator[NotifyEvent]:
    """What the run changed in stages: `applied`, `rolled_back`, or `drift` that was put back. Each
    happened once."""
    outcomes = {outcome.model: outcome for outcome in run.outcomes}
    for change in run.changes:
        plan, outcome = run.plans.get(change.model), outcomes[change.model]
        rows = plan.stages if plan is not None else ()
        row = next((row for row in rows if row.stage == change.stage), None)
        kind = _kind(change, outcome, row)
        yield NotifyEvent(
            kind,
            _applied_detail(kind, change, row),
            change.model,
            change.stage,
            change.version,
            owners_of(change.model),
            identity=change.receipt or change.commit,
        )


def refused_events(run: RunFacts, owners_of: OwnersOf) -> Iterator[NotifyEvent]:
    """What the run refused or could not apply. It stays so until somebody does something."""
    for refusal in run.refusals:
        detail = f"the whole run: {refusal.detail}"
        yield NotifyEvent("refused", detail, identity=refusal.code)
    for outcome in run.outcomes:
        reason = _refused_detail(outcome)
        if reason is not None:
            identity = repr(sorted(map(repr, _reasons(outcome))))
            owners = owners_of(outcome.model)
            yield NotifyEvent("refused", reason, outcome.model, owners=owners, identity=identity)


def _kind(change: AppliedChange, outcome: Outcome, row: StageChange | None) -> EventKind:
    writes = [
        write
        for write in outcome.changes
        if write.version == change.version or change.version is None
    ]
    if row is not None and row.cause == "drift":
        return "drift"
    if row is None and writes and all(write.cause == "drift" for write in writes):
        return "drift"
    return "rolled_back" if _is_rollback(change, outcome.gates, row) else "applied"


def _is_rollback(
    change: AppliedChange, verdicts: Iterable[Verdict], row: StageChange | None
) -> bool:
    """Whether a version came back. Gates leave a rollback out; without a gate, a version that is
    lower than the one before counts."""
    entry_verdicts = [
        verdict
        for verdict in verdicts
        if (verdict.stage, verdict.version) == (change.stage, change.version)
    ]
    if entry_verdicts:
        return any(verdict.facts.get("exempt") == "rollback" for verdict in entry_verdicts)
    before = max(row.before, default=0) if row is not None else 0
    return change.version is not None and change.version < before


def _applied_detail(kind: EventKind, change: AppliedChange, row: StageChange | None) -> str:
    after = version_list([change.version] if change.version is not None else [])
    if row is None:
        return f"{change.stage} {after}, commit {change.commit[:7]}"
    if kind == "drift":
        reason = f": {row.reason}" if row.reason else ""
        return f"{change.stage} put back to {after}{reason}"
    return f"{change.stage} {version_list(row.before)} → {after}{_by(row.commit)}"


def _by(commit: Commit | None) -> str:
    return f', {commit.sha[:7]} "{commit.subject}"' if commit is not None else ""


def _refused_detail(outcome: Outcome) -> str | None:
    """Why a model was refused or failed; None if it was not."""
    if outcome.error:
        return f"could not be applied: {outcome.error}"
    if not outcome.refusals:
        return None
    texts = [refusal.detail for refusal in outcome.refusals]
    texts += [f"{verdict.gate}: {verdict.detail}" for verdict in _failing(outcome.gates)]
    return "; ".join(texts[:_MOST_REASONS])


def _reasons(outcome: Outcome) -> Iterator[tuple[object, ...]]:
    """What refuses, without the numbers in texts, which may change from one round to the next."""
    if outcome.error:
        yield ("failed",)
    for refusal in outcome.refusals:
        yield refusal.code, refusal.version, refusal.field
    for verdict in _failing(outcome.gates):
        yield verdict.gate, verdict.stage, verdict.version


def _failing(verdicts: Iterable[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.status in ("failed", "unknown")]
