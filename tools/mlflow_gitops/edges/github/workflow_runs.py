"""Workflow runs as GitHub knows them, for receipts that name one."""

from __future__ import annotations

import re

from mlflow_gitops.core.audit.record.forge_answers import ForgeRun
from mlflow_gitops.edges.github.connection import GitHubConnection

_URL = re.compile(r"https?://[^/\s]+/[^/\s]+/[^/\s]+/actions/runs/(\d{1,20})\Z")


def read_run(connection: GitHubConnection, url: str) -> ForgeRun | None:
    """The run with an address; None if this repository has no such run. Raises ForgeFailure."""
    match = _URL.match(url)
    if match is None:
        return None
    purpose = f"read the workflow run {match[1]}"
    answer = connection.unless_missing(purpose, lambda: connection.get(f"actions/runs/{match[1]}"))
    if answer is None:
        return None

    with connection.request(purpose):
        people = [answer["actor"], answer["triggering_actor"]]
        if answer["run_attempt"] > 2:  # only the last one's actor is in this answer
            people += [
                connection.get(f"actions/runs/{match[1]}/attempts/{attempt}")["triggering_actor"]
                for attempt in range(2, min(answer["run_attempt"], 10))
            ]
        return ForgeRun(
            event=str(answer["event"]),
            actors=tuple(dict.fromkeys(str(person["login"]) for person in people if person)),
            branch=answer["head_branch"],
            began=str(answer["created_at"]),
            ended=str(answer["updated_at"]) if answer["status"] == "completed" else None,
        )


def read_last_success(connection: GitHubConnection, url: str) -> str | None:
    """The commit of the newest run that succeeded of a run's workflow and branch; None if there is
    no such run. Raises ForgeFailure."""
    match = _URL.match(url)
    if match is None:
        return None
    purpose = f"read the runs before the workflow run {match[1]}"
    run = connection.unless_missing(purpose, lambda: connection.get(f"actions/runs/{match[1]}"))
    if run is None:
        return None

    with connection.request(purpose):
        answer = connection.get(
            f"actions/workflows/{run['workflow_id']}/runs",
            branch=run["head_branch"],
            status="success",
            per_page=1,
        )
        return next((str(earlier["head_sha"]) for earlier in answer["workflow_runs"]), None)
