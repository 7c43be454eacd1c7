"""`rights`: what MLflow's accounts may do, compared with the least that the policy's accounts
need."""

from __future__ import annotations

import sys

import typer

from mlflow_gitops.app.setup.server_rights import RightsComparison, merged_snapshot
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import emit, note_for_people, print_result, report_invalid, steps
from mlflow_gitops.core.setup.rights.accounts import accounts_of
from mlflow_gitops.core.setup.rights.difference import RightsPlan
from mlflow_gitops.core.wording import counted
from mlflow_gitops.errors import CHANGES, OK, PARTIAL, REFUSED, Failure, UsageFailure, worst
from mlflow_gitops.render import formats
from mlflow_gitops.render.setup.rights import RightsOutput
from mlflow_gitops.render.setup.rights import text as rights_text
from mlflow_gitops.settings import Settings


def run(settings: Settings, *, apply: bool, yes: bool, detailed_exitcode: bool, form: str) -> int:
    """Show what differs; with `apply`, ask, change it and read back. Exits 4 if an account is
    missing on the server, 5 if a change failed."""
    if apply and not yes:
        _check_interactive(form)
    workspace = Workspace(settings)
    snapshot = merged_snapshot(workspace) if apply else workspace.tree()
    if snapshot.errors:
        return report_invalid(snapshot, form)
    accounts = accounts_of(snapshot.policy)
    if accounts is None:
        raise Failure(
            f"{workspace.registry.policy_path} names no accounts of MLflow.",
            fix="Add accounts: {reconciler: mlflow-gitops, readers: [serving], trainers:"
            " {train-fraud: ['fraud-*']}}.",
        )

    progress = steps(settings)
    progress("reading MLflow")
    from mlflow_gitops.app.connect import connect

    registry = connect(workspace)
    comparison = RightsComparison(workspace, registry, snapshot, accounts)
    plan = comparison.plan()
    refused = REFUSED if plan.missing_accounts else OK
    if not apply or not plan.changes:
        print_result(formats.RIGHTS, form, RightsOutput(plan, is_applied=apply))
        changes = CHANGES if detailed_exitcode and plan.changes else OK
        return worst(refused, changes)

    if not yes:
        emit(rights_text(RightsOutput(plan)))
        _confirm(plan)
    after, failed = comparison.apply(plan.changes)
    print_result(formats.RIGHTS, form, RightsOutput(plan, True, tuple(failed)))
    if after.changes and not failed:
        note_for_people(settings, form, "Rights differ again; run this again to see which.")
    return worst(refused, PARTIAL if failed or after.changes else OK)


def _check_interactive(form: str) -> None:
    is_interactive = sys.stdin.isatty() and sys.stdout.isatty()
    if not is_interactive or formats.is_for_programs(form):
        raise UsageFailure("--apply cannot ask for confirmation here; add --yes.")


def _confirm(plan: RightsPlan) -> None:
    question = f"Change {counted(len(plan.changes), 'right')} at {plan.address}?"
    if not typer.confirm(question):
        raise Failure("Nothing was changed.")
