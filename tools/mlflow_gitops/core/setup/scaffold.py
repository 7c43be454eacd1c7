"""What `init` writes: the initial policy, and the files that this package contains, adapted to a
repository. Pure.

A workflow begins with a line that has the SHA-256 of the rest, so that a later release knows
whether somebody edited it. Schemas need no such line: the commands read their own, and a copy that
differs would only mislead editors.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from mlflow_gitops.core.authoring.set_value import set_value
from mlflow_gitops.core.manifests.environments import Environment
from mlflow_gitops.core.setup.scaffold_environments import FOLDER, for_environments
from mlflow_gitops.core.yaml.text_edits import quoted

ACTION = ".github/actions/mlflow-gitops"
TEMPLATE = ".github/pull_request_template.md"

_OWN_WORKFLOWS = ("ci.yml", "weekly.yml")
"""Workflows that test this project. A repository of manifests does not need them."""

_SEAL = re.compile(r"# Written by mlflow-gitops init [^ ]+ \(sha256:([0-9a-f]{64})\).*")
_JOB_ENVIRONMENT = re.compile(
    r"^ {4}environment: (?!github-pages$)(\$\{\{.*?\}\}|\S+)( +#.*)?$", re.MULTILINE
)
_WITHOUT_SERVER = re.compile(r"(sqlite|postgresql|mysql|mssql|file)(\+\w+)?:|[/.]")
_PERMISSIONS = "\npermissions: {}\n"

Renewal = Literal["never", "unedited", "always"]


@dataclass(frozen=True, slots=True)
class ScaffoldTarget:
    """What the files are adapted to: the registry folder, the main branch, and what pip installs in
    a workflow. `may_skip_deployments`: whether the server knows jobs that have an environment's
    secrets and are no deployment."""

    registry: str
    branch: str
    requirement: str
    version: str
    environments: tuple[Environment, ...] = ()
    may_skip_deployments: bool = False


@dataclass(frozen=True, slots=True)
class ScaffoldFile:
    """One file as `init` writes it. `renewal` says when `--update` may replace an existing file."""

    path: str
    data: bytes
    renewal: Renewal


def for_github(shipped: Mapping[str, bytes], target: ScaffoldTarget) -> Iterator[ScaffoldFile]:
    """The files for GitHub, made from those in this package (path to content)."""
    for path, data in sorted(shipped.items()):
        name = path.rpartition("/")[2]
        if name in _OWN_WORKFLOWS:
            continue
        if path == TEMPLATE:
            yield ScaffoldFile(path, data, "never")
        elif path.startswith(f"{FOLDER}/"):
            for file, text in _workflows(name, data.decode(), target):
                yield _sealed_file(f"{FOLDER}/{file}", text, target)
        elif path == f"{ACTION}/action.yml":
            yield _sealed_file(path, _action(data.decode(), target), target)
        else:
            yield _sealed_file(path, data.decode(), target)


def _sealed_file(path: str, text: str, target: ScaffoldTarget) -> ScaffoldFile:
    return ScaffoldFile(path, with_seal(text, target.version).encode(), "unedited")


def _workflows(name: str, text: str, target: ScaffoldTarget) -> Iterator[tuple[str, str]]:
    """The workflows (file name, text) that one workflow of this package becomes."""
    text = _workflow(text, target)
    files = [(name, text)]
    if target.environments:
        files = list(for_environments(name, text, target.environments))
    for file, adapted in files:
        yield file, without_deployments(adapted) if target.may_skip_deployments else adapted


def without_deployments(text: str) -> str:
    """A workflow whose jobs take secrets from their environments and appear in no list of
    deployments. The page that is published is one."""
    return _JOB_ENVIRONMENT.sub(_no_deployment, text)


def _no_deployment(job: re.Match[str]) -> str:
    name = f'"{job[1]}"' if job[1].startswith("${{") else job[1]
    return f"    environment: {{name: {name}, deployment: false}}{job[2] or ''}"


def with_seal(text: str, version: str) -> str:
    """A text with the first line that later shows whether it was edited."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return (
        f"# Written by mlflow-gitops init {version} (sha256:{digest}); init --update renews it"
        f" unless it was edited.\n{text}"
    )


def is_unedited(data: bytes) -> bool:
    """Whether a file is exactly what some release of this command wrote."""
    head, _, content = data.replace(b"\r\n", b"\n").partition(b"\n")
    seal = _SEAL.fullmatch(head.decode("utf-8", "replace"))
    return seal is not None and seal.group(1) == hashlib.sha256(content).hexdigest()


def _workflow(text: str, target: ScaffoldTarget) -> str:
    text = text.replace("branches: [main]", f"branches: [{quoted(target.branch, None)}]")
    if target.registry != "registry" and "mlflow-gitops" in text:
        env = f"\nenv:\n  MLFLOW_GITOPS_REGISTRY_DIR: {quoted(target.registry, None)}\n"
        text = text.replace(_PERMISSIONS, _PERMISSIONS + env, 1)
    return text


def _action(text: str, target: ScaffoldTarget) -> str:
    """In this project the action installs the checkout that it is in; in other repositories it
    installs a release."""
    requirement = ("inputs", "requirement")
    description = "What pip installs: by default the version that wrote this file."
    text = set_value(text, (*requirement, "description"), description)
    text = set_value(text, (*requirement, "default"), target.requirement)
    if any(map(_needs_full_mlflow, target.environments)):
        text = set_value(text, ("inputs", "packages", "default"), "mlflow")
    return text


def _needs_full_mlflow(environment: Environment) -> bool:
    """Whether an environment's MLflow is a database or a folder, which is opened without a
    server. In a repository with one MLflow, the action decides that by its address."""
    return _WITHOUT_SERVER.match(environment.tracking_uri) is not None


def initial_policy(registry: str, owner: str | None, *, aliases: bool) -> bytes:
    """The policy that a team starts with: few rules, and further ones as comments."""
    owners = (
        f"owners: [{json.dumps(owner, ensure_ascii=False)}]"
        if owner
        else '# owners: ["@your-org/ml-platform"]'
    )
    alias_prefix = "" if aliases else "# "
    to_top = "../" * (registry.count("/") + 1)
    return f"""\
# yaml-language-server: $schema={to_top}schemas/policy.schema.json
# The rules for every manifest. The platform team owns this file; models/ belongs to the teams.
{owners}   # GitHub asks them about this file and every file without an owner
stages:
  Staging:
    {alias_prefix}alias: staging            # keeps the stage as an alias, too: models:/<m>@staging
    require: {{status: READY}}
  Production:
    {alias_prefix}alias: production
    protected: true             # only an explicit null leaves it empty
    require: {{status: READY, pinned: {{digest: true}}}}   # which files: promote writes it
    # from: [Staging]           # only versions that a reconcile put into Staging before
    # soak: 24h                 # for this long, counted from that reconcile
    # approvals: 1              # of the pull request, by someone other than its author
aliases: {{only: [Production]}}   # other aliases point at versions in Production, and follow
limits: {{changed_models: {{percent: 30, floor: 10}}}}
drift: heal                     # or: report
# propose: Staging              # new versions become pull requests for this stage
""".encode()


KEEP = b""
"""The content of the file that keeps an empty folder in git."""
