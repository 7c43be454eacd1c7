"""What `doctor` says about the workflow that looks at the health of versions (RULES R14). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.core.setup.doctor_workflows import WORKFLOWS
from mlflow_gitops.core.setup.workflow_files import Job


def check_health_workflow(jobs: Sequence[Job], is_watched: bool) -> Iterator[CheckResult]:
    """Whether a workflow looks at health, if the policy asks for the health of any stage. Without
    workflows, nothing is missing: a loop may do so."""
    if not is_watched or not jobs:
        return
    request = "the policy asks for the health of versions"
    files = sorted({job.file for job in jobs if "health" in job.commands})
    if files:
        yield WORKFLOWS.ok("health", f"{request}, and {', '.join(files)} looks at it")
        return
    yield WORKFLOWS.missing(
        "health",
        f"{request}, and no workflow runs mlflow-gitops github health: unless reconcile --watch has"
        " a token for the forge, nothing is proposed for an unhealthy version",
        "Take the workflow that this version ships: mlflow-gitops init",
    )


def jobs_in_use(jobs: Sequence[Job], is_watched: bool) -> list[Job]:
    """The jobs, without those that only look at health if the policy asks for none: they open no
    pull request, and need nothing for it."""
    return [job for job in jobs if is_watched or job.commands != {"health"}]
