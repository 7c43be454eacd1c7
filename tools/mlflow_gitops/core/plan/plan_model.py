"""From desired and observed to a plan: pure, field by field, each change with its cause (RULES R2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from mlflow_gitops.core.history.approvals import vouched
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.model_history import UNDECLARED, ModelHistory
from mlflow_gitops.core.history.people import Vouched
from mlflow_gitops.core.manifests.desired import Desired, Field
from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.already_applied import unapplied
from mlflow_gitops.core.plan.plan import Cause, Change, ModelPlan, StageChange, Sync
from mlflow_gitops.core.plan.refusals import Context, frozen, refusals
from mlflow_gitops.core.plan.stamps import stamps
from mlflow_gitops.core.plan.write_order import ordered
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.core.verdicts.judge_entries import EntryVerdicts, judge_entries


def plan_model(
    name: str, history: ModelHistory, observed: ObservedModel | None, context: Context
) -> ModelPlan:
    """Plan one managed model. `history.target` must be there: a model without a manifest is not
    planned."""
    desired = history.target
    assert desired is not None
    seen = observed or ObservedModel(name)
    now_held = observed_stages(seen, desired)
    shell = ModelPlan(
        name, desired.manifest.file, "Synced", history.base, now_held, desired_stages(desired)
    )
    if history.base_state in ("stale", "unknown", "lost"):
        refused = tuple(refusals(desired, history, observed, (), context))
        return replace(shell, sync="Unknown", refusals=refused)
    changes, notes = _ordered_changes(desired, history, seen, missing=observed is None)
    refused = tuple(refusals(desired, history, observed, changes, context))
    judged = EntryVerdicts()
    if not any(refusal.code in ("name_taken", "owner") for refusal in refused):
        judged = judge_entries(
            history, seen, context.evidence, context.now, writing=context.writing
        )
        refused += judged.refusals
    if not context.writing and (reason := frozen(desired, history, seen, changes, context.now)):
        notes.append(f"{reason}; reconcile will refuse")
    rows = list(_stage_changes(desired, history, seen, changes))
    whole = any(refusal.scope == "model" for refusal in refused)
    if (refused or judged.deferred) and not whole and history.base_state == "known":
        # What git asks for waits; what was reconciled last is kept up meanwhile.
        healing, healed_rows = _healing(history, seen, context)
        changes = [change for change in changes if change.cause == "commit"] + healing
        rows = [row for row in rows if row.cause == "commit"] + healed_rows
    people = _people(history, now_held, context) if context.writing and not whole else {}
    done = found(history, observed, changes) if context.writing and not whole else ()
    stopped = bool(refused or judged.deferred)
    changes = [
        replace(change, applies=_applies(change, desired, stopped, whole)) for change in changes
    ]
    held_back = [change for change in changes if not change.applies and change.cause == "drift"]
    if held_back and not whole:
        notes.append("drift is reported and left, as the policy says (drift: report)")
    return replace(
        shell,
        sync=_sync(observed, changes, bool(refused)),
        stages=tuple(rows),
        changes=tuple(changes),
        stamps=(
            ()
            if stopped
            else tuple(stamps(desired, history, seen, context.owner, context.now, people))
        ),
        gates=judged.verdicts,
        refusals=refused,
        notes=(*notes, *judged.notes),
        deferred=None if refused else judged.deferred,
        people=people,
        found=done,
    )


def found(
    history: ModelHistory, observed: ObservedModel | None, left: Sequence[Change] = ()
) -> tuple[Change, ...]:
    """What git changed between the base and the target and MLflow holds already; `left` is still to
    be done. What MLflow held before it is not known, so that `before` is None."""
    if observed is None or history.target is None or not history.moved:
        return ()
    earlier = unapplied(history, observed)
    seen = earlier or ObservedModel(observed.name)
    changes, _ = _ordered_changes(history.target, history, seen, missing=earlier is None)
    known = {(change.action, change.version, change.key, change.after) for change in left}
    return tuple(
        replace(change, before=None)
        for change in changes
        if change.cause == "commit"
        and (change.action, change.version, change.key, change.after) not in known
    )


def _people(
    history: ModelHistory, held: Mapping[str, tuple[int, ...]], context: Context
) -> dict[str, Vouched]:
    """Who stands behind each making commit. Nobody is asked about what is only adopted."""
    found: dict[str, Vouched] = {}
    for entry in history.entries:
        made = entry.made
        if made is None or made.sha in found:
            continue
        told = None
        if history.base_state == "known" or entry.version not in held.get(entry.stage, ()):
            with suppress(Unreadable):
                told = context.evidence.approvals(made, history.files(made)[0])
        found[made.sha] = vouched(made, told)
    return found


def _ordered_changes(
    desired: Desired, history: ModelHistory, seen: ObservedModel, *, missing: bool
) -> tuple[list[Change], list[str]]:
    wanted = list(_changes(desired, history, seen, missing=missing))
    return ordered(wanted, {v.number: v.stage for v in seen.versions.values()})


def _healing(
    history: ModelHistory, seen: ObservedModel, context: Context
) -> tuple[list[Change], list[StageChange]]:
    """What puts back the state of the base, while a refusal or a soak keeps the target away (RULES
    R3); nothing where that would be refused itself. Where the base is known MLflow has the model,
    since the base is a tag of it."""
    base = history.before
    if base is None:
        return [], []
    still = replace(history, points=history.points[:1], entries=())
    changes, _ = _ordered_changes(base, still, seen, missing=False)
    if any(refusals(base, still, seen, changes, context)):
        return [], []
    return changes, list(_stage_changes(base, still, seen, changes))


def departures(desired: Desired, commit: Commit, seen: ObservedModel) -> list[Change]:
    """Every way in which MLflow departs from what a commit wants, as the changes that would put it
    back."""
    still = ModelHistory(commit.sha, "known", (Point(commit, desired),))
    return _ordered_changes(desired, still, seen, missing=False)[0]


def observed_stages(
    observed: ObservedModel, desired: Desired | None = None
) -> dict[str, tuple[int, ...]]:
    """What holds each stage in MLflow; stages of the team's own by their alias. Empty stages are
    left out."""
    rules = desired.policy.stages.values() if desired else ()
    held = {stage: observed.holders(stage) for stage in ("Production", "Staging", "Archived")}
    for rule in rules:
        if not rule.native:
            holder = observed.aliases.get(rule.alias or "")
            held[rule.name] = (holder,) if holder is not None else ()
    return {stage: versions for stage, versions in held.items() if versions}


def desired_stages(desired: Desired) -> dict[str, tuple[int, ...]]:
    """What the manifest names, in display order."""
    return {
        stage: desired.holders(stage)
        for stage in desired.policy.stages
        if stage in desired.manifest.stages
    }


def _applies(change: Change, desired: Desired, refused: bool, whole: bool) -> bool:
    if whole or (refused and change.cause == "commit"):
        return False
    return change.cause != "drift" or desired.policy.drift == "heal"


def _sync(observed: ObservedModel | None, changes: list[Change], refused: bool) -> Sync:
    if observed is None:
        return "Missing"
    if any(change.cause == "drift" for change in changes):
        return "Drifted"
    # A refusal without a change is a registry that is not what git says it is: another version
    # under a pinned number.
    return "Pending" if changes else "Drifted" if refused else "Synced"


def _changes(
    desired: Desired, history: ModelHistory, seen: ObservedModel, *, missing: bool
) -> Iterator[Change]:
    if missing:
        yield Change(
            "create_model", after=seen.name, commit=history.made_by(lambda state: state is not None)
        )
    for version, spec in sorted(desired.manifest.versions.items()):
        if version not in seen.versions and spec.can_be_registered:
            made = history.made_by(partial(_pins, version))
            known = history.base_state != "none" and all(
                p.desired and version in p.desired.manifest.versions for p in history.points
            )
            cause: Cause = "drift" if known else "commit"
            yield Change(
                "register_version",
                version,
                None,
                None,
                spec.registered_from,
                cause,
                commit=made,
                pin=spec,
            )
    yield from _transitions(desired, history, seen)
    registered = {
        v for v, spec in desired.manifest.versions.items() if spec.can_be_registered
    } | seen.versions.keys()
    for field in sorted(history.declared | desired.fields.keys(), key=_field_order):
        if field.kind == "stage" or (field.version is not None and field.version not in registered):
            continue
        want = desired.fields.get(field, UNDECLARED)
        have = _have(field, seen)
        change = _difference(field, want, have)
        if change is not None:
            cause, commit = _cause(field, history)
            yield replace(change, cause=cause, commit=commit)


def _transitions(desired: Desired, history: ModelHistory, seen: ObservedModel) -> Iterator[Change]:
    for version in sorted(seen.versions.keys() | desired.native_stages.keys()):
        stage = seen.versions.get(version, ObservedVersion(version)).stage
        want = desired.native_stages.get(version)
        if want is None and stage in ACTIVE_STAGES:
            want = "None" if version in desired.custom_stages else "Archived"
        if want is not None and want != stage:
            cause, commit = _cause(Field("stage", version), history)
            yield Change("transition", version, None, stage, want, cause, commit=commit)


def _have(field: Field, seen: ObservedModel) -> str | int | None:
    if field.kind == "alias":
        return seen.aliases.get(field.key or "")
    if field.version is None:
        return seen.description if field.kind == "description" else seen.tags.get(field.key or "")
    version = seen.versions.get(field.version)
    if version is None:
        return "" if field.kind == "description" else None
    return version.description if field.kind == "description" else version.tags.get(field.key or "")


def _difference(field: Field, want: object, have: str | int | None) -> Change | None:
    """The write that takes a field from what MLflow has to what is wanted; what is declared no more
    is removed."""
    if field.kind == "description":
        after = "" if want is UNDECLARED else str(want)
        return (
            None if after == have else Change("set_description", field.version, None, have, after)
        )
    absent = want is UNDECLARED or want is None
    if (absent and have is None) or want == have:
        return None
    if field.kind == "alias":
        if absent:
            return Change("delete_alias", None, field.key, have, None)
        return Change("set_alias", None, field.key, have, want if isinstance(want, int) else None)
    if absent:
        return Change("delete_tag", field.version, field.key, have, None)
    return Change("set_tag", field.version, field.key, have, str(want))


def _cause(field: Field, history: ModelHistory) -> tuple[Cause, Commit | None]:
    """`commit` where the field's history has more than one value or there is no base, else `drift`."""
    values = history.values(field)
    if history.base_state != "none" and all(value == values[0] for value in values):
        return "drift", None
    return "commit", history.made_by(
        lambda state: state.fields.get(field, UNDECLARED) if state else UNDECLARED
    )


