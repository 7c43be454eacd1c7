"""What `rights` found and changed: as text, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from mlflow_gitops.core.setup.rights.difference import (
    OtherAccount,
    RightsChange,
    RightsPlan,
    missing_sentence,
)
from mlflow_gitops.core.wording import counted
from mlflow_gitops.render.console.layout import Column, Styled, TableRow, paragraph, table_lines
from mlflow_gitops.render.markdown_safe import cell, prose, table
from mlflow_gitops.render.terminal import Style, json_document, safe

_REASON = 30
"""Cells for a reason; with fewer, it begins on a line of its own."""


class _Failed(Protocol):
    @property
    def change(self) -> RightsChange: ...
    @property
    def reason(self) -> str: ...


@dataclass(frozen=True, slots=True)
class RightsOutput:
    """A plan; whether it was applied, and which of its changes failed."""

    plan: RightsPlan
    is_applied: bool = False
    failed: tuple[_Failed, ...] = ()

    def failure(self, change: RightsChange) -> str | None:
        """Why a change failed; None if it did not."""
        return next((entry.reason for entry in self.failed if entry.change == change), None)


def text(output: RightsOutput, style: Style | None = None) -> Iterator[str]:
    """The changes by account, then accounts that nobody named, notices and a count."""
    style = style or Style()
    plan = output.plan
    for account, changes in groupby(plan.changes, key=_account_title):
        yield style(safe(account), "bold")
        rows = [_row(output, change) for change in changes]
        yield from table_lines(rows, (Column(12), Column()), style, _REASON)
    if plan.others:
        yield style("not named here, and left as they are", "bold")
        rows = [
            TableRow([Styled(f"  {safe(other.name)}"), Styled(safe(_held(other)))])
            for other in plan.others
        ]
        yield from table_lines(rows, (Column(12), Column()), style, _REASON)
    for warning in _warnings(plan):
        yield from paragraph([Styled(f"warning: {safe(warning)}", "yellow")], style)
    yield from paragraph([Styled(safe(f"{plan.address}: {_total(output)}"))], style)


def json(output: RightsOutput) -> Iterator[str]:
    """Everything as one JSON document."""
    plan = output.plan
    data: dict[str, Any] = {
        "registry": plan.address,
        "server": plan.version,
        "applied": output.is_applied,
        "changes": [_change_data(output, change) for change in plan.changes],
        "right": plan.right,
        "missing_accounts": list(plan.missing_accounts),
        "not_named": [_other_data(other) for other in plan.others],
        "notices": list(plan.notices),
    }
    return json_document(data)


def markdown(output: RightsOutput) -> Iterator[str]:
    """A table of the changes, and one of the accounts that are not named."""
    plan = output.plan
    yield f"## MLflow's rights at {cell(plan.address)}\n"
    if plan.changes:
        rows = [
            [
                cell(change.account),
                change.purpose,
                cell(str(change.resource)),
                _step(change),
                prose(output.failure(change) or change.reason, in_table=True),
            ]
            for change in plan.changes
        ]
        yield table(("account", "for", "on", "right", "why"), rows) + "\n"
    if plan.others:
        yield "Not named in the policy, and left as they are:\n"
        rows = [[cell(other.name), prose(_held(other), in_table=True)] for other in plan.others]
        yield table(("account", "may"), rows) + "\n"
    for warning in _warnings(plan):
        yield f"- {prose(warning)}"
    yield f"\n**{_total(output)}**"


def _row(output: RightsOutput, change: RightsChange) -> TableRow:
    failure = output.failure(change)
    reason = Styled(safe(failure), "red") if failure else Styled(safe(change.reason), "dim")
    colour = "red" if change.is_removal else "green"
    return TableRow(
        [Styled(f"  {safe(str(change.resource))}"), Styled(_step(change), colour)], [reason]
    )


def _account_title(change: RightsChange) -> str:
    return f"{change.account} ({change.purpose})"


def _step(change: RightsChange) -> str:
    return f"{change.before or 'none'} → {change.after or 'none'}"


def _held(other: OtherAccount) -> str:
    if other.grant is None:
        return "everything, as an administrator"
    role = f" by the role {other.grant.role}" if other.grant.role else ""
    return f"{other.grant.permission} on {other.grant.resource}{role}"


def _warnings(plan: RightsPlan) -> list[str]:
    missing = [missing_sentence(plan.missing_accounts)] if plan.missing_accounts else []
    return [*missing, *plan.notices]


def _total(output: RightsOutput) -> str:
    plan = output.plan
    right = f"{counted(plan.right, 'right')} already as needed"
    if not plan.changes:
        return f"Nothing to change, {right}."
    done = len(plan.changes) - len(output.failed)
    if output.is_applied:
        failed = f", {len(output.failed)} failed" if output.failed else ""
        return f"{counted(done, 'right')} changed{failed}, {right}."
    return f"{counted(done, 'right')} to change, {right}. To apply: mlflow-gitops rights --apply"


def _change_data(output: RightsOutput, change: RightsChange) -> dict[str, Any]:
    return {
        "account": change.account,
        "purpose": change.purpose,
        "resource": change.resource.kind,
        "name": change.resource.name,
        "before": change.before,
        "after": change.after,
        "reason": change.reason,
        "error": output.failure(change),
    }


def _other_data(other: OtherAccount) -> dict[str, Any]:
    grant = other.grant
    return {
        "account": other.name,
        "is_admin": grant is None,
        "resource": grant.resource.kind if grant else None,
        "name": grant.resource.name if grant else None,
        "permission": grant.permission if grant else None,
        "role": grant.role if grant else None,
    }
