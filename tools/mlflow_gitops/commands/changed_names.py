"""`validate --changed-since`: former names that changed manifests and others cannot both have. Most
changes have none, and then nothing more is read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.names import (
    FormerName,
    file_stem,
    former_name_problems,
    former_names_of,
)
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.core.yaml.problems import Problem

_MARK = b"formerly"


def changed_former_names(
    workspace: Workspace, ref: str | None, manifests: Sequence[str], changed: Collection[str]
) -> Iterator[Problem]:
    """The clashes in which a changed manifest has a part, also where they are in another file.
    `manifests` are the paths of all of them, `ref` is what they changed since. Without it, only
    clashes that are in the changed files count."""
    changed_manifests = [path for path in manifests if path in changed]
    listed = [(path, _former_names(workspace, path)) for path in changed_manifests]
    has_names = any(names for _, names in listed)
    if not has_names and (ref is None or not _has_new(workspace, ref, changed_manifests)):
        return

    listed += [(path, _former_names(workspace, path)) for path in manifests if path not in changed]
    stems_changed = {stem_of(path) for path in changed_manifests}
    stems_changed |= {
        file_stem(former.name) for path, names in listed if path in changed for former in names
    }
    at = {
        (path, former.line, former.column): former.name
        for path, names in listed
        for former in names
    }
    for problem in former_name_problems(listed, set(map(stem_of, manifests))):
        name = at[problem.file, problem.line, problem.column]
        if problem.file in changed or (ref is not None and file_stem(name) in stems_changed):
            yield problem


def _former_names(workspace: Workspace, path: str) -> tuple[FormerName, ...]:
    data = workspace.checkout.read(path).data
    if data is None or _MARK not in data:
        return ()
    manifest, document = read_manifest(data, path)
    return former_names_of(document) if manifest is not None and manifest.formerly else ()


def _has_new(workspace: Workspace, ref: str, paths: Sequence[str]) -> bool:
    """Whether one of these files was not there at a revision."""
    if not paths:
        return False
    listing = workspace.git.output("ls-tree", "-z", "--name-only", "--full-tree", ref, "--", *paths)
    return not set(paths) <= set(listing.split("\0"))
