"""Phrases about a plan that its text form and the pull request comment share."""

from __future__ import annotations

from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.wording import NO_VALUE, counted, first_few, version_list
from mlflow_gitops.render.terminal import safe

_LONGEST_VALUE = 57
"""Characters of a tag's value or a description that are shown if it is cut; JSON has all of it."""


def closing(plan: Plan) -> str:
    """The last line of a plan, which counts what changes."""
    count = plan.summary
    invalid = f", {count['invalid']} invalid" if count["invalid"] else ""
    rules = counted(len(plan.policy.changes), "policy rule") if plan.policy else ""
    if not count["changes"] and not count["refused"]:
        changed = f"{rules} to change" if rules else "nothing to change"
        return f"Plan: {counted(count['models'], 'model')}, {changed}{invalid}."
    rules = f", {rules}" if rules else ""
    changes = counted(count["changes"], "change")
    changed = counted(count["changed"], "model")
    return f"Plan: {changed}, {changes}, {count['refused']} refused{rules}{invalid}."


def stage_move(row: StageChange) -> str:
    """The versions that hold a stage now and after the plan is applied: `12 → 14`."""
    return f"{version_list(row.before)} → {version_list(row.after)}"


def stages_already_held(model: ModelPlan) -> dict[str, list[int]]:
    """Stages that gates were asked for although MLflow already shows the versions there."""
    changing = {row.stage for row in model.stages}
    versions_by_stage: dict[str, set[int]] = {}
    for verdict in model.gates:
        if verdict.stage not in changing:
            versions_by_stage.setdefault(verdict.stage, set()).add(verdict.version)
    return {stage: sorted(versions) for stage, versions in versions_by_stage.items()}


def consequences(row: StageChange, model: ModelPlan) -> tuple[list[str], list[Change]]:
    """What else a stage's change does, in a few words, and the changes that those words cover."""
    phrases: list[str] = []
    covered: list[Change] = []
    leaving: dict[str, list[int]] = {}
    staying = {version for versions in model.desired.values() for version in versions}

    for change in model.changes:
        if change.action == "transition" and change.after == row.stage:
            covered.append(change)
        elif _is_retirement(change, row):
            covered.append(change)
            if change.version is not None and change.version not in staying:
                leaving.setdefault(str(change.after), []).append(change.version)
        elif change.action in ("set_alias", "delete_alias") and _follows(change, row):
            covered.append(change)
            phrases.append(change_text(change))

    return [_leave(versions, stage) for stage, versions in leaving.items()] + phrases, covered


def _is_retirement(change: Change, row: StageChange) -> bool:
    """Whether the change moves a version out of this stage and out of use."""
    return (
        change.action == "transition"
        and change.before == row.stage
        and change.after not in ACTIVE_STAGES
    )


def _leave(versions: list[int], stage: str) -> str:
    verb = "goes" if len(versions) == 1 else "go"
    return f"{first_few(versions, 5)} {verb} to {stage}"


def _follows(change: Change, row: StageChange) -> bool:
    """Whether an alias changes because this stage does: it has the stage's name, or it ends on the
    stage's only version."""
    has_stage_name = (change.key or "").lower() == row.stage.lower()
    return has_stage_name or (len(row.after) == 1 and change.after == row.after[0])


def change_text(change: Change) -> str:
    """One write to MLflow in words. Text that other people wrote is escaped for a terminal."""
    before, after = change.shown
    prefix = f"version {change.version} " if change.version is not None else ""
    key = safe(change.key or "")

    match change.action:
        case "create_model":
            return "create the registered model"
        case "register_version":
            return f"register version {change.version} from {safe(str(after))}"
        case "transition":
            return f"{change.version}: {safe(str(before))} → {safe(str(after))}"
        case "set_alias":
            return f"alias {key} {before or NO_VALUE} → {after}"
        case "delete_alias":
            return f"alias {key} {before} → {NO_VALUE}"
        case "set_tag":
            return f"{prefix}tag {key}: {_value(before)} → {_value(after)}"
        case "delete_tag":
            return f"{prefix}tag {key}: {_value(before)} → {NO_VALUE}"
        case "set_description":
            return f"{prefix}description: {_value(before)} → {_value(after)}"


def _value(value: object) -> str:
    if value is None or value == "":
        return NO_VALUE
    return quoted(safe(str(value)), _LONGEST_VALUE)


def quoted(text: str, longest: int) -> str:
    """A text in quotes. If it is cut, the number of the characters that are missing follows, so
    that nobody takes the beginning for the whole."""
    if len(text) <= longest + 3:
        return f'"{text}"'
    return f'"{text[:longest]}…" ({counted(len(text) - longest, "more character")})'
