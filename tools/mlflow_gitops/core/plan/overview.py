"""A plan at a glance: what the next reconcile will do with each model, and with each stage that
changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange, stages_already_held
from mlflow_gitops.core.verdicts.verdict import ReturningVersion, Verdict

Outlook = Literal[
    "refused", "invalid", "waiting", "left", "unmanaged", "apply", "heal", "adopt", "unchanged"
]
"""`refused`: something keeps it back until somebody acts. `invalid`: a file of the model is.
`waiting`: a soak has to end, or approvals are missing before the merge. `left`: drift that the
policy only reports. `unmanaged`: this change deletes the manifest. `heal`: drift is put back.
`adopt`: MLflow has the model as git says, and a first reconcile will stamp it."""

OUTLOOKS: tuple[Outlook, ...] = get_args(Outlook)
"""In the order in which people need to see them."""

_MOST_MINOR = 10
Holders = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """One stage of one model, from the versions that hold it to those that will.

    `stage` is `@alias` for an alias that no stage's change explains, and None for a row about the
    whole model: `other_changes` then counts what changes beside stages and aliases.

    `gates` are the names of the gates that refuse the row or make it wait; `overridden` of those
    that a commit overrides. `codes` are those of the model's refusals. `until` is when a soak ends,
    RFC 3339. `returning` is set if a version comes back that was rolled back from here. If
    `was_set_by_hand`, an adoption changes what somebody had set in MLflow.
    """

    model: str
    stage: str | None
    before: Holders
    after: Holders
    outlook: Outlook
    other_changes: int = 0
    gates: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    until: str | None = None
    returning: ReturningVersion | None = None
    was_set_by_hand: bool = False

    @property
    def is_minor(self) -> bool:
        """Whether the model only gets other tags, descriptions and the like."""
        return self.stage is None and self.outlook in ("apply", "heal")


@dataclass(frozen=True, slots=True)
class Overview:
    """`rows`, refused ones first, and how many models have which outlook: the counts add up to all
    models of the plan. `adopted` are the models with nothing but stamps to be written."""

    rows: tuple[OverviewRow, ...]
    counts: Mapping[Outlook, int]
    adopted: tuple[str, ...]
    applying: int
    """How many changes will be made."""
    held_back: int
    """How many changes will not be made, since they are refused, wait or are only reported."""

    @property
    def models(self) -> int:
        return sum(self.counts.values())

    @property
    def table(self) -> tuple[OverviewRow, ...]:
        """The rows for a table: without the minor ones, if these are many."""
        return self.rows if not self.minor else tuple(r for r in self.rows if not r.is_minor)

    @property
    def minor(self) -> tuple[str, ...]:
        """The models with minor changes alone, if they are too many for rows of their own."""
        names = tuple(row.model for row in self.rows if row.is_minor)
        return names if len(names) > _MOST_MINOR else ()


def overview(plan: Plan) -> Overview:
    """The overview of a plan."""
    run_codes = tuple(dict.fromkeys(refusal.code for refusal in plan.refusals))
    is_run_refused = bool(run_codes)
    outlooks = [model_outlook(model, is_run_refused) for model in plan.models]
    rows: list[OverviewRow] = []
    for model, outlook in zip(plan.models, outlooks, strict=True):
        rows += _rows(model, outlook)
    for removed in plan.removed:
        stages: list[tuple[str | None, Holders]] = [*removed.stages.items()] or [(None, ())]
        rows += [
            OverviewRow(removed.model, stage, holders, holders, "unmanaged")
            for stage, holders in stages
        ]
    counts = Counter(outlooks)
    counts["unmanaged"] += len(plan.removed)
    changes = [change for model in plan.models for change in model.changes]
    applying = sum(change.applies for change in changes)
    return Overview(
        tuple(sorted(_with_codes(rows, run_codes), key=_row_position)),
        {outlook: counts[outlook] for outlook in OUTLOOKS},
        tuple(
            model.model
            for model, outlook in zip(plan.models, outlooks, strict=True)
            if outlook == "adopt"
        ),
        applying,
        len(changes) - applying,
    )


def _with_codes(rows: Sequence[OverviewRow], run_codes: tuple[str, ...]) -> Iterator[OverviewRow]:
    """The rows, with the codes of what stops the whole run where nothing else refuses them."""
    for row in rows:
        is_explained = bool(row.outlook != "refused" or row.gates or row.codes)
        yield row if is_explained else replace(row, codes=run_codes)


def model_outlook(model: ModelPlan, is_run_refused: bool = False) -> Outlook:
    """What the next reconcile will do with a model, as far as the plan knows. `is_run_refused` if
    something stops the whole run."""
    if model.is_refused or (is_run_refused and model.changes):
        return "refused"
    if model.is_invalid:
        return "invalid"
    if model.deferred or any(verdict.status == "waiting" for verdict in model.gates):
        return "waiting"
    if model.applying:
        return "heal" if all(change.cause == "drift" for change in model.applying) else "apply"
    if model.changes:
        return "left"
    return "adopt" if model.is_adoption and model.stamps else "unchanged"


def in_order(models: Sequence[ModelPlan], is_run_refused: bool = False) -> list[ModelPlan]:
    """Models in the order of their outlooks, refused ones first; of equal ones, those first of
    which a stage changes."""

    def position(model: ModelPlan) -> tuple[int, bool]:
        return OUTLOOKS.index(model_outlook(model, is_run_refused)), not model.stages

    return sorted(models, key=position)


def _row_position(row: OverviewRow) -> tuple[int, bool]:
    return OUTLOOKS.index(row.outlook), row.stage is None


def covered_changes(row: StageChange, model: ModelPlan) -> list[Change]:
    """The changes that one stage's row stands for: versions that enter it, those that leave it and
    every use, and aliases that move because of it."""
    return [
        change
        for change in model.changes
        if (change.action == "transition" and change.after == row.stage)
        or is_retirement(change, row)
        or is_following_alias(change, row)
    ]


def is_retirement(change: Change, row: StageChange) -> bool:
    """Whether the change moves a version out of this stage and out of use."""
    return (
        change.action == "transition"
        and change.before == row.stage
        and change.after not in ACTIVE_STAGES
    )


def is_following_alias(change: Change, row: StageChange) -> bool:
    """Whether an alias changes because this stage does: it has the stage's name, or it ends on the
    stage's only version."""
    if change.action not in ("set_alias", "delete_alias"):
        return False
    has_stage_name = (change.key or "").lower() == row.stage.lower()
    return has_stage_name or (len(row.after) == 1 and change.after == row.after[0])


