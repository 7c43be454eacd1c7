"""Environments: several MLflow servers or workspaces that one repository manages, read from the
text of `environments.yaml`.

An environment is a registry folder like any other, together with the address of its MLflow.
Everything else (plan, gates, reconcile, log) works on one such folder and does not know the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.manifests.names import folded
from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS, RegistryFolder
from mlflow_gitops.core.secrets import has_secret
from mlflow_gitops.core.yaml import schema_check
from mlflow_gitops.core.yaml.document import Document, parse
from mlflow_gitops.core.yaml.problems import Problem

_CREDENTIALS = re.compile(
    r"://[^/?#]*@|[?&;](password|passwd|pwd|token|user|sslpassword)=", re.IGNORECASE
)
_URI_FIELDS = ("tracking_uri", "registry_uri")


@dataclass(frozen=True, slots=True)
class Environment:
    """One MLflow, and the registry folder with its desired state. `read`, `write` and
    `check` are the names of the GitHub environments whose secrets the workflows use."""

    name: str
    folder: RegistryFolder
    tracking_uri: str
    registry_uri: str | None = None
    workspace: str | None = None
    read: str = ""
    write: str = ""
    check: str = ""

    def variable_name(self, name: str) -> str:
        """The environment variable with a credential of this environment while the plain variable
        belongs to another one: `MLFLOW_TRACKING_TOKEN_STAGING` for `MLFLOW_TRACKING_TOKEN`."""
        return f"{name}_{self.name.upper().replace('-', '_')}"


def read_environments(
    data: bytes, registry: str
) -> tuple[dict[str, Environment] | None, list[Problem]]:
    """Parse and check the list in the folder `registry`. Returns the environments by name, None if
    there are errors, and the problems."""
    document = parse(data, f"{registry}/{ENVIRONMENTS}")
    if document.root is not None or not document.problems:
        schema_check.check(document, "environments")
    if isinstance(document.root, dict):
        _check(document)
    if document.problems:
        return None, document.problems
    return {name: _environment(name, entry, registry) for name, entry in document.root.items()}, []


def policy_changes(
    current: str,
    policy_paths: Iterable[tuple[int, str | None]],
    file_changes: Iterable[tuple[int, str, str | None]],
) -> list[tuple[int, str | None]]:
    """The changes of an environment's policy when the list of environments named different files
    over time: (index on the main line, blob id or None), oldest first.

    `policy_paths` has the path that the list names from a commit on (index, path), None if it names
    none. `file_changes` has the changes of these files (index, path, blob id). Before the list
    names any file, `current` counts, the path that it names today.
    """
    path_by_index = dict(policy_paths)
    changes_by_index: dict[int, dict[str, str | None]] = {index: {} for index in path_by_index}
    for index, path, blob in file_changes:
        changes_by_index.setdefault(index, {})[path] = blob

    blobs: dict[str, str | None] = {}
    policy_path, policy_blob = current, None
    changes: list[tuple[int, str | None]] = []
    for index in sorted(changes_by_index):
        blobs.update(changes_by_index[index])
        policy_path = path_by_index.get(index) or policy_path
        blob = blobs.get(policy_path)
        if blob != policy_blob:
            changes.append((index, blob))
            policy_blob = blob
    return changes


def _environment(name: str, entry: Mapping[str, Any], registry: str) -> Environment:
    policy = entry.get("policy")
    github = entry.get("github") or {}
    return Environment(
        name=name,
        folder=RegistryFolder(
            path=f"{registry}/{entry.get('folder', name)}",
            shared_policy=f"{registry}/{policy}" if policy else None,
        ),
        tracking_uri=entry["tracking_uri"],
        registry_uri=entry.get("registry_uri"),
        workspace=entry.get("workspace"),
        read=github.get("read", f"mlflow-read-{name}"),
        write=github.get("write", f"mlflow-write-{name}"),
        check=github.get("check", f"mlflow-check-{name}"),
    )


def _check(document: Document) -> None:
    """The checks that a schema cannot express: no credentials, and a folder and a registry for each
    environment alone."""
    if not document.root:
        message = "names no environment; add one, such as `prod: {tracking_uri: https://…}`"
        document.add_problem_at("no-environments", message, ())
    folders: dict[str, str] = {}
    registries: dict[tuple[object, ...], str] = {}
    for name, entry in document.root.items():
        if isinstance(entry, dict):
            _check_credentials(document, name, entry)
            _check_folder(document, name, entry, folders)
            _check_registry(document, name, entry, registries)


def _check_credentials(document: Document, name: str, entry: Mapping[str, Any]) -> None:
    for field in _URI_FIELDS:
        uri = entry.get(field)
        if isinstance(uri, str) and (_CREDENTIALS.search(uri) or has_secret(uri)):
            message = (
                f"{name}.{field} contains a user or a password, which git would keep for ever. Use"
                " MLflow's variables instead: MLFLOW_TRACKING_USERNAME and the like"
            )
            document.add_problem_at("credentials", message, (name, field))


def _check_registry(
    document: Document,
    name: str,
    entry: Mapping[str, Any],
    registries: dict[tuple[object, ...], str],
) -> None:
    """No two environments may be the same registry. `registries` collects the checked ones."""
    uri = entry.get("registry_uri") or entry.get("tracking_uri")
    registry = (uri.rstrip("/") if isinstance(uri, str) else name, str(entry.get("workspace")))
    other_name = registries.setdefault(registry, name)
    if other_name != name:
        message = (
            f"{name} is the same registry as {other_name}; each would undo what the other does"
        )
        document.add_problem_at("same-registry", message, (name,), key=True)


def _check_folder(
    document: Document, name: str, entry: Mapping[str, Any], folders: dict[str, str]
) -> None:
    """No two environments may have folders that overlap. `folders` collects the checked ones."""
    folder = entry.get("folder", name)
    if not isinstance(folder, str):
        return
    path = (name, "folder") if "folder" in entry else (name,)
    if folder.split("/")[0] == "models":
        message = "models/ is the folder for manifests of a repository without environments"
        document.add_problem_at("folder-taken", message, path)
    for other_folder, other_name in folders.items():
        if _overlap(folded(folder), folded(other_folder)):
            message = f"{folder}/ overlaps with {other_folder}/ of {other_name}; each needs its own"
            document.add_problem_at("folder-taken", message, path)
            break
    folders.setdefault(folder, name)


def _overlap(folder: str, other_folder: str) -> bool:
    return f"{folder}/".startswith(f"{other_folder}/") or f"{other_folder}/".startswith(
        f"{folder}/"
    )
