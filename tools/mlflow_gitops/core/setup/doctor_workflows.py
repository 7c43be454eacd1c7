"""`doctor`'s checks of the workflows' files: they run every command, pin actions, and give each job
no more than it needs (RULES R9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.setup.doctor import Area, CheckResult, run_checks
from mlflow_gitops.core.setup.workflow_files import Job
from mlflow_gitops.core.wording import first_few, or_list
from mlflow_gitops.settings import RECEIPTS_BRANCH

WORKFLOWS = Area("workflows")


@dataclass(frozen=True, slots=True)
class EnvironmentPair:
    """The deployment environments of one MLflow: one with credentials to read, one to write."""

    read: str = "mlflow-read"
    write: str = "mlflow-write"

    def allowed_for(self, command: str) -> str:
        """The environment that a job with this command may have."""
        return self.write if command == "reconcile" else self.read


ONE_MLFLOW = (EnvironmentPair(),)
"""The environments if there is a single MLflow."""

_WITH_CREDENTIALS = ("plan", "drift", "propose", "verify", "reconcile")
"""The commands that need credentials for MLflow."""
_FROM_FORKS = ("pull_request", "pull_request_target")
_PINNED = re.compile(r"@[0-9a-f]{40}(?:[0-9a-f]{24})?$|@sha256:[0-9a-f]{64}$")
_RECEIPTS_HANDED_OVER = "receipts.bundle"
"""What the jobs of the shipped reconcile.yml name that hand receipts over and push them."""
_VARIABLE = "MLFLOW_GITOPS_RECEIPTS_BRANCH"
_FIX = "Take the workflow that this version ships: mlflow-gitops init"


@dataclass(frozen=True, slots=True)
class WorkflowFacts:
    """The workflows. `unread` are files that cannot be read, `environments` those of each MLflow,
    `proposed` the stages that the policy has new versions proposed for. `pins_digests`: the policy
    asks for the digests of files. `receipts_branch` is the branch that receipts are pushed to."""

    jobs: Sequence[Job]
    unread: Collection[str] = ()
    environments: Sequence[EnvironmentPair] = ONE_MLFLOW
    proposed: Collection[str] = ()
    pins_digests: bool = False
    receipts_branch: str = RECEIPTS_BRANCH

    def files_with(self, command: str) -> str:
        """The files whose jobs run a command; empty if none does."""
        return ", ".join(sorted({job.file for job in self.jobs if command in job.commands}))


def check_workflows(facts: WorkflowFacts, *, on_github: bool = True) -> Iterator[CheckResult]:
    """Run all checks of the workflows; without jobs, those of the files alone. A repository that
    is not on GitHub needs none."""
    if not on_github and not facts.jobs:
        yield WORKFLOWS.ok("present", "not on GitHub: skipped")
        return
    yield from run_checks(CHECKS_OF_FILES, facts)
    if facts.jobs:
        yield from run_checks(CHECKS, facts)


def _readable(facts: WorkflowFacts) -> Iterator[CheckResult]:
    for file in facts.unread:
        yield WORKFLOWS.missing("readable", f"{file} cannot be read as a workflow", _FIX)


def _present(facts: WorkflowFacts) -> Iterator[CheckResult]:
    if not facts.jobs:
        detail = "there is no workflow in .github/workflows/"
        yield WORKFLOWS.missing("present", detail, _FIX)


CHECKS_OF_FILES: tuple[Callable[[WorkflowFacts], Iterator[CheckResult]], ...] = (
    _readable,
    _present,
)


def _required_commands(facts: WorkflowFacts) -> Iterator[CheckResult]:
    for command in ("validate", "plan", "reconcile"):
        files = facts.files_with(command)
        if files:
            yield WORKFLOWS.ok(command, f"{command} runs in {files}")
        else:
            yield WORKFLOWS.missing(command, f"no workflow runs mlflow-gitops {command}", _FIX)


def _propose(facts: WorkflowFacts) -> Iterator[CheckResult]:
    if not facts.proposed:
        return
    request = f"the policy proposes new versions for {', '.join(facts.proposed)}"
    files = facts.files_with("propose")
    if files:
        yield WORKFLOWS.ok("propose", f"{request}, and {files} does so")
        return
    if tuple(facts.environments) == ONE_MLFLOW:
        fix = f"{_FIX}; or take propose out of the policy."
    else:
        fix = "Take propose out of the policy: with several MLflows, no shipped workflow proposes."
    detail = f"{request}, and no workflow runs mlflow-gitops github propose"
    yield WORKFLOWS.missing("propose", detail, fix)


def _verify(facts: WorkflowFacts) -> Iterator[CheckResult]:
    """Reconcile compares files before they are served; only verify does afterwards."""
    if not facts.pins_digests:
        return
    request = "the policy asks for digests of files"
    files = facts.files_with("verify")
    if files:
        yield WORKFLOWS.ok("verify", f"{request}, and {files} compares them with what is served")
        return
    detail = (
        f"{request}, and no workflow runs mlflow-gitops github verify: nobody notices files that"
        " are overwritten while they are served"
    )
    yield WORKFLOWS.missing("verify", detail, _FIX)


def _pinned(facts: WorkflowFacts) -> Iterator[CheckResult]:
    yield _holds(
        "pinned",
        "every action is pinned to a commit",
        [
            f"{job.file} uses {action}"
            for job in facts.jobs
            for action in job.uses
            if not action.startswith("./") and not _PINNED.search(action)
        ],
        "Write the commit's SHA behind the @, and the version as a comment.",
    )


def _permissions(facts: WorkflowFacts) -> Iterator[CheckResult]:
    too_wide = (None, "write-all", "read-all")
    yield _holds(
        "permissions",
        "every job lists the permissions that it needs",
        [job.title for job in facts.jobs if job.permissions in too_wide],
        "Write permissions: {} at the top, and at each job what it needs.",
    )


def _schedule(facts: WorkflowFacts) -> Iterator[CheckResult]:
    """In a public repository, GitHub disables a workflow with a schedule after 60 days without a
    commit, on all of its events."""
    yield _holds(
        "schedule",
        "no workflow that a push or a dispatch from outside starts has a schedule",
        sorted({job.file for job in facts.jobs if _rests_with_its_schedule(job)}),
        "Take the schedule into a workflow of its own, as heal.yml is: mlflow-gitops init --update",
    )


def _rests_with_its_schedule(job: Job) -> bool:
    return "schedule" in job.triggers and not {"push", "repository_dispatch"}.isdisjoint(
        job.triggers
    )


def _secrets(facts: WorkflowFacts) -> Iterator[CheckResult]:
    yield _holds(
        "secrets",
        "secrets come from environments alone, and no job that a pull request starts has any",
        [job.title for job in facts.jobs if job.secrets and not _may_have_secrets(job)],
        "Give the job an environment that accepts the main branch alone; plan runs by"
        " workflow_run.",
    )


def _may_have_secrets(job: Job) -> bool:
    starts_from_forks = any(trigger in _FROM_FORKS for trigger in job.triggers)
    return job.environment is not None and not starts_from_forks


def _target(facts: WorkflowFacts) -> Iterator[CheckResult]:
    yield _holds(
        "target",
        "no workflow runs by pull_request_target",
        [job.title for job in facts.jobs if "pull_request_target" in job.triggers],
        "Use workflow_run: pull_request_target runs with secrets beside a stranger's code.",
    )


def _environments(facts: WorkflowFacts) -> Iterator[CheckResult]:
    for command in _WITH_CREDENTIALS:
        yield from _environment_of(command, facts)


def _environment_of(command: str, facts: WorkflowFacts) -> Iterator[CheckResult]:
    check = f"{command}-environment"
    allowed = [pair.allowed_for(command) for pair in facts.environments]
    jobs = _jobs_with_credentials(command, facts)
    if not jobs:
        return

    for job in jobs:
        not_allowed = job.environments - set(allowed)
        if not_allowed or not job.environments:
            used = "no environment"
            if not_allowed:
                used = f"the environment {', '.join(sorted(not_allowed))}"
            detail = f"{job.title} runs {command} in {used}"
            yield WORKFLOWS.missing(check, detail, f"environment: {or_list(allowed)}")
            return

    used_environments = frozenset[str]().union(*(job.environments for job in jobs))
    unused = [name for name in allowed if name not in used_environments]
    if unused and command != "propose":
        yield WORKFLOWS.missing(
            check,
            f"no workflow runs {command} in the environment {unused[0]}",
            "Make the workflows fit the list of environments: mlflow-gitops init --update",
        )
        return
    yield WORKFLOWS.ok(check, f"{command} has the environment {or_list(allowed)}")


def _jobs_with_credentials(command: str, facts: WorkflowFacts) -> list[Job]:
    """The jobs that run a command with an environment or secrets.

    A job that checks files, or plans without MLflow, has neither and needs neither. A job that
    also runs reconcile counts for reconcile alone.
    """
    return [
        job
        for job in facts.jobs
        if command in job.commands
        and (job.environment or job.secrets)
        and (command == "reconcile" or "reconcile" not in job.commands)
    ]


def _depth(facts: WorkflowFacts) -> Iterator[CheckResult]:
    yield _holds(
        "depth",
        "plan and reconcile check out the whole history",
        [
            job.title
            for job in facts.jobs
            if not job.has_history and job.commands & set(_WITH_CREDENTIALS)
        ],
        "with: {fetch-depth: 0} at actions/checkout.",
    )


def _receipts(facts: WorkflowFacts) -> Iterator[CheckResult]:
    """Receipts on another branch than the one that these jobs take would never be pushed."""
    branch = facts.receipts_branch
    # The text of a script may have its lines' ends as \\n.
    name = re.compile(rf"branch=[\"']?(?:refs/heads/)?{re.escape(branch)}(?![\w./-])")
    jobs = [job for job in facts.jobs if _RECEIPTS_HANDED_OVER in job.text]
    if jobs:
        yield _holds(
            "receipts",
            f"receipts are taken from {branch}, where reconcile writes them",
            [job.title for job in jobs if not name.search(job.text) and _VARIABLE not in job.text],
            f"Write {branch} as the name of the branch in these jobs.",
        )


CHECKS: tuple[Callable[[WorkflowFacts], Iterator[CheckResult]], ...] = (
    _required_commands,
    _propose,
    _verify,
    _pinned,
    _permissions,
    _schedule,
    _secrets,
    _target,
    _environments,
    _depth,
    _receipts,
)
"""The checks of jobs, in the order in which their results are printed."""


def _holds(check: str, rule: str, exceptions: list[str], fix: str) -> CheckResult:
    """The result of a rule that holds if it has no exceptions."""
    if not exceptions:
        return WORKFLOWS.ok(check, rule)
    return WORKFLOWS.missing(check, f"not so: {first_few(exceptions, 3)} ({rule})", fix)
