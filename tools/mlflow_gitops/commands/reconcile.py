"""`reconcile`: make the registry match a commit of the main line."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from mlflow_gitops.app import saved_plan
from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.reconciling.reconcile import Reconciler, Watch, reasons
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import emit, note, print_result, report_invalid, steps, warn
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.wording import first_few
from mlflow_gitops.errors import OK, PARTIAL, REFUSED, Failure, GitFailure, UsageFailure, worst
from mlflow_gitops.render import formats
from mlflow_gitops.render.plan.text import PlanOutput
from mlflow_gitops.render.plan.text import text as plan_text
from mlflow_gitops.render.reconcile import ReconcileOutput
from mlflow_gitops.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """The command's options. `plan_options` are what the user set for the plan."""

    rev: str
    yes: bool
    plan_options: PlanOptions
    plan_file: Path | None = None
    push_receipts: bool = False
    jobs: int | None = None
    form: str = "text"
    since: str | None = None
    """A commit whose refusals are old news: they are told, and do not decide the exit code."""


def run(settings: Settings, models: Sequence[str], options: Options) -> int:
    """Plan, ask (on a terminal), apply and record. Exits 4 when something is refused, 5 when a
    model failed or the receipt could not be kept, 3 on invalid files."""
    _check(models, options)
    workspace = Workspace(settings)
    commit = _commit(workspace, options.rev)
    snapshot = workspace.at(commit)
    if snapshot.errors:
        return report_invalid(snapshot, options.form)
    since = _since(workspace, options.since)
    kept = saved_plan.load(options.plan_file) if options.plan_file else None
    if kept and kept.is_empty:
        note(settings, f"The plan in {kept.path} changes no model; there is nothing to do.")
        print_result(formats.RECONCILE, options.form, ReconcileOutput(commit))
        return OK
    _say_if_dirty(settings, workspace, commit)
    from mlflow_gitops.app.connect import connect

    progress = steps(settings)
    progress("loading MLflow")
    registry = connect(workspace, warn)
    plan_options = replace(
        options.plan_options, prune=options.plan_options.prune or (kept is not None and kept.prune)
    )
    reconciler = Reconciler(
        workspace,
        registry,
        Target.of_commit(workspace, snapshot, commit),
        plan_options,
        push_receipts=options.push_receipts,
        jobs=options.jobs,
    )
    planner = reconciler.planner
    if fault := reconciler.fetch_receipts():
        warn(f"the receipts of other clones could not be fetched: {fault}")
    planned = (
        planner.plan(kept.selection, progress, others=kept.others)
        if kept
        else planner.plan(models, progress)
    )
    plan = planned.plan
    if kept:
        kept.check(plan)
    if not formats.is_for_programs(options.form):
        emit(plan_text(PlanOutput(plan)))
    if plan.refusals:
        output = ReconcileOutput(commit, refusals=plan.refusals)
        print_result(formats.RECONCILE, options.form, output)
        stood = reconciler.refused_at(since, plan)
        if not stood.get(None, set()).issuperset(reasons(plan.refusals)):
            return REFUSED
        warn(f"the whole run is still refused, as it was at {options.since}.")
        return OK
    stood = reconciler.refused_at(since, plan)
    asked = not options.yes and any(model.has_work for model in plan.models)
    if asked and not typer.confirm(f"Reconcile {registry.display_uri} to {commit[:7]}?"):
        raise Failure("Nothing was changed.")
    done = reconciler.apply(planned, _with_progress(settings, len(plan.models)))
    if done.recovered:
        note(settings, f"Recovered the receipt of an earlier run for {', '.join(done.recovered)}.")
    refused = done.refused
    old = [
        o.model
        for o in refused
        if stood.get(o.model, set()).issuperset(reasons(o.refusals, o.gates))
    ]
    output = ReconcileOutput(commit, done.outcomes, done.receipt, still_refused=old)
    print_result(formats.RECONCILE, options.form, output)
    for name in plan.gone:
        warn(
            f"{name} has no manifest any more; what it holds in MLflow is left. reconcile --prune"
            " demotes it."
        )
    for fault in done.trouble:
        warn(f"applied, not recorded: {fault} The next run recovers it.")
    for name in old:
        warn(f"{name} is still refused, as it was at {options.since}.")
    return worst(
        PARTIAL if done.failed else OK,
        REFUSED if len(refused) > len(old) else OK,
    )


def _since(workspace: Workspace, revision: str | None) -> str | None:
    """The commit of `--since`. One that is not here says nothing: after a forced push, CI names one
    that nobody has, and for a new branch 0000…"""
    if revision is None or not revision.strip("0"):
        return None
    try:
        return workspace.git.resolve(revision)
    except GitFailure:
        warn(f"{revision} is not known here; every refusal counts as new.")
        return None


def _with_progress(settings: Settings, count: int) -> Watch:
    def shown(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        try:
            if settings.verbosity >= 0 and sys.stderr.isatty():
                with typer.progressbar(
                    outcomes, length=count, label="Reconciling", file=sys.stderr
                ) as bar:
                    yield from bar
            else:
                yield from outcomes
        except KeyboardInterrupt:
            warn(
                "interrupted: the models under way are finished and recorded, the others wait for"
                " the next run."
            )
            raise

    return shown


def _check(models: Sequence[str], options: Options) -> None:
    interactive = (
        sys.stdin.isatty() and sys.stdout.isatty() and not formats.is_for_programs(options.form)
    )
    if not options.yes and not interactive:
        raise UsageFailure(
            "reconcile changes the registry: without a terminal to ask on, say --yes."
        )
    if (options.plan_options.adopt or options.plan_options.take_over) and not models:
        raise UsageFailure("--adopt and --take-over need the names of the models they are for.")
    if options.plan_file and (
        models or options.plan_options.adopt or options.plan_options.take_over
    ):
        raise UsageFailure(
            "A saved plan says itself which models it is for; give it without names, --adopt or"
            " --take-over."
        )


def _commit(workspace: Workspace, rev: str) -> str:
    commit = workspace.git.resolve(rev)
    if commit not in workspace.main_line:
        raise Failure(
            f"{commit[:12]} is not on the main line of {workspace.main_ref}; only merged commits"
            " are reconciled. Merge or push it first, or name the main branch with --main."
        )
    return commit


def _say_if_dirty(settings: Settings, workspace: Workspace, commit: str) -> None:
    if dirty := workspace.dirty_paths():
        where = f"The working tree differs from HEAD ({first_few(dirty, 1)})"
        note(settings, f"{where}; reconciling commit {commit[:7]}, not the working tree.")
