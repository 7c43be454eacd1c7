"""The text forms, for people. A plan leads with what each stage will be, then says why, then what
follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.core.wording import counted, first_few, version_list
from mlflow_gitops.render import comparison_text
from mlflow_gitops.render.plan_json import RESULTS, summary
from mlflow_gitops.render.terminal import Style, safe

MARKS = {
    "passed": "✓",
    "failed": "✗",
    "overridden": "!",
    "exempt": "·",
    "waiting": "…",
    "unknown": "?",
}
_SYNC_COLOUR = {
    "Synced": "green",
    "Pending": "cyan",
    "Drifted": "yellow",
    "Missing": "yellow",
    "Unknown": "red",
}
_GATE_COLOUR = {
    "passed": "green",
    "failed": "red",
    "unknown": "red",
    "waiting": "yellow",
    "overridden": "yellow",
}
_RESULT_COLOUR = {"applied": "green", "refused": "red", "failed": "red", "deferred": "yellow"}


def plan(plan: Plan, style: Style, *, verbose: bool = False) -> Iterator[str]:
    """The plan: each model with something to say, then one line that counts."""
    for model in plan.models:
        if model.changes or model.refusals or verbose:
            yield from _model(model, style)
    yield from _strangers(plan, style)
    for refusal in plan.refusals:
        yield from _refusal(refusal, style)
    if plan.onto is not None:
        yield style(f"{counted(plan.others, 'model')} as on {safe(plan.onto)}.", "dim")
    yield closing(plan)


def closing(plan: Plan) -> str:
    """The line that counts."""
    count = plan.summary
    if not count["changes"] and not count["refused"]:
        return f"Plan: {counted(count['models'], 'model')}, nothing to change."
    changes = counted(count["changes"], "change")
    return f"Plan: {counted(count['changed'], 'model')}, {changes}, {count['refused']} refused."


def status(plan: Plan, style: Style) -> Iterator[str]:
    """One line a model: where it stands, and what holds its stages (what shall hold them, where
    that differs)."""
    rows = []
    for model in plan.models:
        why = "; ".join(f"{r.code}: {r.detail}" for r in model.refusals)
        rows.append((model.model, model.sync, say_holders(model), why))
    rows += [
        (name, "Unmanaged", "its manifest is gone; MLflow keeps what it holds", "")
        for name in plan.gone
    ]
    rows += [(name, "Unmanaged", "", "") for name in plan.unmanaged]
    width = max((len(safe(row[0])) for row in rows), default=0)
    for name, sync, holders, why in rows:
        said = [text for text in (safe(holders), style(safe(why), "red")) if text]
        shown = style(f"{sync:<9}" if said else sync, _SYNC_COLOUR.get(sync, "dim"))
        yield "  ".join([f"{safe(name):<{width}}", shown, *said])
    counts = {
        sync: sum(1 for row in rows if row[1] == sync)
        for sync in dict.fromkeys(row[1] for row in rows)
    }
    total = ", ".join(f"{count} {sync}" for sync, count in counts.items())
    yield f"{counted(len(rows), 'model')}{': ' + total if total else ''}."


def outcome(one: Outcome, style: Style) -> Iterator[str]:
    """What became of one model."""
    head = f"{style(safe(one.model), 'bold')}  {style(one.result, _RESULT_COLOUR.get(one.result))}"
    yield head + (f"  {counted(len(one.changes), 'change')}" if one.changes else "")
    for stage, version in one.entered:
        yield f"  {stage} now holds {version}"
    if one.deferred:
        yield f"  {style('…', 'yellow')} deferred until {one.deferred}: {safe(_waiting(one.gates))}"
    for refusal in one.refusals:
        yield from _refusal(refusal, style)
    if one.error:
        yield f"  {style('✗', 'red')} {safe(one.error)}"


def reconciled(commit: str, outcomes: Sequence[Outcome]) -> str:
    """The closing line of a reconcile."""
    count = summary(outcomes)
    said = ", ".join(f"{count[key]} {key}" for key in RESULTS if count[key])
    return (
        f"Reconciled to {commit[:7]}: {said or 'no models'}; {counted(count['changes'], 'change')}."
    )


def _model(model: ModelPlan, style: Style) -> Iterator[str]:
    head = style(safe(model.model), "bold")
    yield f"{head}   {style(safe(model.file or ''), 'dim')}" + (
        f"   {model.sync}" if not model.changes else ""
    )
    told: set[Change] = set()
    width = max((len(row.stage) for row in model.stages), default=0)
    for row in model.stages:
        yield (
            f"  {row.stage:<{width}}  {style(f'{say_move(row):<10}', 'bold')} "
            f" {_because(row, style)}"
        )
        yield from _gates([v for v in model.gates if v.stage == row.stage], style)
        follows, mentioned = consequences(row, model)
        told.update(mentioned)
        if follows:
            yield f"    {safe('; '.join(follows))}"
        if row.comparison:
            yield f"    {comparison_text.line(row.comparison, style)}"
    for stage in dict.fromkeys(verdict.stage for verdict in model.gates):
        if not any(row.stage == stage for row in model.stages):
            held = version_list(sorted({v.version for v in model.gates if v.stage == stage}))
            yield f"  {stage:<{width}}  {held} is there in MLflow already"
            yield from _gates([v for v in model.gates if v.stage == stage], style)
    for change in model.changes:
        if change not in told:
            yield f"  {say_change(change)}{_changed_by(change, style)}"
    for refusal in model.refusals:
        yield from _refusal(refusal, style)
    for note in model.notes:
        yield f"  {style('note: ' + safe(note), 'dim')}"


def say_move(row: StageChange) -> str:
    """What a stage holds and what it shall hold."""
    return f"{version_list(row.before)} → {version_list(row.after)}"


def _because(row: StageChange, style: Style) -> str:
    if row.cause == "drift":
        return style(f"drift: {safe(row.why)}", "yellow")
    if row.commit is None:
        return style("not committed yet", "cyan")
    subject = safe(row.commit.subject)
    request = f" (#{row.commit.pull_request})"
    named = row.commit.pull_request is not None and subject.endswith(request)
    return f'{row.commit.sha[:7]} "{subject.removesuffix(request) if named else subject}"' + (
        request if named else ""
    )


def _gates(verdicts: Sequence[Verdict], style: Style) -> Iterator[str]:
    """The verdicts in one line; gates that are exempt for one reason are told together."""
    exempt: dict[str, list[str]] = {}
    for one in verdicts:
        if one.status == "exempt":
            exempt.setdefault(one.detail, []).append(one.gate)
    said = [
        style(f"{MARKS[v.status]} {safe(v.detail)}", _GATE_COLOUR.get(v.status))
        for v in verdicts
        if v.status != "exempt"
    ]
    said += [
        f"{MARKS['exempt']} {', '.join(dict.fromkeys(gates))}: {safe(why)}"
        for why, gates in exempt.items()
    ]
    if said:
        yield "    " + "   ".join(said)


def _waiting(verdicts: Sequence[Verdict]) -> str:
    return "; ".join(verdict.detail for verdict in verdicts if verdict.until)


def consequences(row: StageChange, model: ModelPlan) -> tuple[list[str], list[Change]]:
    """What else a stage's change does, in a few words, and the changes that are told with it."""
    said: list[str] = []
    told: list[Change] = []
    leaving: dict[str, list[int]] = {}
    held = {v for versions in model.desired.values() for v in versions}
    for change in model.changes:
        if change.action == "transition" and change.after == row.stage:
            told.append(change)
        elif (
            change.action == "transition"
            and change.before == row.stage
            and change.after not in ACTIVE_STAGES
        ):
            told.append(change)
            if change.version is not None and change.version not in held:
                leaving.setdefault(str(change.after), []).append(change.version)
        elif change.action in ("set_alias", "delete_alias") and _follows(change, row):
            told.append(change)
            said.append(say_change(change))
    return [_leave(versions, stage) for stage, versions in leaving.items()] + said, told


