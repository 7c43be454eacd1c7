"""`github …`: what the workflows call. Each command reads what it needs from the run's event and
from the forge, so that nothing that people wrote passes through a shell."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlflow_gitops.app.environments.hosts import changed_hosts
from mlflow_gitops.app.forges import required_forge
from mlflow_gitops.app.notifying.drift_notifications import drift_page
from mlflow_gitops.app.notifying.forge_notifications import late_event, notified_text
from mlflow_gitops.app.notifying.run_notifications import owners_in
from mlflow_gitops.app.notifying.settings_file import notifies
from mlflow_gitops.app.plan_status import PlanStatus
from mlflow_gitops.app.planning.planner import Planner
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.runners import current_runner
from mlflow_gitops.app.setup.merged_files import errors_of_merge
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import emit, note, steps, warn
from mlflow_gitops.commands.unplanned import file_errors_shown
from mlflow_gitops.core.notifying.events import NotifyEvent
from mlflow_gitops.core.notifying.plan_events import approval_events
from mlflow_gitops.core.plan.overview import overview
from mlflow_gitops.core.plan.plan import ModelPlan, Plan
from mlflow_gitops.core.wording import counted
from mlflow_gitops.edges.forge import LOCKED, Forge, PullRequest
from mlflow_gitops.edges.git.refs.branches import branch_name
from mlflow_gitops.errors import INVALID, OK, Failure, ForgeFailure, GitFailure, UsageFailure
from mlflow_gitops.render import reconcile_markdown, status
from mlflow_gitops.render.plan import pull_request_comment
from mlflow_gitops.render.plan.overview import closing
from mlflow_gitops.render.plan.text import PlanOutput
from mlflow_gitops.render.plan.text import text as plan_text
from mlflow_gitops.settings import Settings

BATCH = 200
"""Entries of one `changed` output: a matrix holds 256."""
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_CRASHED = "The plan could not be made; its run says why."


@dataclass(frozen=True, slots=True)
class _PlanReport:
    """What a pull request shows of its plan: whether it may be merged, one line, and a page.

    `is_relevant` is false if the pull request changes no model: then no comment is started.
    """

    is_mergeable: bool
    line: str
    page: str
    is_relevant: bool = True
    events: tuple[NotifyEvent, ...] = ()
    """What waits for approval."""


def plan(settings: Settings, head: str | None) -> int:
    """Plan the open pull request that has this head, or a merge queue's group, as merged into the
    main branch (RULES R9).

    It keeps one comment, sets the commit status, and adds to the run's summary. A refused plan
    shows there, and the exit code is still 0; an error's exit code means that there is no plan.
    """
    workspace = Workspace(settings.git_alone)
    forge = workspace.forge or required_forge(workspace.git)
    runner = current_runner()
    trigger = runner.trigger()
    sha = _head(head or trigger.head)
    branch = branch_name(workspace.git, workspace.main_ref) or forge.default_branch
    pull = forge.pull_request_at(sha, branch, may_be_new=trigger.is_dispatched)
    if pull is None and trigger.is_dispatched:
        raise Failure(
            f"No open pull request into {branch} has the head {sha[:12]}, so it is not planned.",
            fix="If it was pushed to since, dispatch plan.yml for its new head.",
        )
    if pull is None and not trigger.is_merge_queue:
        note(
            settings,
            f"No open pull request into {branch} has the head {sha[:12]}; nothing is planned.",
        )
        return OK

    environment = workspace.environment.name if workspace.environment else None
    status = PlanStatus(
        forge,
        sha,
        runner.run_url,
        environment,
        workspace.environments,
        settings.patience.forge_pauses[-1],
    )
    status.report("pending", "Planning")
    try:
        _fetch(workspace, sha, pull)
        report = _report(settings, workspace, sha, pull.url if pull is not None else None)
        if pull is not None:
            key, number = _key("plan", workspace), pull.number
            page = notified_text(
                workspace,
                report.events,
                ("approval_needed",),
                lambda: forge.kept_text(key, number),
                _titled(report.page, workspace),
            )
            _comment(forge, pull, key, page, report)
        runner.add_summary(report.page)
        status.report("success" if report.is_mergeable else "failure", report.line)
    except BaseException:
        status.report("failure", _CRASHED)
        raise
    return OK


def _comment(forge: Forge, pull: PullRequest, key: str, page: str, report: _PlanReport) -> None:
    """Keep the plan's comment. In a locked conversation, the status and the summary alone show the
    plan."""
    try:
        forge.comment(pull.number, key, page, create=report.is_relevant)
    except ForgeFailure as failure:
        if failure.code != LOCKED:
            raise
        warn(str(failure))


def _head(sha: str | None) -> str:
    """Check that a commit was named by its full SHA; a pull request's title or branch never gets
    past this."""
    if sha is None or not _SHA.fullmatch(sha):
        raise UsageFailure(
            "No commit to plan: neither the command line nor the run's event names one.",
            fix="Pass the pull request's head commit, 40 hexadecimal digits.",
        )
    return sha


def _key(key: str, workspace: Workspace) -> str:
    """What marks a comment or an issue as this command's: one for each environment."""
    return f"{key}-{workspace.environment.name}" if workspace.environment else key


def _titled(page: str, workspace: Workspace) -> str:
    return f"**{workspace.environment.name}**\n\n{page}" if workspace.environment else page


