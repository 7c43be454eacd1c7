"""The files that `init` writes: what each should contain, and what becomes of one that exists."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mlflow_gitops.app.setup import codeowners
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.registry_folder import NOTIFY
from mlflow_gitops.core.manifests.snapshot import SourceFile, build
from mlflow_gitops.core.settings_file import settings_text
from mlflow_gitops.core.setup import scaffold
from mlflow_gitops.core.setup.codeowners import LOCATIONS, CodeOwners
from mlflow_gitops.core.setup.scaffold import ACTION, TEMPLATE, ScaffoldFile, ScaffoldTarget
from mlflow_gitops.edges.system import files
from mlflow_gitops.render.diff import unified
from mlflow_gitops.settings import SETTINGS_FILE
from mlflow_gitops.shared import shared_path

_TEMPLATE_NAMES = (
    "pull_request_template.md",
    "pull_request_template.txt",
    "pull_request_template",
)


@dataclass(frozen=True, slots=True)
class FileResult:
    """The result for one file. `left`: the file exists, differs from what `init` would write, and
    is kept; `why` gives the reason."""

    file: str
    result: Literal["created", "updated", "unchanged", "left"]
    diff: str
    data: bytes = b""
    reason: str = ""


def covers_all_environments(workspace: Workspace) -> bool:
    """Whether `init` runs for a repository with environments, without --env. It then writes what
    surrounds the registry folders; with --env, the policy and the folder of that environment."""
    return workspace.environment is None and workspace.has_environments


def names_registry(workspace: Workspace) -> bool:
    """Whether `init` writes the file that names the registry folder: it has another name, and no
    file of the repository names it yet."""
    named = replace(workspace.settings, registry_dir="", warn=lambda text: None)
    known = Workspace(named, all_environments=True).root
    return workspace.root != known and not workspace.checkout.exists(SETTINGS_FILE)


def scaffold_files(
    workspace: Workspace, policy: bytes, target: ScaffoldTarget, *, on_github: bool, is_update: bool
) -> Iterator[ScaffoldFile]:
    """Every file that `init` writes, except CODEOWNERS. An update does not record that the
    repository is not on GitHub, since nobody was asked."""
    registry = workspace.registry
    if not covers_all_environments(workspace):
        yield ScaffoldFile(registry.policy_path, policy, "never")
        if not (workspace.top / registry / "models").is_dir():
            yield ScaffoldFile(f"{registry}/models/.gitkeep", scaffold.KEEP, "never")

    is_named = names_registry(workspace)
    remembers_github = not on_github and not is_update
    if is_named or (remembers_github and not workspace.checkout.exists(SETTINGS_FILE)):
        text = settings_text(workspace.root if is_named else None, on_github=not remembers_github)
        yield ScaffoldFile(SETTINGS_FILE, text.encode(), "never")

    for path in sorted(files.SCHEMA_COPIES):
        if _serves(workspace, path):
            yield ScaffoldFile(path, shared_path(path).read_bytes(), "always")

    if not on_github:
        return
    existing_template = next(_templates(workspace.top), TEMPLATE)
    for file in scaffold.for_github(shipped_files(), target):
        if file.path != TEMPLATE or existing_template == TEMPLATE:
            yield file


def _serves(workspace: Workspace, schema: str) -> bool:
    """Whether a repository needs its copy of a schema: few have the files of the last two."""
    if schema.endswith("/environments.schema.json"):
        return workspace.has_environments
    if schema.endswith("/notify.schema.json"):
        return workspace.checkout.exists(f"{workspace.root}/{NOTIFY}")
    return True


def result_for(top: Path, file: ScaffoldFile, *, update: bool) -> FileResult:
    """What becomes of one file in the repository at `top`."""
    current = files.read_file(top / file.path, file.path)
    if current.data is None and not os.path.lexists(top / file.path):
        return FileResult(file.path, "created", unified(file.path, None, file.data), file.data)
    if current.data is None:
        return FileResult(file.path, "left", "", reason=current.fault or "it cannot be read")
    if current.data.replace(b"\r\n", b"\n") == file.data:
        return FileResult(file.path, "unchanged", "")

    diff = unified(file.path, current.data, file.data)
    reason = _reason_to_keep(file, current.data, update=update)
    if reason is not None:
        return FileResult(file.path, "left", diff, reason=reason)
    return FileResult(file.path, "updated", diff, file.data)


def codeowners_result(workspace: Workspace, new_policy: bytes | None) -> FileResult | None:
    """What becomes of CODEOWNERS, in which only the block of this command is changed. None if it
    needs no lines. `new_policy` is a policy that this run of `init` writes."""
    current = codeowners.existing(workspace)
    old = current or CodeOwners(LOCATIONS[0], "")
    has_folder = workspace.checkout.has_folder(str(workspace.registry))
    sources = list(workspace.checkout.registry_files(workspace.registry)) if has_folder else []
    if new_policy is not None:
        sources.append(SourceFile(workspace.registry.policy_path, new_policy))
    snapshot = build(sources, workspace.registry)
    if snapshot.errors:
        reason = "manifests or the policy have errors; run mlflow-gitops validate to see them"
        return FileResult(old.file, "left", "", reason=reason)

    new_text = codeowners.expected_text(
        workspace, snapshot, old, adds_settings=names_registry(workspace)
    )
    if not new_text:
        return None
    before = old.text.encode("utf-8", "surrogateescape")
    after = new_text.encode("utf-8", "surrogateescape")
    if before == after:
        return FileResult(old.file, "unchanged", "")
    if current is None:
        return FileResult(old.file, "created", unified(old.file, None, after), after)
    return FileResult(old.file, "updated", unified(old.file, before, after), after)


def _reason_to_keep(file: ScaffoldFile, current: bytes, *, update: bool) -> str | None:
    """Why a file that differs is not replaced; None if it is."""
    if file.renewal == "never":
        return "it is yours"
    if file.renewal == "unedited" and not scaffold.is_unedited(current):
        return "it was edited here, or is not from init"
    if not update:
        return "it is from another release; run mlflow-gitops init --update to renew it"
    return None


def shipped_files() -> dict[str, bytes]:
    """The files for GitHub that this package contains: path to content."""
    home = shared_path(".github")
    sources = [
        *(home / "workflows").glob("*.yml"),
        *(home / "actions").rglob("*.yml"),
        home / Path(TEMPLATE).name,
    ]
    shipped = {
        f".github/{file.relative_to(home).as_posix()}": file.read_bytes() for file in sources
    }
    shipped[f"{ACTION}/constraints.txt"] = shared_path("constraints.txt").read_bytes()
    return shipped


def _templates(top: Path) -> Iterator[str]:
    """The pull request templates in the folders where GitHub looks, in upper or lower case."""
    for folder in (top / ".github", top, top / "docs"):
        if not folder.is_dir():
            continue
        for file in sorted(folder.iterdir()):
            if file.name.lower() in _TEMPLATE_NAMES:
                yield file.relative_to(top).as_posix()
