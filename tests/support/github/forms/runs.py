"""Workflow runs, and the activity of a branch."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from tests.support.github.forms.accounts import node_id, user_form
from tests.support.github.forms.repositories import html, minimal_repository_form, url
from tests.support.github.wire import Call
from tests.support.github_state import Run


def workflow_id(run: Run) -> int:
    """One number for each workflow."""
    return 1 + crc32(run.name.encode())


def run_form(call: Call, run: Run, attempt: int | None = None) -> dict[str, Any]:
    number = attempt or len(run.triggering_actors)
    page = url(call, f"/actions/runs/{run.id}")
    actions = {"jobs": "jobs", "logs": "logs", "artifacts": "artifacts"}
    actions |= {"cancel": "cancel", "rerun": "rerun"}
    return {
        "id": run.id,
        "node_id": node_id("WFR", run.id),
        "name": run.name,
        "display_title": run.name,
        "path": f".github/workflows/{run.name}.yml",
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "head_sha": run.head_sha,
        "head_branch": run.head_branch,
        "head_commit": None,
        "run_attempt": number,
        "run_number": run.id,
        "workflow_id": workflow_id(run),
        "check_suite_id": run.id,
        "actor": user_form(call.repo, run.actor),
        "triggering_actor": user_form(call.repo, run.triggering_actors[number - 1]),
        "created_at": run.created,
        "run_started_at": run.created,
        "updated_at": run.updated,
        "pull_requests": [],
        "referenced_workflows": [],
        "previous_attempt_url": f"{page}/attempts/{number - 1}" if number > 1 else None,
        "url": page,
        "html_url": html(call, f"/actions/runs/{run.id}"),
        **{f"{name}_url": f"{page}/{path}" for name, path in actions.items()},
        "check_suite_url": url(call, f"/check-suites/{run.id}"),
        "workflow_url": url(call, f"/actions/workflows/{workflow_id(run)}"),
        "repository": minimal_repository_form(call),
        "head_repository": minimal_repository_form(call),
    }


def activity_form(
    call: Call, number: int, push: tuple[str, str, str], before: str
) -> dict[str, Any]:
    ref, after, login = push
    return {
        "id": number,
        "node_id": node_id("PSH", number),
        "ref": ref,
        "before": before,
        "after": after,
        "timestamp": call.repo.now(),
        "activity_type": "push",
        "actor": user_form(call.repo, login),
    }