def _report(settings: Settings, workspace: Workspace, sha: str, url: str | None) -> _PlanReport:
    try:
        merge = workspace.merge(sha, workspace.main_ref)
    except GitFailure as failure:
        return _PlanReport(False, str(failure), pull_request_comment.no_plan(str(failure)))

    host_changes = changed_hosts(workspace, merge.commit, workspace.main_ref)
    target = Target.of_merge(workspace, workspace.at(merge.commit), merge)
    with file_errors_shown(workspace, target):
        planner = _planner(workspace, target)
        planned = planner.compared(planner.plan((), steps(settings)))
    if target.branch is not None:
        more_errors = errors_of_merge(workspace, merge, target.snapshot, target.branch)
        planned = replace(planned, errors=(*planned.errors, *more_errors))
    emit(plan_text(PlanOutput(planned)))
    refused = planned.summary["refused"]
    line = closing(planned, overview(planned))
    if planned.errors:
        line = f"Invalid files: {counted(len(planned.errors), 'problem')}."
    return _PlanReport(
        is_mergeable=not refused and not planned.errors,
        line=line,
        page=pull_request_comment.comment(planned, notices=host_changes),
        is_relevant=bool(
            planned.models or refused or planned.errors or host_changes or planned.policy
        ),
        events=tuple(approval_events(planned.models, owners_in(target.snapshot), url)),
    )


def _planner(workspace: Workspace, target: Target) -> Planner:
    from mlflow_gitops.app.connect import connect

    return Planner(workspace, connect(workspace, warn), target)


def _fetch(workspace: Workspace, sha: str, pull: PullRequest | None) -> None:
    """Fetch a pull request's commits, or a merge group's, as objects: no branch and no file
    changes."""
    git = workspace.git
    ref = pull.ref if pull is not None else sha
    if not git.exists(sha) and (remote := git.remote()) is not None:
        quietly = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
        git.output("fetch", *quietly, remote, ref)
    if not git.exists(sha):
        raise Failure(f"{ref} has moved on from {sha[:12]}; a run of its own plans its new head.")


def drift(settings: Settings) -> int:
    """Report drift: one issue keeps what the policy leaves as it is and what is refused, and is
    closed when there is nothing left.

    The output `heal` says whether a reconcile has something to do. It is written first, so that
    healing does not wait for an issue that the forge refuses. Nothing is written to MLflow.
    Exits 3 if files are invalid: the issue reports their models.
    """
    workspace = Workspace(settings.git_alone)
    forge, runner = required_forge(workspace.git), current_runner()
    head = workspace.git.resolve("HEAD")
    target = Target.of_commit(workspace, workspace.at(head), head)
    with file_errors_shown(workspace, target):
        planner = _planner(workspace, target)
        planned = planner.plan((), steps(settings)).plan
    emit(status.text(planned))
    runner.set_output(
        "heal", "true" if any(model.has_work for model in planned.models) else "false"
    )

    _report_late(workspace, forge, planned)
    key = _key("drift", workspace)
    models = tuple(model for model in planned.models if _needs_a_person(model))
    if not models and not planned.errors:
        forge.issue(key, "", None)
        return OK

    page = pull_request_comment.comment(replace(planned, models=models))
    runner.add_summary(page)
    page = drift_page(workspace, planner, planned, forge, key, runner.run_url, page)
    registry = f"MLflow ({workspace.environment.name})" if workspace.environment else "MLflow"
    title = f"{registry} differs from git: {counted(len(models), 'model')}"
    note(settings, f"Reported in {forge.issue(key, title, page)}.")
    return INVALID if planned.errors else OK


def _report_late(workspace: Workspace, forge: Forge, planned: Plan) -> None:
    """Keep one issue while what was merged is not reconciled, in a repository that notifies people
    (RULES R15)."""
    if not notifies(workspace):
        return
    key, event = _key("late", workspace), late_event(planned, workspace.settings.now())
    if event is None:
        forge.issue(key, "", None)
        return
    page = notified_text(
        workspace,
        [event],
        ("reconciler_late",),
        lambda: forge.kept_text(key),
        f"{event.detail}.",
    )
    forge.issue(key, "What was merged is not reconciled", page)


def _needs_a_person(model: ModelPlan) -> bool:
    """Whether a model drifted and stays so, or has something refused."""
    stays_drifted = any(change.cause == "drift" and not change.applies for change in model.changes)
    return bool(model.refusals) or stays_drifted


def summary(settings: Settings, file: Path) -> int:
    """Give a reconcile's JSON to the run: its summary, and the output `changed` for a matrix.

    `changed` lists each version that entered a stage, and is not set if there is none. Entries
    above 200 are in `changed-2`, and so on.
    """
    try:
        reconciled = json.loads(file.read_text(encoding="utf-8"))
        page = "\n".join(reconcile_markdown.reconciled(reconciled))
        changed = list(reconciled["changed"])
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise Failure(f"{file} is not what reconcile --format json prints.") from None

    runner = current_runner()
    runner.add_summary(page)
    for number, batch in enumerate(_batches(changed), 1):
        name = "changed" if number == 1 else f"changed-{number}"
        runner.set_output(name, json.dumps(batch, separators=(",", ":")))
    note(settings, f"{counted(len(changed), 'version')} entered a stage.")
    return OK


def _batches(entries: Sequence[Any]) -> list[Sequence[Any]]:
    return [entries[start : start + BATCH] for start in range(0, len(entries), BATCH)]
