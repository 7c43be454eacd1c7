"""What `init` writes: the starting policy, and the shipped files made to fit a repository. Pure.

A workflow begins with a line that holds the SHA-256 of the rest, so that a later release knows
whether anybody edited it. Schemas need no such line: the command reads its own, and a copy that
differs tells editors what is not so.
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

_OWN_WORKFLOWS = ("ci.yml",)
"""Workflows that test this project; a repository of manifests has no use for them."""

_SEAL = re.compile(r"# Written by mlflow-gitops init [^ ]+ \(sha256:([0-9a-f]{64})\).*")
_PERMISSIONS = "\npermissions: {}\n"

Renewal = Literal["never", "unedited", "always"]


@dataclass(frozen=True, slots=True)
class ScaffoldTarget:
    """What the shipped files are made to fit: the registry folder, the main branch, and what pip
    installs in a workflow."""

    registry: str
    branch: str
    requirement: str
    version: str
    environments: tuple[Environment, ...] = ()


@dataclass(frozen=True, slots=True)
class ScaffoldFile:
    """One file as `init` writes it. `renewal` says when `--update` may replace one that is there."""

    path: str
    data: bytes
    renewal: Renewal


def for_github(shipped: Mapping[str, bytes], place: ScaffoldTarget) -> Iterator[ScaffoldFile]:
    """GitHub's files, from the shipped ones (path to content)."""
    for path, data in sorted(shipped.items()):
        if path.rpartition("/")[2] in _OWN_WORKFLOWS:
            continue
        if path == TEMPLATE:
            yield ScaffoldFile(path, data, "never")
            continue
        text = data.decode()
        if path.startswith(f"{FOLDER}/"):
            files = [(path.rpartition("/")[2], _workflow(text, place))]
            if place.environments:
                files = list(for_environments(*files[0], place.environments))
            for name, made in files:
                yield ScaffoldFile(
                    f"{FOLDER}/{name}", with_seal(made, place.version).encode(), "unedited"
                )
            continue
        if path == f"{ACTION}/action.yml":
            text = _action(text, place)
        yield ScaffoldFile(path, with_seal(text, place.version).encode(), "unedited")


def with_seal(text: str, version: str) -> str:
    """A text with the line that tells later whether it was edited."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return (
        f"# Written by mlflow-gitops init {version} (sha256:{digest}); init --update renews it"
        f" unless it was edited.\n{text}"
    )


def is_unedited(data: bytes) -> bool:
    """Whether a file is as some release of this command wrote it."""
    head, _, rest = data.replace(b"\r\n", b"\n").partition(b"\n")
    found = _SEAL.fullmatch(head.decode("utf-8", "replace"))
    return found is not None and found.group(1) == hashlib.sha256(rest).hexdigest()


def _workflow(text: str, place: ScaffoldTarget) -> str:
    text = text.replace("branches: [main]", f"branches: [{quoted(place.branch, None)}]")
    if place.registry != "registry" and "mlflow-gitops" in text:
        env = f"\nenv:\n  MLFLOW_GITOPS_REGISTRY_DIR: {quoted(place.registry, None)}\n"
        text = text.replace(_PERMISSIONS, _PERMISSIONS + env, 1)
    return text


def _action(text: str, place: ScaffoldTarget) -> str:
    """Here the action lies in a checkout of this project, which it installs; elsewhere it installs
    a release."""
    about = ("inputs", "requirement")
    said = "What pip installs: by default the version that wrote this file."
    text = set_value(text, (*about, "description"), said)
    return set_value(text, (*about, "default"), place.requirement)


def initial_policy(registry: str, owner: str | None, *, aliases: bool) -> bytes:
    """The policy that a team starts with: little is asked, and what more could be is there as a
    comment."""
    owners = (
        f"owners: [{json.dumps(owner, ensure_ascii=False)}]"
        if owner
        else '# owners: ["@your-org/ml-platform"]'
    )
    off = "" if aliases else "# "
    up = "../" * (registry.count("/") + 1)
    return f"""\
# yaml-language-server: $schema={up}schemas/policy.schema.json
# The rules for every manifest. The platform team owns this file; models/ belongs to the teams.
{owners}   # whom GitHub asks about this file and whatever names no owner
stages:
  Staging:
    {off}alias: staging            # keeps the stage as an alias, too: models:/<model>@staging
    require: {{status: READY}}
  Production:
    {off}alias: production
    protected: true             # left empty by an explicit null only
    require: {{status: READY, pinned: true}}
    # from: [Staging]           # a version climbs, and git history proves it
    # soak: 24h                 # this long, counted from the merge that put it there
    # approvals: 1              # of the pull request, by someone other than its author
limits: {{changed_models: {{percent: 30, floor: 10}}}}
drift: heal                     # or: report
# propose: Staging              # what training registers comes as a pull request for this stage
""".encode()


KEEP = b""
"""What keeps a folder in git that has no manifest yet."""
