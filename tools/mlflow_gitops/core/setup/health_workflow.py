"""What `doctor` says about the workflow that looks at the health of versions (RULES R14). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.core.setup.doctor_workflows import WORKFLOWS
from mlflow_gitops.core.setup.workflow_files import Job, app_needs


def check_health_workflow(jobs: Sequence[Job], is_watched: bool) -> Iterator[CheckResult]:
    """Whether a workflow looks at health, if the policy asks for the health of any stage. Without
    workflows, nothing is missing: a loop may do so."""
    if not is_watched or not jobs:
        return
    request = "the policy asks for the health of versions"
    files = sorted({job.file for job in jobs if "health" in job.commands})
    if files:
        yield WORKFLOWS.ok("health", f"{request}, and {', '.join(files)} looks at it")
        yield from _issues(jobs)
        return
    yield WORKFLOWS.missing(
        "health",
        f"{request}, and no workflow runs mlflow-gitops github health: unless reconcile --watch has"
        " a token for the forge, nothing is proposed for an unhealthy version",
        "Take the workflow that this version ships: mlflow-gitops init",
    )


def _issues(jobs: Sequence[Job]) -> Iterator[CheckResult]:
    """Whether the jobs that look at health may write the issues about versions without a way back:
    by their own permissions, and by those that they ask of a GitHub App's token."""
    without = [job.title for job in jobs if "health" in job.commands and not _may_write_issues(job)]
    if without:
        yield WORKFLOWS.missing(
            "health-issues",
            f"{', '.join(without)} may not write issues about unhealthy versions",
            "Give the job `issues: write`, the step that makes the App's token"
            " `permission-issues: write`, and the App the permission Issues: write.",
        )
        return
    apps = [job for job in jobs if "health" in job.commands and app_needs([job]) is not None]
    needs_app = "; a GitHub App needs the permission Issues: write, too" if apps else ""
    detail = f"what looks at health may write issues{needs_app}"
    yield WORKFLOWS.ok("health-issues", detail)


def _may_write_issues(job: Job) -> bool:
    permissions = job.permissions
    is_allowed = (
        permissions.get("issues") == "write"
        if isinstance(permissions, dict)
        else permissions in (None, "write-all")
    )
    # A token of an App with a list of permissions has these alone.
    asks_some = app_needs([job]) is not None and "permission-" in job.text
    return is_allowed and (not asks_some or "permission-issues: write" in job.text)


def jobs_in_use(jobs: Sequence[Job], is_watched: bool) -> list[Job]:
    """The jobs, without those that only look at health if the policy asks for none: they open no
    pull request, and need nothing for it."""
    return [job for job in jobs if is_watched or job.commands != {"health"}]
