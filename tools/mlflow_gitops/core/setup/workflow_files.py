"""Read the files of workflows: their jobs, and which commands and credentials each has. Pure, for
`doctor` (RULES R9)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

COMMANDS = ("validate", "plan", "drift", "propose", "verify", "health", "reconcile")
"""The commands of mlflow-gitops that workflows run."""

_SECRET = re.compile(r"\bsecrets\s*(?:\.\s*([A-Za-z_][A-Za-z0-9_]*)|\[\s*'([^']+)'\s*\])")
_APP_TOKEN = "actions/create-github-app-token@"
_APP_INPUT = re.compile(r"(?:client-id|app-id|private-key): [^\n]{0,200}?\b(vars|secrets)\.(\w+)")
_ADDRESS_VARIABLE = re.compile(
    r"\bMLFLOW_(?:TRACKING|REGISTRY)_URI\w*: [^\n]{0,40}?\$\{\{ *vars(?:\.|\[')(\w+)"
)
_MATRIX_VALUE = re.compile(r"\$\{\{ *matrix\.(\w+) *\}\}")
_CHOICE = re.compile(r"\binputs\.[\w-]{1,40} *== *'[^']{1,99}' *&& *'([^']{1,99})'")
# mlflow-gitops, its global options, perhaps `github`, and the command.
_COMMAND = r"\bmlflow-gitops\b[\"\']?(?:\s+-\S+(?:\s+[^-\s]\S*)?)*(?:\s+github)?\s+{}\b"
_RECORD = re.compile(r"\bmlflow-gitops check\b[\s\S]{0,600}?--record\b")
_OWN_TOKEN = "GITHUB_TOKEN"
_MAX_LINE = 2_000  # characters of a script's line that are searched for a command

# libyaml's, if PyYAML has them: they are ten times as fast.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a workflow.

    `commands` are those of mlflow-gitops that it runs, `uses` the actions. `environment` is None if
    the job has none. `has_history` is false if it checks out less than the whole history.
    `listed_environments` are those that its matrix or its expression lists, if the job takes its
    environment from there. `text` is the job as YAML.
    """

    file: str
    name: str
    triggers: tuple[str, ...]
    permissions: object
    environment: str | None
    commands: frozenset[str]
    uses: tuple[str, ...]
    secrets: frozenset[str]
    has_history: bool
    text: str
    listed_environments: tuple[str, ...] = ()

    @property
    def environments(self) -> frozenset[str]:
        """All environments that the job may have."""
        if self.listed_environments:
            return frozenset(self.listed_environments)
        return frozenset({self.environment} if self.environment else ())

    @property
    def title(self) -> str:
        """How messages name the job: `plan.yml (plan)`."""
        return f"{self.file} ({self.name})"


@dataclass(frozen=True, slots=True)
class App:
    """The names of the variables and secrets from which a job makes a GitHub App's token, and the
    job's environment."""

    variables: tuple[str, ...]
    secrets: tuple[str, ...]
    environment: str | None


def recording_environments(jobs: Sequence[Job]) -> set[str]:
    """The environments of the jobs that record checks."""
    recording = (job for job in jobs if _RECORD.search(job.text))
    return {name for job in recording for name in job.environments}


def address_variables(jobs: Sequence[Job]) -> list[str]:
    """The variables from which jobs take the address of an MLflow server."""
    return sorted({name for job in jobs for name in _ADDRESS_VARIABLE.findall(job.text)})


def read_workflows(files: Mapping[str, str]) -> tuple[list[Job], list[str]]:
    """Return the jobs of workflow files (path to text), and the files that cannot be read as
    workflows."""
    jobs: list[Job] = []
    unread = []
    for file, text in sorted(files.items()):
        try:
            # Every scalar as text: `on` is a word in workflows, not a boolean.
            workflow = yaml.load(text, _LOADER)
            jobs += _jobs(file, workflow)
        except (yaml.YAMLError, AttributeError, TypeError, RecursionError):
            unread.append(file)
    return jobs, unread