def _field_order(field: Field) -> tuple[str, int, str]:
    return field.kind, field.version or 0, field.key or ""


def _stage_changes(
    desired: Desired, history: ModelHistory, seen: ObservedModel, changes: list[Change]
) -> Iterator[StageChange]:
    """One row a stage that will not be what it is. Archived is shown where the manifest lists a
    version for it."""
    held = observed_stages(seen, desired)
    for stage, rule in desired.policy.stages.items():
        before, after = held.get(stage, ()), desired.holders(stage)
        if stage == "Archived":
            # What goes there unnamed is told with the stage it leaves.
            before = tuple(v for v in before if v in after)
        if before == after:
            continue
        moved = set(before) ^ set(after)
        by_commit = any(
            change.cause == "commit" for change in changes if _moves(change, moved, rule.alias)
        )
        commit = history.made_by(partial(_holders, stage)) if by_commit else None
        why = "" if by_commit else _what_happened(stage, rule.native, before, after, seen)
        yield StageChange(stage, before, after, "commit" if by_commit else "drift", commit, why)


def _pins(version: int, state: Desired | None) -> bool:
    return state is not None and version in state.manifest.versions


def _holders(stage: str, state: Desired | None) -> tuple[int, ...]:
    return state.holders(stage) if state else ()


def _moves(change: Change, versions: set[int], alias: str | None) -> bool:
    """Whether a change moves one of these versions, or the alias that is the stage."""
    if change.action == "transition":
        return change.version in versions
    return change.action in ("set_alias", "delete_alias") and change.key == alias


def _what_happened(
    stage: str, native: bool, before: tuple[int, ...], after: tuple[int, ...], seen: ObservedModel
) -> str:
    said = []
    for version in after:
        if version not in before:
            where = (
                seen.versions[version].stage if native and version in seen.versions else "nothing"
            )
            said.append(
                f"{version} was moved to {where} in MLflow"
                if native
                else f"{version} lost its alias in MLflow"
            )
    said += [
        f"{version} was moved to {stage} in MLflow" for version in before if version not in after
    ]
    return ", ".join(said)
