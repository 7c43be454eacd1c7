"""Phrases about a plan that its text form and the pull request comment share."""

from __future__ import annotations

from mlflow_gitops.core.plan.overview import covered_changes, is_following_alias, is_retirement
from mlflow_gitops.core.plan.plan import Change, ModelPlan, RemovedManifest, StageChange
from mlflow_gitops.core.verdicts.verdict import GateStatus
from mlflow_gitops.core.wording import NO_VALUE, and_list, counted, first_few, version_list
from mlflow_gitops.render.terminal import safe

_LONGEST_VALUE = 57
"""Characters of a tag's value or a description that are shown if it is cut; JSON has all of it."""


def stage_move(row: StageChange) -> str:
    """The versions that hold a stage now and after the plan is applied: `12 → 14`."""
    return f"{version_list(row.before)} → {version_list(row.after)}"


def consequences(row: StageChange, model: ModelPlan) -> tuple[list[str], list[Change]]:
    """What else a stage's change does, in a few words, and the changes that those words cover."""
    phrases: list[str] = []
    leaving: dict[str, list[int]] = {}
    staying = {version for versions in model.desired.values() for version in versions}
    covered = covered_changes(row, model)
    for change in covered:
        if is_following_alias(change, row):
            phrases.append(change_text(change))
        elif is_retirement(change, row) and change.version not in (None, *staying):
            leaving.setdefault(str(change.after), []).append(change.version or 0)

    return [_leave(versions, stage) for stage, versions in leaving.items()] + phrases, covered


_GATE_ORDER = ("failed", "unknown", "waiting", "overridden", "passed", "exempt")


def gate_rows(model: ModelPlan, stage: str) -> list[tuple[GateStatus, str, str]]:
    """The verdicts on one stage, failed ones first: status, gate and detail. Gates that are exempt
    for the same reason share one row."""
    verdicts = [verdict for verdict in model.gates if verdict.stage == stage]
    rows: list[tuple[GateStatus, str, str]] = [
        (verdict.status, verdict.gate, verdict.detail)
        for verdict in sorted(verdicts, key=lambda verdict: _GATE_ORDER.index(verdict.status))
        if verdict.status != "exempt"
    ]
    exempt: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.status == "exempt":
            exempt.setdefault(verdict.detail, []).append(verdict.gate)
    for detail, gates in exempt.items():
        rows.append(("exempt", ", ".join(dict.fromkeys(gates)), detail))
    return rows


def removal_phrase(removed: RemovedManifest) -> str:
    """What it means that a change deletes a manifest; names and commands are between backticks."""
    holders = [f"{stage} {version_list(versions)}" for stage, versions in removed.stages.items()]
    stages = and_list(holders) if holders else "nothing in a stage"
    return (
        f"this change deletes the manifest of `{removed.model}`: it is no longer managed, and"
        f" MLflow keeps {stages} (`reconcile --prune` empties its stages)"
    )


def _leave(versions: list[int], stage: str) -> str:
    verb = "goes" if len(versions) == 1 else "go"
    return f"{first_few(versions, 5)} {verb} to {stage}"


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
