"""What a repository's workflows promise, by reading their files: pure, for `doctor` (RULES R9)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.core.wording import first_few, or_list

ENVIRONMENTS = {
    "plan": "mlflow-read",
    "drift": "mlflow-read",
    "propose": "mlflow-read",
    "reconcile": "mlflow-write",
}
"""The environment whose credentials a job may have, by the command that it runs."""

_ONE = (("mlflow-read", "mlflow-write"),)
"""Where there is one MLflow: the environment that reads and the one that writes."""
_PINNED = re.compile(r"@[0-9a-f]{40}(?:[0-9a-f]{24})?$|@sha256:[0-9a-f]{64}$")
_SECRET = re.compile(r"\bsecrets\s*(?:\.\s*([A-Za-z_][A-Za-z0-9_]*)|\[\s*'([^']+)'\s*\])")
_APP_TOKEN = "actions/create-github-app-token@"
_APP_INPUT = re.compile(r"(?:client-id|app-id|private-key): [^\n]*?\b(vars|secrets)\.(\w+)")
_FROM_FORKS = ("pull_request", "pull_request_target")
_FIX = "Take the workflow that this version ships: mlflow-gitops init"


@dataclass(frozen=True, slots=True)
class Job:
    """One job: which workflow it is in, what starts that, and what it does. `commands` are those of
    mlflow-gitops."""

    file: str
    name: str
    triggers: tuple[str, ...]
    permissions: object
    environment: str | None
    commands: frozenset[str]
    uses: tuple[str, ...]
    secrets: frozenset[str]
    deep: bool
    """Whether a checkout of it brings the whole history, or it has none."""
    text: str
    matrix: tuple[str, ...] = ()
    """What its matrix says the environment is, where the job takes it from there."""

    @property
    def environments(self) -> frozenset[str]:
        return frozenset(self.matrix or ((self.environment,) if self.environment else ()))


@dataclass(frozen=True, slots=True)
class App:
    """The names of the variables and secrets by which a job speaks as a GitHub App, and the job's
    environment."""

    variables: tuple[str, ...]
    secrets: tuple[str, ...]
    environment: str | None


def read_workflows(files: Mapping[str, str]) -> tuple[list[Job], list[str]]:
    """The jobs of workflow files (path to text), and the files that are no workflow that can be
    read."""
    jobs: list[Job] = []
    unread = []
    for file, text in sorted(files.items()):
        try:
            # Every scalar as text: `on` is a word here, not a boolean.
            workflow = yaml.load(text, yaml.BaseLoader)
            jobs += _jobs(file, workflow)
        except (yaml.YAMLError, AttributeError, TypeError, RecursionError):
            unread.append(file)
    return jobs, unread


def judge_workflows(
    jobs: list[Job],
    unread: list[str],
    places: Sequence[tuple[str, str]] = _ONE,
    proposed: Collection[str] = (),
) -> Iterator[CheckResult]:
    """Whether the workflows are there, pinned, and given no more than they need. `places` are the
    environments that read and that write, one pair for each MLflow; `proposed` the stages that the
    policy wants new versions proposed for."""
    for file in unread:
        yield CheckResult(
            "workflows", "readable", "missing", f"{file} is no workflow that can be read", _FIX
        )
    if not jobs:
        yield CheckResult(
            "workflows", "present", "missing", "there is no workflow in .github/workflows/", _FIX
        )
        return
    for command in ("validate", "plan", "reconcile"):
        where = sorted({job.file for job in jobs if command in job.commands})
        if where:
            yield CheckResult("workflows", command, "ok", f"{command} runs in {', '.join(where)}")
        else:
            yield CheckResult(
                "workflows", command, "missing", f"no workflow runs mlflow-gitops {command}", _FIX
            )
    if proposed:
        said = f"the policy proposes new versions for {', '.join(proposed)}, and "
        where = sorted({job.file for job in jobs if "propose" in job.commands})
        if where:
            yield CheckResult("workflows", "propose", "ok", f"{said}{', '.join(where)} does so")
        else:
            fix = f"{_FIX}; or take propose out of the policy."
            if tuple(places) != _ONE:
                fix = (
                    "Take propose out of the policy: no workflow does so where there are several"
                    " MLflows."
                )
            yield CheckResult(
                "workflows",
                "propose",
                "missing",
                f"{said}no workflow runs mlflow-gitops github propose",
                fix,
            )
    yield _all(
        "pinned", "every action is pinned to a commit",
        [f"{job.file} uses {used}" for job in jobs for used in job.uses if not _pinned(used)],
        "Write the commit's SHA behind the @, and the version as a comment.",
    )  # fmt: skip
    yield _all(
        "permissions", "every job says which permissions it needs",
        [_job(job) for job in jobs if job.permissions in (None, "write-all", "read-all")],
        "Write permissions: {} at the top, and at each job what it needs.",
    )  # fmt: skip
    yield _all(
        "secrets", "secrets come from environments alone, never to what a pull request starts",
        [_job(job) for job in jobs if job.secrets and (job.environment is None or _started_by_forks(job))],
        "Give the job an environment that accepts the main branch alone; plan runs by workflow_run.",
    )  # fmt: skip
    yield _all(
        "target", "no workflow runs by pull_request_target",
        [_job(job) for job in jobs if "pull_request_target" in job.triggers],
        "Use workflow_run: pull_request_target runs with secrets beside a stranger's code.",
    )  # fmt: skip
    for command, kind in ENVIRONMENTS.items():
        allowed = [pair[kind == "mlflow-write"] for pair in places]
        environment = or_list(allowed)
        # What checks a pull request's files or a plan without MLflow has no environment, and needs
        # none.
        having = [
            job for job in jobs if command in job.commands and (job.environment or job.secrets)
        ]
        if command != "reconcile":
            having = [job for job in having if "reconcile" not in job.commands]
        wrong = [job for job in having if not job.environments or job.environments - set(allowed)]
        left = [one for one in allowed if not any(one in job.environments for job in having)]
        if wrong:
            other = ", ".join(sorted(wrong[0].environments - set(allowed)))
            said = (
                f"{_job(wrong[0])} runs {command} in"
                f" {f'the environment {other}' if other else 'no environment'}"
            )
            yield CheckResult(
                "workflows",
                f"{command}-environment",
                "missing",
                said,
                f"environment: {environment}",
            )
        elif having and left and command != "propose":
            said = f"no workflow runs {command} in the environment {left[0]}"
            fix = "Make the workflows fit the list of environments: mlflow-gitops init --update"
            yield CheckResult("workflows", f"{command}-environment", "missing", said, fix)
        elif having:
            yield CheckResult(
                "workflows",
                f"{command}-environment",
                "ok",
                f"{command} has the environment {environment}",
            )
    yield _all(
        "depth", "plan and reconcile check the whole history out",
        [_job(job) for job in jobs if ENVIRONMENTS.keys() & job.commands and not job.deep],
        "with: {fetch-depth: 0} at actions/checkout.",
    )  # fmt: skip


def app_needs(jobs: Sequence[Job]) -> App | None:
    """What a job makes a GitHub App's token from; None where none does."""
    making = next(
        (job for job in jobs if any(used.startswith(_APP_TOKEN) for used in job.uses)), None
    )
    if making is None:
        return None
    found = dict.fromkeys(_APP_INPUT.findall(making.text))
    return App(
        variables=tuple(name for kind, name in found if kind == "vars"),
        secrets=tuple(name for kind, name in found if kind == "secrets"),
        environment=making.environment,
    )


