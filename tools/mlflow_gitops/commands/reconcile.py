"""`reconcile`: make the registry match a commit of the main line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from mlflow_gitops.apply import Outcome, apply_models
from mlflow_gitops.commands.output import emit, emit_json, note, steps, warn
from mlflow_gitops.commands.validate import report_invalid
from mlflow_gitops.core.plan import Plan
from mlflow_gitops.errors import OK, PARTIAL, REFUSED, Failure, UsageFailure, worst
from mlflow_gitops.render import data, text
from mlflow_gitops.render.terminal import Style
from mlflow_gitops.workspace import Planner, Settings, Workspace, planner_for_commit


def run(
    settings: Settings, models: Sequence[str], rev: str, *, yes: bool, adopt: bool, take_over: bool, form: str
) -> int:
    """Plan, ask (on a terminal) and apply. Exits 4 when a model is refused, 5 when one failed, 3 on invalid files."""
    interactive = sys.stdin.isatty() and sys.stdout.isatty() and form == "text"
    if not yes and not interactive:
        raise UsageFailure("reconcile changes the registry: without a terminal to ask on, say --yes.")
    if (adopt or take_over) and not models:
        raise UsageFailure("--adopt and --take-over need the names of the models they are for.")
    workspace = Workspace(settings)
    commit = workspace.git.resolve(rev)
    if commit not in workspace.main_line:
        raise Failure(
            f"{commit[:12]} is not on the main line of {workspace.main_ref}; only merged commits are reconciled. "
            "Merge or push it first, or name the main branch with --main."
        )
    snapshot = workspace.at(commit)
    if snapshot.errors:
        return report_invalid(snapshot, form)
    if dirty := workspace.dirty_paths():
        also = f" and {len(dirty) - 1} more" if len(dirty) > 1 else ""
        note(
            settings,
            f"The working tree differs from HEAD ({dirty[0]}{also}); reconciling commit {commit[:7]}, not the working tree.",
        )
    from mlflow_gitops.edges.mlflow import Registry

    progress = steps(settings)
    progress("loading MLflow")
    registry = Registry(settings.tracking_uri, settings.registry_uri)
    planner = planner_for_commit(workspace, registry, commit, snapshot, adopt=adopt, take_over=take_over)
    plan = planner.plan(models, progress)
    if form == "text":
        emit(text.plan(plan, Style()))
    if not yes and any(model.has_work for model in plan.models):
        typer.confirm(f"Reconcile {registry.shown} to {commit[:7]}?", abort=True)
    outcomes = _apply(settings, plan, planner)
    if form == "json":
        emit_json(data.reconciled(commit, outcomes))
    else:
        for outcome in outcomes:
            if outcome.result != "unchanged":
                emit(text.outcome(outcome, Style()))
        emit([text.reconciled(commit, outcomes)])
    for name in plan.gone:
        warn(f"{name} has no manifest any more; what it holds in MLflow is left as it is.")
    return worst(
        PARTIAL if any(outcome.result == "failed" for outcome in outcomes) else OK,
        REFUSED if any(outcome.refusals for outcome in outcomes) else OK,
    )


def _apply(settings: Settings, plan: Plan, planner: Planner) -> list[Outcome]:
    outcomes = apply_models(
        plan.models, planner.again, lambda name: planner.desired[name].manifest.versions, planner.registry
    )
    if settings.verbosity < 0 or not sys.stderr.isatty():
        return list(outcomes)
    done: list[Outcome] = []
    with typer.progressbar(outcomes, length=len(plan.models), label="Reconciling", file=sys.stderr) as bar:
        done.extend(bar)
    return done
