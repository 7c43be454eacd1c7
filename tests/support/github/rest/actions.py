"""Workflow runs, dispatches and activity."""

from __future__ import annotations

from typing import Any

from tests.support.github.forms import activity_form, run_form
from tests.support.github.forms.runs import workflow_id
from tests.support.github.wire import Call, Page, route
from tests.support.github_state import Refused, Run


@route("GET", "{repo}/actions/runs")
def _runs(call: Call) -> Any:
    event, head = call.query.get("event"), call.query.get("head_sha")
    begin, _, end = call.query.get("created", "..").partition("..")
    found = [
        run for run in call.repo.runs if event in (None, run.event) and head in (None, run.head_sha)
    ]
    found = [run for run in found if (begin or "0") <= run.created <= (end or "9")]
    found = found[::-1][: call.api.largest_search]
    return Page([run_form(call, run) for run in found], "workflow_runs")


@route("GET", "{repo}/actions/runs/{run}")
def _get_run(call: Call, run: str) -> Any:
    return run_form(call, _the_run(call, run))


@route("GET", "{repo}/actions/workflows/{workflow}/runs")
def _runs_of_workflow(call: Call, workflow: str) -> Any:
    branch, status = call.query.get("branch"), call.query.get("status")
    found = [
        run
        for run in reversed(call.repo.runs)
        if str(workflow_id(run)) == workflow
        and branch in (None, run.head_branch)
        and status in (None, run.status, run.conclusion)
    ]
    return Page([run_form(call, run) for run in found], "workflow_runs")


@route("GET", "{repo}/actions/runs/{run}/attempts/{attempt}")
def _attempt(call: Call, run: str, attempt: str) -> Any:
    return run_form(call, _the_run(call, run), int(attempt))


def _the_run(call: Call, number: str) -> Run:
    for run in call.repo.runs:
        if run.id == int(number):
            return run
    raise Refused(404, "Not Found")


@route("GET", "{repo}/activity")
def _activity(call: Call) -> Any:
    found = [
        push for push in reversed(call.repo.pushes) if call.query.get("ref") in (None, push[0])
    ]
    before = call.repo.replaced
    return Page(
        [
            activity_form(call, number, push, before.get(push[1], "0" * 40))
            for number, push in enumerate(found)
        ]
    )


@route("POST", "{repo}/dispatches")
def _repository_dispatch(call: Call) -> Any:
    (event,) = call.needs("event_type")
    call.repo.dispatched.append({"event_type": event, "by": call.token.login, **call.body})


@route("POST", "{repo}/actions/workflows/{workflow}/dispatches")
def _workflow_dispatch(call: Call, workflow: str) -> Any:
    (ref,) = call.needs("ref")
    call.repo.dispatched.append({"workflow": workflow, "by": call.token.login, **call.body})
    call.repo.run(
        workflow,
        "workflow_dispatch",
        call.token.login,
        head_branch=ref,
        head_sha=call.repo.tip(ref),
    )