def opens_pull_requests(jobs: Sequence[Job]) -> bool:
    """Whether a job makes an App's token, or may itself push a branch and open a pull request of
    it."""
    wanted = {"contents": "write", "pull-requests": "write"}
    return app_needs(jobs) is not None or any(
        job.permissions in (None, "write-all")
        or (isinstance(job.permissions, dict) and wanted.items() <= job.permissions.items())
        for job in jobs
    )


def _jobs(file: str, workflow: Any) -> Iterator[Job]:
    triggers = workflow.get("on", {})
    triggers = (triggers,) if isinstance(triggers, str) else tuple(triggers)
    for name, job in (workflow.get("jobs") or {}).items():
        steps = job.get("steps") or []
        text = yaml.safe_dump(job, width=10_000)
        environment = job.get("environment")
        checkouts = [
            step for step in steps if str(step.get("uses", "")).startswith("actions/checkout@")
        ]
        yield Job(
            file=file,
            name=name,
            triggers=triggers,
            permissions=job.get("permissions", workflow.get("permissions")),
            environment=environment.get("name") if isinstance(environment, dict) else environment,
            commands=frozenset(_commands(steps)),
            uses=tuple(str(one["uses"]) for one in (job, *steps) if one.get("uses")),
            secrets=frozenset(a or b for a, b in _SECRET.findall(text)) - {"GITHUB_TOKEN"},
            deep=not checkouts
            or any((step.get("with") or {}).get("fetch-depth") == "0" for step in checkouts),
            text=text,
            matrix=tuple(_of_matrix(job, environment)),
        )


def _of_matrix(job: Mapping[str, Any], environment: object) -> Iterator[str]:
    found = re.fullmatch(r"\$\{\{ *matrix\.(\w+) *\}\}", str(environment))
    entries = ((job.get("strategy") or {}).get("matrix") or {}).get("include")
    if found is not None and isinstance(entries, list):
        yield from (str(entry.get(found[1])) for entry in entries)


def _commands(steps: list[Any]) -> Iterator[str]:
    for step in steps:
        args = (
            str((step.get("with") or {}).get("args", ""))
            if "mlflow-gitops" in str(step.get("uses", ""))
            else ""
        )
        lines = str(step.get("run", "")).replace("\\\n", " ").splitlines()
        lines = [line for line in lines if not line.lstrip().startswith("#")]
        said = [f"mlflow-gitops {args}", *lines]
        for command in ("validate", *ENVIRONMENTS):
            if any(
                re.search(
                    rf"\bmlflow-gitops\b[\"\']?(?:\s+-\S+(?:\s+[^-\s]\S*)?)*(?:\s+github)?\s+{command}\b",
                    line,
                )
                for line in said
            ):
                yield command


def _pinned(used: str) -> bool:
    return used.startswith("./") or bool(_PINNED.search(used))


def _started_by_forks(job: Job) -> bool:
    return any(trigger in _FROM_FORKS for trigger in job.triggers)


def _job(job: Job) -> str:
    return f"{job.file} ({job.name})"


def _all(check: str, fine: str, wrong: list[str], fix: str) -> CheckResult:
    if not wrong:
        return CheckResult("workflows", check, "ok", fine)
    return CheckResult(
        "workflows", check, "missing", f"not so: {first_few(wrong, 3)} ({fine})", fix
    )