def app_needs(jobs: Sequence[Job]) -> App | None:
    """Return what the first job that makes a GitHub App's token makes it from; None if none
    does."""
    for job in jobs:
        if any(action.startswith(_APP_TOKEN) for action in job.uses):
            inputs = dict.fromkeys(_APP_INPUT.findall(job.text))
            return App(
                variables=tuple(name for kind, name in inputs if kind == "vars"),
                secrets=tuple(name for kind, name in inputs if kind == "secrets"),
                environment=job.environment,
            )
    return None


def opens_pull_requests(jobs: Sequence[Job]) -> bool:
    """Whether a job makes an App's token, or may itself push a branch and open its pull request."""
    return app_needs(jobs) is not None or any(_may_open_pull_requests(job) for job in jobs)


def _may_open_pull_requests(job: Job) -> bool:
    needed = {"contents": "write", "pull-requests": "write"}
    if isinstance(job.permissions, dict):
        return needed.items() <= job.permissions.items()
    return job.permissions in (None, "write-all")


def _jobs(file: str, workflow: Any) -> Iterator[Job]:
    triggers = workflow.get("on", {})
    triggers = (triggers,) if isinstance(triggers, str) else tuple(triggers)
    for name, job in (workflow.get("jobs") or {}).items():
        yield _job(file, name, job, triggers, workflow.get("permissions"))


def _job(file: str, name: str, job: Any, triggers: tuple[str, ...], permissions: object) -> Job:
    steps = job.get("steps") or []
    text = yaml.dump(job, Dumper=_DUMPER, width=10_000)
    environment = job.get("environment")
    if isinstance(environment, dict):
        environment = environment.get("name")
    actions = [_scalar(step["uses"]) for step in (job, *steps) if step.get("uses")]
    secrets = {dotted or quoted for dotted, quoted in _SECRET.findall(text)}
    return Job(
        file=file,
        name=name,
        triggers=triggers,
        permissions=job.get("permissions", permissions),
        environment=environment,
        commands=frozenset(_commands(steps)),
        uses=tuple(actions),
        secrets=frozenset(secrets - {_OWN_TOKEN}),
        has_history=_has_history(steps),
        text=text,
        listed_environments=tuple(_listed_environments(job, environment)),
    )


def _has_history(steps: Sequence[Any]) -> bool:
    """Whether a checkout fetches the whole history; true if there is no checkout."""
    checkouts = [
        step for step in steps if _scalar(step.get("uses")).startswith("actions/checkout@")
    ]
    depths = [(step.get("with") or {}).get("fetch-depth") for step in checkouts]
    return not checkouts or "0" in depths


def _listed_environments(job: Mapping[str, Any], environment: object) -> Iterator[str]:
    """The environments of a matrix (plan.yml), or those that an input chooses from (check.yml)."""
    yield from _CHOICE.findall(_scalar(environment))
    value = _MATRIX_VALUE.fullmatch(_scalar(environment))
    entries = ((job.get("strategy") or {}).get("matrix") or {}).get("include")
    if value is not None and isinstance(entries, list):
        yield from (_scalar(entry.get(value[1])) for entry in entries)


def _commands(steps: Sequence[Any]) -> Iterator[str]:
    """The commands that steps run, in scripts or as arguments of the action."""
    for step in steps:
        script = _scalar(step.get("run")).replace("\\\n", " ").splitlines()
        lines = [line for line in script if not line.lstrip().startswith("#")]
        if "mlflow-gitops" in _scalar(step.get("uses")):
            lines.append(f"mlflow-gitops {_scalar((step.get('with') or {}).get('args'))}")
        for command in COMMANDS:
            pattern = _COMMAND.format(command)
            if any(re.search(pattern, line[:_MAX_LINE]) for line in lines):
                yield command


def _scalar(value: object) -> str:
    """A scalar's text; "" for anything else: YAML aliases can make a list's text endless."""
    return value if isinstance(value, str) else ""
