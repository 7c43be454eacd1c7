"""`github …`: what the workflows call. What each needs comes from GitHub's own variables and event
file, so that nothing that people wrote passes through a shell."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlflow_gitops.app.planning.planner import Planner
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Merge, Workspace
from mlflow_gitops.commands.output import emit, note, report_invalid, steps, warn
from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.wording import counted
from mlflow_gitops.edges.github.client import GitHub, State, branch_of
from mlflow_gitops.errors import OK, Failure, GitFailure, UsageFailure
from mlflow_gitops.render import plan_markdown, plan_text, reconcile_markdown
from mlflow_gitops.render.terminal import Style
from mlflow_gitops.settings import Settings

CONTEXT = "mlflow-gitops/plan"
"""The commit status that branch protection asks for."""
BATCH = 200
"""Entries of one `changed` output: a matrix holds 256."""
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_CRASHED = "The plan could not be made; its run says why."


@dataclass(frozen=True, slots=True)
class _Report:
    """What is told of a plan: whether the pull request may be merged, one line, and a page. A pull
    request that has nothing to do with any model is `silent`: no comment is begun on it."""

    good: bool
    line: str
    page: str
    silent: bool = False


def plan(settings: Settings, head: str | None) -> int:
    """Plan the open pull request that has this head, or a merge queue's group, as merged into the
    main branch (RULES R9).

    It keeps one comment, sets the commit status, and adds to the job's summary. What it found is
    told there: the exit code is 0 also where the plan is refused, and an error's where none could
    be made.
    """
    workspace = Workspace(settings)
    github = GitHub.needed(workspace.git)
    event = _event().get("workflow_run") or {}
    sha = head or str(event.get("head_sha") or "")
    if not _SHA.fullmatch(sha):
        raise UsageFailure(
            "Which commit? Name the pull request's head, 40 hexadecimal digits, or set"
            " GITHUB_EVENT_PATH."
        )
    branch = branch_of(workspace.git, workspace.main_ref) or github.default_branch
    pull = github.open_pull_at(sha, branch)
    if pull is None and event.get("event") != "merge_group":
        note(
            settings,
            f"No open pull request into {branch} has the head {sha[:12]}; nothing is planned.",
        )
        return OK
    _status(github, workspace, sha, "pending", "Planning")
    try:
        _fetch(workspace, sha, f"refs/pull/{pull.number}/head" if pull else sha)
        report = _report(settings, workspace, sha)
        if pull is not None:
            github.comment(
                pull.number,
                _key("plan", workspace),
                _titled(report.page, workspace),
                new=not report.silent,
            )
        append("GITHUB_STEP_SUMMARY", report.page)
        _status(github, workspace, sha, "success" if report.good else "failure", report.line)
    except BaseException:
        _status(github, workspace, sha, "failure", _CRASHED)
        raise
    return OK


def _status(github: GitHub, workspace: Workspace, sha: str, state: State, line: str) -> None:
    """Set the commit status; of one environment among several, its own, and then the required one,
    which is what all of them come to. Whoever sets it looks again: another one may have ended, and
    set it, between this one's look and its word. What an earlier run left says nothing of this
    one."""
    place, url = workspace.environment, _run_url()
    if place is None:
        return github.set_status(sha, CONTEXT, state, line, url)
    github.set_status(sha, f"{CONTEXT}/{place.name}", state, line, url)
    before: State | None = None
    while True:
        each = _each(github.statuses(sha), workspace.environments, url)
        joint: State = next(
            (one for one in ("failure", "pending") if one in each.values()), "success"
        )
        if joint == before:
            return None
        said = (
            f"{place.name}: {line}"
            if joint == state
            else ", ".join(f"{name}: {one}" for name, one in each.items())
        )
        github.set_status(sha, CONTEXT, joint, said, url)
        before = joint


def _each(
    known: Mapping[str, tuple[str, str | None]], environments: Collection[str], url: str | None
) -> dict[str, State]:
    """What each environment's plan came to in the run of this address."""
    each: dict[str, State] = {}
    for name in environments:
        told, where = known.get(f"{CONTEXT}/{name}", ("pending", url))
        each[name] = (
            "pending"
            if where != url or told == "pending"
            else "success"
            if told == "success"
            else "failure"
        )
    return each


def _key(key: str, workspace: Workspace) -> str:
    """What marks a comment or an issue as this command's: one for each environment."""
    return f"{key}-{workspace.environment.name}" if workspace.environment else key


def _titled(page: str, workspace: Workspace) -> str:
    return f"**{workspace.environment.name}**\n\n{page}" if workspace.environment else page