def _leave(versions: list[int], stage: str) -> str:
    if len(versions) == 1:
        return f"{versions[0]} goes to {stage}"
    return f"{first_few(versions, 5)} go to {stage}"


def _follows(change: Change, row: StageChange) -> bool:
    """Whether an alias's change is this stage's: it ends on the stage's holder, or leaves it empty."""
    return (change.key or "").lower() == row.stage.lower() or (
        len(row.after) == 1 and change.after == row.after[0]
    )


def say_change(change: Change) -> str:
    """One write, in words; text of others in it is escaped for a terminal."""
    where = f"version {change.version} " if change.version is not None else ""
    key = safe(change.key or "")
    match change.action:
        case "create_model":
            return "create the registered model"
        case "register_version":
            return f"register version {change.version} from {safe(str(change.after))}"
        case "transition":
            return f"{change.version}: {safe(str(change.before))} → {safe(str(change.after))}"
        case "set_alias":
            return f"alias {key} {change.before or '—'} → {change.after}"
        case "delete_alias":
            return f"alias {key} {change.before} → —"
        case "set_tag":
            return f"{where}tag {key}: {_value(change.before)} → {_value(change.after)}"
        case "delete_tag":
            return f"{where}tag {key}: {_value(change.before)} → —"
        case "set_description":
            return f"{where}description: {_value(change.before)} → {_value(change.after)}"


def _changed_by(change: Change, style: Style) -> str:
    if change.cause == "drift":
        return "     " + style("drift: changed in MLflow", "yellow")
    return f"     {change.commit.sha[:7]}" if change.commit else ""


def _refusal(refusal: Refusal, style: Style) -> Iterator[str]:
    yield f"  {style('✗ refused', 'red')} [{refusal.code}] {safe(refusal.detail)}"
    yield f"    way out: {safe(refusal.way_out)}"


def say_holders(model: ModelPlan) -> str:
    """What holds each stage, and what git says where that differs."""
    said = []
    for stage in dict.fromkeys([*model.desired, *model.observed]):
        if stage == "Archived":
            continue
        have, want = model.observed.get(stage, ()), model.desired.get(stage, ())
        in_git = f" (git: {version_list(want)})" if have != want else ""
        said.append(f"{stage} {version_list(have)}{in_git}")
    return "   ".join(said)


def _strangers(plan: Plan, style: Style) -> Iterator[str]:
    for name in plan.gone:
        yield style(
            f"{safe(name)}: its manifest is gone; nothing of it is changed in MLflow", "yellow"
        )


def _value(value: object) -> str:
    if value is None or value == "":
        return "—"
    text = safe(str(value))
    return f'"{text}"' if len(text) <= 60 else f'"{text[:57]}…"'
