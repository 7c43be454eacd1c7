"""Plan one model: pure, from its history in git, what MLflow shows, and the evidence (RULES R2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.changes import find_changes
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.plan import Change, ModelPlan, StageChange, Sync
from mlflow_gitops.core.plan.refusals.compared_versions import digest_note, files_to_compare
from mlflow_gitops.core.plan.refusals.freezes import freeze_reason
from mlflow_gitops.core.plan.refusals.model_refusals import refusals
from mlflow_gitops.core.plan.stage_rows import desired_stages, observed_stages, stage_rows
from mlflow_gitops.core.plan.stamps import stamps
from mlflow_gitops.core.verdicts.invalid_files import FileErrors
from mlflow_gitops.core.verdicts.verdict import EntryVerdicts, Refusal


def plan_model(
    name: str, history: ModelHistory, observed: ObservedModel | None, context: PlanContext
) -> ModelPlan:
    """Plan one managed model; `observed` is None if MLflow does not have it. A model without a
    manifest has no target and is not planned."""
    desired = history.target
    assert desired is not None
    model = observed or ObservedModel(name)
    file, base = desired.manifest.file, history.base
    observed_holders, desired_holders = observed_stages(model, desired), desired_stages(desired)
    if model.fault is not None or history.base_state not in ("none", "known"):
        refused = tuple(refusals(desired, history, observed, (), context))
        sync: Sync = "Missing" if observed is None else "Unknown"
        return ModelPlan(
            name, file, sync, base, observed_holders, desired_holders, refusals=refused
        )

    changes, notes = find_changes(desired, history, model, is_new=observed is None)
    refused = tuple(refusals(desired, history, observed, changes, context))
    judged = _judge(history, model, refused, context)
    refused += judged.refusals
    notes += _upload_notes(desired, model)
    notes += _freeze_notes(desired, history, model, changes, context)
    notes += _file_notes(desired, history, model, changes, context)
    stopping = [refusal for refusal in refused if refusal.is_stopping]
    stop = _Stop(
        is_stopped=bool(stopping or judged.deferred),
        is_blocked=any(refusal.scope == "model" for refusal in refused),
    )

    rows = list(stage_rows(desired, history, model, changes))
    if stop.is_stopped and not stop.is_blocked and history.base_state == "known":
        changes, rows = _with_healing(changes, rows, history, model, context)
    changes = [replace(change, applies=stop.lets(change, desired)) for change in changes]
    if not stop.is_blocked and any(c.cause == "drift" and not c.applies for c in changes):
        notes.append("drift is reported and left, as the policy says (drift: report)")

    plan = ModelPlan(
        name,
        file,
        _sync(observed, changes, refused),
        base,
        observed_holders,
        desired_holders,
        stages=tuple(rows),
        changes=tuple(changes),
        gates=judged.verdicts,
        refusals=refused,
        notes=(*notes, *judged.notes),
        deferred=None if stopping else judged.deferred,
        is_adoption=observed is not None and history.base_state == "none",
        returning=judged.returning,
        approvers=judged.approvers,
        registered=model.created,
    )
    return _with_records(plan, history, observed, context, stop)


@dataclass(frozen=True, slots=True)
class _Stop:
    """How far refusals keep a plan from being carried out. `is_stopped`: what git asks for waits,
    and drift is still healed. `is_blocked`: the whole model is left untouched."""

    is_stopped: bool
    is_blocked: bool

    def lets(self, change: Change, desired: Desired) -> bool:
        """Whether a change may be made."""
        if self.is_blocked or (self.is_stopped and change.cause == "commit"):
            return False
        return change.cause != "drift" or desired.policy.drift == "heal"


def _with_records(
    plan: ModelPlan,
    history: ModelHistory,
    observed: ObservedModel | None,
    context: PlanContext,
    stop: _Stop,
) -> ModelPlan:
    """The plan with what reconciling it will record: stamps, the people behind the commits, and
    changes that an earlier run made."""
    if context.writing and not stop.is_blocked:
        from mlflow_gitops.core.plan.already_applied import already_applied_changes
        from mlflow_gitops.core.plan.people_behind import people_behind

        plan = replace(
            plan,
            people=people_behind(history, plan.observed, context.evidence),
            already_applied=already_applied_changes(history, observed, plan.changes),
        )

    desired = history.target
    if stop.is_stopped or desired is None:
        return plan
    model = observed or ObservedModel(plan.model)
    if context.read_files is not None:
        numbers = files_to_compare(desired, history, model, plan.changes)
        plan = replace(plan, compared_files=_pinned_digests(desired, numbers))
    written = tuple(
        stamps(
            desired,
            history,
            model,
            context.owner,
            context.now,
            plan.people,
            context.began,
            context.find_repository,
        )
    )
    return replace(plan, stamps=written) if written else plan


def _judge(
    history: ModelHistory, model: ObservedModel, refused: Sequence[Refusal], context: PlanContext
) -> EntryVerdicts:
    """The verdicts of the gates. A model that is another one, or another owner's, is not judged."""
    is_another = any(refusal.code in ("name_taken", "owner") for refusal in refused)
    if is_another or not history.entries:
        return EntryVerdicts()
    from mlflow_gitops.core.verdicts.judge_entries import judge_entries  # few models have entries

    return judge_entries(history, model, context.evidence, context.now, writing=context.writing)