def _report(settings: Settings, workspace: Workspace, sha: str) -> _Report:
    try:
        merge = workspace.merge(sha, workspace.main_ref)
    except GitFailure as failure:
        return _Report(False, str(failure), reconcile_markdown.trouble(str(failure)))
    snapshot = workspace.at(merge.made)
    if snapshot.errors:
        report_invalid(snapshot, "text")
        page = "\n".join(plan_markdown.problems(snapshot.errors))
        return _Report(False, f"Invalid files: {counted(len(snapshot.errors), 'problem')}.", page)
    planner = _planner(settings, workspace, merge)
    planned = planner.compared(planner.plan((), steps(settings)))
    emit(plan_text.plan(planned, Style()))
    refused, page = planned.summary["refused"], "\n".join(plan_markdown.plan(planned))
    return _Report(
        not refused, plan_text.closing(planned), page, silent=not planned.models and not refused
    )


def _planner(settings: Settings, workspace: Workspace, merge: Merge | None = None) -> Planner:
    """A planner for a merge, or for the tip of the main branch that is checked out."""
    from mlflow_gitops.app.connect import connect

    registry = connect(workspace, warn)
    if merge is not None:
        target = Target.of_merge(workspace, workspace.at(merge.made), merge)
    else:
        head = workspace.git.resolve("HEAD")
        target = Target.of_commit(workspace, workspace.at(head), head)
    return Planner(workspace, registry, target)


def _fetch(workspace: Workspace, sha: str, ref: str) -> None:
    """Bring a pull request's commits here as objects; no branch and no file changes."""
    git = workspace.git
    if not git.exists(sha) and (remote := git.remote()) is not None:
        git.output(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            remote,
            ref,
        )
    if not git.exists(sha):
        raise Failure(
            f"{ref} has moved on from {sha[:12]}; its new head is planned by a run of its own."
        )


def drift(settings: Settings) -> int:
    """Look for drift. What the policy says to report, and what is refused, is kept in one issue,
    closed when it is gone.

    The output `heal` says whether a reconcile has something to do. Nothing is written to MLflow.
    """
    workspace = Workspace(settings)
    github = GitHub.needed(workspace.git)
    snapshot = workspace.at(workspace.git.resolve("HEAD"))
    if snapshot.errors:
        return report_invalid(snapshot, "text")
    planned = _planner(settings, workspace).plan((), steps(settings)).plan
    emit(plan_text.status(planned, Style()))
    told = tuple(model for model in planned.models if _to_report(model))
    if told:
        page = "\n".join(plan_markdown.plan(replace(planned, models=told)))
        where = f"MLflow ({workspace.environment.name})" if workspace.environment else "MLflow"
        title = f"{where} is not as git says: {counted(len(told), 'model')}"
        note(settings, f"Reported in {github.issue(_key('drift', workspace), title, page)}.")
        append("GITHUB_STEP_SUMMARY", page)
    else:
        github.issue(_key("drift", workspace), "", None)
    append(
        "GITHUB_OUTPUT",
        f"heal={'true' if any(model.has_work for model in planned.models) else 'false'}",
    )
    return OK


def _to_report(model: ModelPlan) -> bool:
    """Whether a person has to look: it drifted and is left so, or something is refused."""
    return bool(model.refusals) or any(c.cause == "drift" and not c.applies for c in model.changes)


def summary(settings: Settings, file: Path) -> int:
    """Tell a reconcile's JSON to the workflow: the job's summary, and the output `changed` for a
    matrix.

    `changed` lists each version that came to hold a stage; it is not set where none did. Above 200
    of them the next ones are in `changed-2`, and so on.
    """
    try:
        done = json.loads(file.read_text(encoding="utf-8"))
        page = "\n".join(reconcile_markdown.reconciled(done))
        changed = list(done["changed"])
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise Failure(f"{file} is not what reconcile --format json prints.") from None
    append("GITHUB_STEP_SUMMARY", page)
    for number, batch in enumerate(_batches(changed), 1):
        name = "changed" if number == 1 else f"changed-{number}"
        append("GITHUB_OUTPUT", f"{name}={json.dumps(batch, separators=(',', ':'))}")
    note(settings, f"{counted(len(changed), 'version')} came to hold a stage.")
    return OK


def _batches(entries: Sequence[Any]) -> list[Sequence[Any]]:
    return [entries[start : start + BATCH] for start in range(0, len(entries), BATCH)]


def _event() -> Mapping[str, Any]:
    """The event that started the workflow; empty outside of one."""
    path = os.environ.get("GITHUB_EVENT_PATH")
    if not path:
        return {}
    try:
        known = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise Failure("The file that GITHUB_EVENT_PATH names cannot be read.") from None
    return known if isinstance(known, dict) else {}


def _run_url() -> str | None:
    """The page of the workflow run that this is."""
    parts = [os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else None


def append(variable: str, said: str) -> None:
    """Add to one of the files that a job's step tells the runner through; nothing outside of a
    workflow."""
    if path := os.environ.get(variable):
        with open(path, "a", encoding="utf-8", errors="replace") as out:
            out.write(f"{said}\n")
