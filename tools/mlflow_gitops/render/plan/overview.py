"""What a plan comes to, in title: a row for each stage that changes, and counts that add up."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.plan.overview import OUTLOOKS, Outlook, Overview, OverviewRow
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.core.times import format_minute
from mlflow_gitops.core.wording import NO_VALUE, counted, first_few, version_list
from mlflow_gitops.render.terminal import Style, safe

HEADS = ("model", "stage", "from → to", "verdict")
_COUNTS: dict[Outlook, str] = {
    "refused": "refused",
    "invalid": "invalid",
    "waiting": "waiting",
    "left": "left drifted",
    "unmanaged": "no longer managed",
    "apply": "to apply",
    "heal": "to heal",
    "adopt": "adopted",
    "unchanged": "unchanged",
}
_MARKS: dict[Outlook, tuple[str, str]] = {
    "refused": ("✗", "red"),
    "invalid": ("✗", "red"),
    "waiting": ("…", "yellow"),
    "left": ("!", "yellow"),
    "unmanaged": ("!", "yellow"),
    "apply": ("✓", "green"),
    "heal": ("✓", "green"),
}
_NAMES = 5
"""Adopted models that one line names."""


def closing(plan: Plan, overview: Overview) -> str:
    """What a plan comes to: how many models have which outlook, and how many changes are made."""
    counts = overview.counts
    models = f"Plan: {counted(overview.models, 'model')}"
    rules = f"{counted(len(plan.policy.changes), 'policy rule')} to change" if plan.policy else ""
    if plan.refusals and not counts["refused"]:
        return f"{models}; the whole run is refused."
    if overview.models == counts["unchanged"]:
        return f"{models}, {rules or 'nothing to change'}."

    parts = [f"{counts[outlook]} {_COUNTS[outlook]}" for outlook in OUTLOOKS if counts[outlook]]
    changes = f"{counted(overview.applying, 'change')} to make"
    if overview.held_back:
        changes += f", {overview.held_back} held back"
    elif not overview.applying and not (counts["refused"] or counts["unmanaged"]):
        changes = "" if rules else "nothing to change"
    ends = "; ".join(part for part in (changes, rules) if part)
    return f"{models}: {', '.join(parts)}; {ends}."


def move_phrase(row: OverviewRow) -> str:
    """What becomes of a stage: `12 → 14`, or what stays in it."""
    if row.stage is None:
        return counted(row.other_changes, "other change") if row.other_changes else NO_VALUE
    if row.before == row.after:
        verb = "stays" if len(row.before) == 1 else "stay"
        return f"{version_list(row.before)} {verb}" if row.before else NO_VALUE
    return f"{version_list(row.before)} → {version_list(row.after)}"


def verdict_phrase(row: OverviewRow) -> str:
    """What will be done with a row, and why not more. Ids of commits are between backticks."""
    parts = [_outlook_phrase(row)]
    if row.returning is not None:
        commit = row.returning.rolled_back
        parts.append(
            f"{row.returning.version} was rolled back on {commit.at[:10]} by `{commit.sha[:7]}`"
        )
    if row.was_set_by_hand:
        parts.append("set by hand in MLflow until now")
    if row.overridden:
        parts.append(f"overrides {', '.join(row.overridden)}")
    return "; ".join(parts)


def _outlook_phrase(row: OverviewRow) -> str:
    gates = ", ".join(row.gates)
    match row.outlook:
        case "refused":
            reasons = ", ".join((*row.gates, *row.codes))
            return f"refused: {reasons}" if reasons else "refused with another stage"
        case "invalid":
            return "invalid file"
        case "waiting" if row.until:
            return f"waits until {format_minute(row.until)} UTC" + (f": {gates}" if gates else "")
        case "waiting":
            return f"waits for {gates}" if gates else "waits"
        case "left":
            return "drift, left as the policy says"
        case "heal":
            return "to heal: drift"
        case "unmanaged":
            return "no longer managed"
    return "to apply"


def grouped_models(overview: Overview) -> list[tuple[str, tuple[str, ...]]]:
    """The models that are only listed, each list with its title."""
    groups = [
        ("other changes alone", overview.minor),
        ("adopted as MLflow has them", overview.adopted),
    ]
    return [(title, models) for title, models in groups if models]


def overview_lines(overview: Overview, style: Style) -> Iterator[str]:
    """The rows as a table for a terminal, and the models that are only adopted."""
    if not (overview.rows or overview.adopted):
        return
    # What has nothing to show loads nothing for it.
    from mlflow_gitops.render.console.layout import Column, Styled, TableRow, paragraph, table_lines

    if overview.table:
        rows = [TableRow([Styled(head, "dim") for head in HEADS[:-1]], [Styled(HEADS[-1], "dim")])]
        for row in overview.table:
            mark, colour = _MARKS[row.outlook]
            name, stage = Styled(safe(row.model), "bold"), Styled(safe(row.stage or NO_VALUE))
            verdict = f"{mark} {safe(verdict_phrase(row).replace('`', ''))}"
            rows.append(
                TableRow([name, stage, Styled(move_phrase(row))], [Styled(verdict, colour)])
            )
        yield from table_lines(rows, (Column(12), Column(10), Column(9)), style)
    for title, models in grouped_models(overview):
        names = first_few([safe(name) for name in models], _NAMES)
        yield from paragraph([Styled(f"{title}: {names}", "dim")], style)
    yield ""