def _upload_notes(desired: Desired, model: ObservedModel) -> list[str]:
    """What holds a stage and was not uploaded whole, as MLflow says. Gates ask only about what
    enters, and never about what is adopted."""
    return [
        f"{number} in {stage} has the status {version.status} in MLflow: its files may be missing"
        for stage, numbers in desired.manifest.stages.items()
        for number in numbers
        if (version := model.versions.get(number)) and version.status not in ("", "READY")
    ]


def _freeze_notes(
    desired: Desired,
    history: ModelHistory,
    model: ObservedModel,
    changes: Sequence[Change],
    context: PlanContext,
) -> list[str]:
    """A freeze refuses at reconcile; a plan that is only shown notes it."""
    if context.writing:
        return []
    reason = freeze_reason(desired, history, model, changes, context)
    return [f"{reason}; reconcile will refuse"] if reason else []


def _file_notes(
    desired: Desired,
    history: ModelHistory,
    model: ObservedModel,
    changes: Sequence[Change],
    context: PlanContext,
) -> list[str]:
    """Files are compared right before the first write; a plan that is only shown notes it."""
    if context.read_files is not None:
        return []
    numbers = files_to_compare(desired, history, model, changes)
    return [digest_note(numbers)] if numbers else []


def _pinned_digests(desired: Desired, numbers: Sequence[int]) -> dict[int, str]:
    """The digests of versions whose files were read and not refused: those that are pinned."""
    digests = {number: desired.manifest.versions[number].files_digest for number in numbers}
    return {number: digest for number, digest in digests.items() if digest is not None}


def _with_healing(
    changes: Sequence[Change],
    rows: Sequence[StageChange],
    history: ModelHistory,
    model: ObservedModel,
    context: PlanContext,
) -> tuple[list[Change], list[StageChange]]:
    """What git asks for, which waits, and the changes that restore the state that was reconciled
    last (RULES R3); without these if they would be refused themselves. A model whose base is known
    is in MLflow, since the base is a tag of it."""
    changes = [change for change in changes if change.cause == "commit"]
    rows = [row for row in rows if row.cause == "commit"]
    base = history.before
    if base is None:
        return changes, rows

    at_base = replace(history, points=history.points[:1], entries=())
    context = replace(context, errors=FileErrors())
    healing, _ = find_changes(base, at_base, model, is_new=False)
    if any(refusals(base, at_base, model, healing, context)):
        return changes, rows
    return changes + healing, rows + list(stage_rows(base, at_base, model, healing))


def _sync(
    observed: ObservedModel | None, changes: Sequence[Change], refused: Sequence[Refusal]
) -> Sync:
    if any(refusal.is_invalid for refusal in refused):
        return "Invalid"
    if observed is None:
        return "Missing"
    if any(change.cause == "drift" for change in changes):
        return "Drifted"
    if changes:
        return "Pending"
    # A refusal without a change: another version has a pinned number, so MLflow is not as git says.
    return "Drifted" if refused else "Synced"
