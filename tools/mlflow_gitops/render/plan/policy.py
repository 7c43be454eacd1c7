"""What a plan changes in the policy: which rules fall and rise, for which stages and models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlflow_gitops.core.comparison.policies import PolicyComparison, RuleChange
from mlflow_gitops.core.comparison.rule_direction import Direction
from mlflow_gitops.core.wording import NO_VALUE, counted, first_few
from mlflow_gitops.render.markdown_safe import CELL, cell, code, table
from mlflow_gitops.render.terminal import Style, safe

_COLOUR = {"loosened": "red", "changed": "yellow", "tightened": "green"}
_MARKS = {"loosened": "⬇️ loosened", "changed": "↔️ changed", "tightened": "⬆️ tightened"}
_PATTERNS = 3
"""Patterns of models that one row names."""


def policy_data(policy: PolicyComparison) -> dict[str, Any]:
    """The section as JSON. `missing` is null if the new policy counts."""
    return {
        "file": policy.file,
        "from": policy.before,
        "to": policy.after,
        "missing": policy.missing or None,
        "changes": [
            {
                "models": list(change.models),
                "count": change.count,
                "stage": change.stage,
                "rule": change.rule,
                "before": change.before,
                "after": change.after,
                "direction": change.direction,
            }
            for change in policy.changes
        ],
    }


def policy_lines(policy: PolicyComparison, style: Style) -> Iterator[str]:
    """The section as text for people."""
    yield f"{style('policy', 'bold')}   {style(safe(policy.file), 'dim')}   {_summary(policy)}"
    for change in policy.changes:
        settings = f"{_setting(change.before)} → {_setting(change.after)}"
        word = style(change.direction, _COLOUR[change.direction])
        rule = f"{change.stage}  {change.rule}" if change.stage else change.rule
        yield f"  {word}  {safe(rule)}  {safe(settings)}   {safe(_models(change))}"
    if policy.missing:
        yield f"  {style('does not count yet: ' + safe(policy.missing), 'yellow')}"


def policy_paragraphs(policy: PolicyComparison, space: int) -> list[str]:
    """The section as Markdown, of at most `space` bytes. Loosened rules come first; what does not
    fit is counted in bold."""
    title = f"**Policy** ({code(policy.file, CELL)}): {_summary(policy)}"
    if policy.missing:
        title += f"\n\n⏳ Does not count yet: {code(policy.missing)}"
    rows = [_row(change) for change in policy.changes]
    heads = ("", "stage", "rule", "now", "then", "models")
    kept = len(rows)
    while kept and len(table(heads, rows[:kept]).encode("utf-8", "replace")) > space:
        kept //= 2

    parts = [title, table(heads, rows[:kept])] if kept else [title]
    if kept < len(rows):
        missing = counted(len(rows) - kept, "changed rule")
        parts.append(
            f"❌ **{missing} more do not fit here: run `mlflow-gitops plan` to see them.**"
        )
    return parts


def _summary(policy: PolicyComparison) -> str:
    directions: tuple[Direction, ...] = ("loosened", "tightened", "changed")
    counts = {direction: policy.count(direction) for direction in directions}
    parts = [f"{count} {direction}" for direction, count in counts.items() if count]
    commits = f", compared with {policy.before[:7]}" if policy.before else ""
    return f"{counted(len(policy.changes), 'rule')}: {', '.join(parts)}{commits}"


def _row(change: RuleChange) -> tuple[str, ...]:
    stage = cell(change.stage, CELL) if change.stage else NO_VALUE
    return (
        _MARKS[change.direction],
        stage,
        cell(change.rule, CELL),
        cell(_setting(change.before), CELL),
        cell(_setting(change.after), CELL),
        cell(_models(change), CELL),
    )


def _models(change: RuleChange) -> str:
    return f"{counted(change.count, 'model')} ({first_few(change.models, _PATTERNS)})"


def _setting(value: Any) -> str:
    """A rule's setting as the policy's YAML has it, on one line."""
    if value is None:
        return NO_VALUE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_setting(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_setting, value)) + "]"
    return str(value)
