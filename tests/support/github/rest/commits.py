"""Commits, their pull requests and their statuses."""

from __future__ import annotations

from typing import Any

from tests.support.github.forms import (
    combined_status_form,
    commit_form,
    pull_form,
    status_form,
    user_form,
)
from tests.support.github.wire import Call, Page, route
from tests.support.github_state import Pull, Refused


@route("GET", "{repo}/commits/{sha}")
def _get_commit(call: Call, sha: str) -> Any:
    return commit_form(call, _known(call, sha))


@route("GET", "{repo}/commits/{sha}/pulls")
def _commit_pulls(call: Call, sha: str) -> Any:
    return Page([pull_form(call, pull) for pull in associated_pulls(call, sha)])


def associated_pulls(call: Call, sha: str) -> list[Pull]:
    """The pull requests that brought a commit to the main branch, or that hold it."""
    full = _known(call, sha)
    on_main = full in call.repo.git("rev-list", call.repo.branch).split()
    merged = [call.repo.pull(n) for n in call.repo.associated.get(full, [])]
    holding = [
        p
        for p in call.repo.pulls()
        if full in p.commits and p not in merged and (p.merged_at or not on_main)
    ]
    return [*merged, *holding]


def _known(call: Call, sha: str) -> str:
    full = call.repo.tip(f"{sha}^{{commit}}")
    if not full:
        raise Refused(422, f"No commit found for SHA: {sha}")
    return full


@route("POST", "{repo}/statuses/{sha}")
def _set_status(call: Call, sha: str) -> Any:
    (state,) = call.needs("state")
    full = _known(call, sha)
    description = call.body.get("description") or ""
    if state not in ("error", "failure", "pending", "success") or len(description) > 140:
        raise Refused(
            422, "Validation Failed", {"resource": "Status", "field": "state", "code": "invalid"}
        )
    status = {
        "id": len(call.repo.statuses) + 1,
        "state": state,
        "context": call.body.get("context", "default"),
        "description": description,
        "target_url": call.body.get("target_url"),
        "created_at": call.repo.now(),
        "creator": call.token.login,
    }
    call.repo.statuses.setdefault(full, []).append(status)
    form = status_form(call, full, status)
    return {**form, "creator": user_form(call.repo, call.token.login)}


@route("GET", "{repo}/commits/{sha}/status")
def _statuses(call: Call, sha: str) -> Any:
    """The newest of each context."""
    full = _known(call, sha)
    newest = {status["context"]: status for status in call.repo.statuses.get(full, [])}
    states = [status["state"] for status in newest.values()]
    forms = [status_form(call, full, status) for status in newest.values()]
    return Page(forms, "statuses", combined_status_form(call, full, states))