def _rows(model: ModelPlan, outlook: Outlook) -> Iterator[OverviewRow]:
    """The rows of one model; none if nothing is to be done with it."""
    covered: set[Change] = set()
    rows = []
    for stage_change in model.stages:
        covered.update(covered_changes(stage_change, model))
        rows.append(_stage_row(stage_change, model, outlook))
    for stage, versions in stages_already_held(model).items():
        row = OverviewRow(model.model, stage, tuple(versions), tuple(versions), outlook)
        judged = _with_gates(row, model)
        if judged.gates or judged.overridden or judged.returning:
            rows.append(judged)
    for change in model.changes:
        if change.action in ("set_alias", "delete_alias") and change not in covered:
            covered.add(change)
            rows.append(_alias_row(change, model, outlook))

    if not rows and outlook not in ("adopt", "unchanged"):
        number = len([change for change in model.changes if change not in covered])
        codes = tuple(dict.fromkeys(refusal.code for refusal in model.refusals))
        row = OverviewRow(model.model, None, (), (), outlook, number, codes=codes)
        rows.append(replace(row, until=model.deferred) if outlook == "waiting" else row)
    yield from rows


def _stage_row(stage_change: StageChange, model: ModelPlan, outlook: Outlook) -> OverviewRow:
    row = OverviewRow(
        model.model,
        stage_change.stage,
        stage_change.before,
        stage_change.after,
        _row_outlook(stage_change.cause, model, outlook),
    )
    return _with_gates(row, model)


def _alias_row(change: Change, model: ModelPlan, outlook: Outlook) -> OverviewRow:
    before, after = (
        (value,) if isinstance(value, int) else () for value in (change.before, change.after)
    )
    row = OverviewRow(
        model.model, f"@{change.key}", before, after, _row_outlook(change.cause, model, outlook)
    )
    row = replace(row, was_set_by_hand=model.is_adoption and change.before is not None)
    return _with_gates(row, model)


def _row_outlook(cause: str, model: ModelPlan, outlook: Outlook) -> Outlook:
    """Drift of a model is healed even if what git asks for is refused or waits."""
    applies = any(change.applies for change in model.changes if change.cause == cause)
    if cause == "drift":
        if applies:
            return "heal"
        return outlook if outlook == "refused" else "left"
    if outlook == "invalid" and applies:
        return "apply"
    return "apply" if outlook == "heal" else outlook


def _with_gates(row: OverviewRow, model: ModelPlan) -> OverviewRow:
    """The row with what gates and refusals have to do with it."""
    verdicts = [verdict for verdict in model.gates if verdict.stage == row.stage]
    refusing = _names(verdicts, "failed", "unknown")
    waiting = _names(verdicts, "waiting")
    if row.outlook == "waiting" and not waiting and not model.deferred:
        row = replace(row, outlook="apply")  # another stage waits, and holds nothing up
    returning = (
        returning
        for returning in model.returning
        if returning.stage == row.stage and returning.version in row.after
    )
    return replace(
        row,
        gates=(refusing if row.outlook == "refused" else waiting),
        overridden=_names(verdicts, "overridden"),
        codes=_codes(row, model) if row.outlook == "refused" else (),
        until=model.deferred if row.outlook == "waiting" else None,
        returning=next(returning, None),
    )


def _codes(row: OverviewRow, model: ModelPlan) -> tuple[str, ...]:
    """The codes of the refusals beside those of gates: those about this row, if there are any."""
    beside_gates = [
        refusal for refusal in model.refusals if refusal.code != "gate" and not refusal.is_invalid
    ]
    stages = {*model.observed, *model.desired} - {row.stage}
    versions = (None, *row.before, *row.after)
    relevant = [
        refusal
        for refusal in beside_gates
        if refusal.version in versions and refusal.field not in stages
    ]
    return tuple(dict.fromkeys(refusal.code for refusal in relevant or beside_gates))


def _names(verdicts: Sequence[Verdict], *statuses: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(verdict.gate for verdict in verdicts if verdict.status in statuses))
