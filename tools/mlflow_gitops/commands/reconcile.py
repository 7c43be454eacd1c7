"""`reconcile`: make the registry match a commit of the main line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import typer

from mlflow_gitops.app import saved_plan
from mlflow_gitops.app.main_branch import main_branch_fault
from mlflow_gitops.app.notifying.run_notifications import notify_of_run
from mlflow_gitops.app.planning.planned import Planned
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.reconciling.earlier_refusals import EarlierRefusals, refused_at
from mlflow_gitops.app.reconciling.on_change import ChangeNotification, Notifier
from mlflow_gitops.app.reconciling.reconcile import Reconciler, RunResult
from mlflow_gitops.app.saved_plan import SavedPlan
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import emit, note, print_result, steps, warn
from mlflow_gitops.commands.reconcile_options import (
    ReconcileOptions,
    check_options,
    pushes_receipts,
)
from mlflow_gitops.commands.run_progress import run_progress
from mlflow_gitops.commands.unplanned import file_errors_shown
from mlflow_gitops.core.plan.applied_changes import AppliedChange
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.core.wording import first_few
from mlflow_gitops.core.yaml.problems import in_order
from mlflow_gitops.edges.git.refs.names import AMBIGUOUS
from mlflow_gitops.errors import INVALID, OK, PARTIAL, REFUSED, Failure, GitFailure, worst
from mlflow_gitops.render import formats
from mlflow_gitops.render.plan.text import PlanOutput
from mlflow_gitops.render.plan.text import text as plan_text
from mlflow_gitops.render.reconcile import ReconcileOutput
from mlflow_gitops.settings import Settings


def run(settings: Settings, models: Sequence[str], options: ReconcileOptions) -> int:
    """Plan, ask (on a terminal), apply and record. Exits 4 if something is refused, 5 if a model
    failed or the receipt could not be kept, 3 if files are invalid: their models keep the last
    valid state, and the others are reconciled."""
    check_options(models, options)
    workspace = Workspace(settings.git_alone)
    settings = workspace.settings
    options = replace(options, push_receipts=pushes_receipts(workspace, options.push_receipts))
    if options.push_receipts and (fault := main_branch_fault(workspace)):
        settings.warn(fault)
    commit = _commit(workspace, options.rev)
    snapshot = workspace.at(commit)
    if models:
        from mlflow_gitops.commands.model_globs import named_models

        models = named_models(models, snapshot.contents, workspace.registry)
    since = _since(workspace, options.since)
    saved = saved_plan.load(options.plan_file) if options.plan_file else None
    if saved and saved.is_empty:
        return _report_empty(settings, workspace, commit, saved, options, since)
    _note_if_dirty(settings, workspace, commit)

    environment = workspace.environment.name if workspace.environment else None
    notifier = Notifier.of_option(options.on_change, environment)
    progress = steps(settings)
    progress("loading MLflow")
    target = Target.of_commit(workspace, snapshot, commit)
    with file_errors_shown(workspace, target, models):
        reconciler = _reconciler(workspace, target, options, saved)
        planned = _plan(reconciler, models, saved, progress)
    _show_plan(planned.plan, options.form)
    earlier = refused_at(reconciler.planner, since, planned.plan)
    if planned.plan.refusals:
        notify_of_run(workspace, reconciler, planned, None, earlier, options.since)
        return _report_refused_run(reconciler, planned, options, earlier)

    if not options.yes and any(model.has_work for model in planned.plan.models):
        _confirm(reconciler)
    result = reconciler.apply(planned, run_progress(settings, planned.plan.models))
    notifications = list(notifier.notify(planned, result)) if notifier is not None else None
    notify_of_run(workspace, reconciler, planned, result, earlier, options.since)
    return _finish(settings, options, planned, result, earlier, notifications)


def _finish(
    settings: Settings,
    options: ReconcileOptions,
    planned: Planned,
    result: RunResult,
    earlier: EarlierRefusals,
    notifications: Sequence[ChangeNotification] | None,
) -> int:
    """Report what was done, and return the exit code."""
    still_refused = [
        outcome.model
        for outcome in result.outcomes
        if outcome.refusals and earlier.contain(outcome)
    ]
    output = ReconcileOutput(
        planned.plan.commit or "",
        result.outcomes,
        result.receipt,
        still_refused=still_refused,
        errors=planned.plan.errors,
        notifications=_notified_changes(notifications),
    )
    _report(settings, options, output, planned, result)
    failures = [failure for item in notifications or () if (failure := item.failure) is not None]
    for failure in failures:
        warn(failure)

    is_refused = any(outcome.model not in still_refused for outcome in result.refused)
    return worst(
        OK if earlier.contain_errors(planned.plan.errors) else INVALID,
        PARTIAL if result.failed or failures else OK,
        REFUSED if is_refused else OK,
    )


def _notified_changes(
    notifications: Sequence[ChangeNotification] | None,
) -> list[tuple[AppliedChange, str | None]] | None:
    if notifications is None:
        return None
    return [(notification.change, notification.error) for notification in notifications]


def _report_empty(
    settings: Settings,
    workspace: Workspace,
    commit: str,
    saved: SavedPlan,
    options: ReconcileOptions,
    since: str | None,
) -> int:
    """Report that a saved plan changes no model. Its merge may nevertheless have left files with
    errors that belong to no model."""
    errors = saved.errors_in(workspace.at(commit).errors)
    note(settings, f"The plan in {saved.path} changes no model; there is nothing to do.")
    print_result(formats.RECONCILE, options.form, ReconcileOutput(commit, errors=errors))

    earlier_errors = workspace.at(since).errors if since is not None and errors else []
    return OK if set(errors) <= set(earlier_errors) else INVALID


def _show_plan(plan: Plan, form: str) -> None:
    """Print the plan, or in a format for programs only its notices, to stderr."""
    if not formats.is_for_programs(form):
        emit(plan_text(PlanOutput(plan)))
        return
    for notice in plan.notices:
        warn(notice)


def _commit(workspace: Workspace, rev: str) -> str:
    commit = workspace.git.resolve(rev)
    if commit not in workspace.main_line:
        raise Failure(
            f"{commit[:12]} is not on the main line of {workspace.main_ref}; only merged commits"
            " are reconciled. Merge or push it first, or name the main branch with --main."
        )
    return commit


def _since(workspace: Workspace, revision: str | None) -> str | None:
    """The commit of `--since`; None if it does not exist here. After a forced push, CI names a
    commit that nobody has, and for a new branch it passes 0000…"""
    if revision is None or not revision.strip("0"):
        return None
    try:
        return workspace.git.resolve(revision)
    except GitFailure as failure:
        if failure.code == AMBIGUOUS:
            raise
        warn(f"{revision} does not exist in this clone; every refusal counts as new.")
        return None


def _note_if_dirty(settings: Settings, workspace: Workspace, commit: str) -> None:
    if dirty := workspace.dirty_paths():
        note(
            settings,
            f"The working tree differs from HEAD ({first_few(dirty, 1)}); reconciling commit"
            f" {commit[:7]}, not the working tree.",
        )


def _reconciler(
    workspace: Workspace, target: Target, options: ReconcileOptions, saved: SavedPlan | None
) -> Reconciler:
    from mlflow_gitops.app.connect import connect
    from mlflow_gitops.app.environments.hosts import check_reconciled

    if not options.new_host and workspace.environment is not None:
        check_reconciled(workspace, workspace.environment)
    registry = connect(workspace, warn, with_new_host=options.new_host)
    prune = options.plan_options.prune or (saved is not None and saved.prune)
    reconciler = Reconciler(
        workspace,
        registry,
        target,
        replace(options.plan_options, prune=prune),
        push_receipts=bool(options.push_receipts),
        jobs=options.jobs,
        with_new_host=options.new_host,
    )
    if fault := reconciler.fetch_receipts():
        warn(f"the receipts of other clones could not be fetched: {fault}")
    if not options.new_host and workspace.environment is not None:
        check_reconciled(workspace, workspace.environment)  # by the receipts of other clones, too
    return reconciler


def _plan(
    reconciler: Reconciler,
    models: Sequence[str],
    saved: SavedPlan | None,
    progress: Callable[[str], None],
) -> Planned:
    """The plan for `models`, or the saved one. Raises StalePlan if that no longer holds."""
    if saved is None:
        return reconciler.planner.plan(models, progress)
    planned = reconciler.planner.plan(saved.selection, progress, unplanned=saved.other_models)
    saved.check(planned.plan)
    errors = saved.errors_in(reconciler.planner.target.snapshot.errors)
    every_error = tuple(in_order([*planned.plan.errors, *errors]))
    return replace(planned, plan=replace(planned.plan, errors=every_error))


def _report_refused_run(
    reconciler: Reconciler,
    planned: Planned,
    options: ReconcileOptions,
    earlier: EarlierRefusals,
) -> int:
    """Report that nothing is applied, because the run as a whole is refused."""
    plan = planned.plan
    output = ReconcileOutput(reconciler.commit, refusals=plan.refusals, errors=plan.errors)
    print_result(formats.RECONCILE, options.form, output)
    code = OK if earlier.contain_errors(plan.errors) else INVALID
    if not earlier.contain_run(plan.refusals):
        return worst(code, REFUSED)
    warn(f"the whole run is still refused, as it was at {options.since}.")
    return code


def _confirm(reconciler: Reconciler) -> None:
    registry = reconciler.planner.registry
    if not typer.confirm(f"Reconcile {registry.display_uri} to {reconciler.commit[:7]}?"):
        raise Failure("Nothing was changed.")


def _report(
    settings: Settings,
    options: ReconcileOptions,
    output: ReconcileOutput,
    planned: Planned,
    result: RunResult,
) -> None:
    """Print what was done."""
    if result.recovered:
        names = ", ".join(result.recovered)
        note(settings, f"Recovered the receipt of an earlier run for {names}.")
    if result.taken_over:
        branch = settings.receipts_branch
        note(settings, f"Took over {result.taken_over} receipts from git notes to {branch}.")
    for objection in result.objections:
        warn(objection)
    print_result(formats.RECONCILE, options.form, output)

    for name in planned.plan.without_manifest:
        warn(
            f"{name} has no manifest any more; its stages in MLflow are left as they are. reconcile"
            " --prune empties them."
        )
    for fault in result.unrecorded:
        warn(result.fault_text(fault))
    for name in output.still_refused:
        warn(f"{name} is still refused, as it was at {options.since}.")
