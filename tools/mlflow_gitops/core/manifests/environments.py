"""Environments: several MLflow servers or workspaces that one repository keeps, from the text of
their list.

An environment is a registry folder like any other, and where its MLflow is. Everything else (plan,
gates, reconcile, log) works on such a folder and knows nothing of the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS, RegistryFolder
from mlflow_gitops.core.yaml import schema_check
from mlflow_gitops.core.yaml.document import Document, parse
from mlflow_gitops.core.yaml.problems import Problem

_SECRET = re.compile(
    r"://[^/?#]*@|[?&;](password|passwd|pwd|token|user|sslpassword)=", re.IGNORECASE
)
_WHERE = ("tracking_uri", "registry_uri")


@dataclass(frozen=True, slots=True)
class Environment:
    """One MLflow and the registry folder that says what it shall hold. `read` and `write` are
    GitHub's environments whose secrets the workflows use."""

    name: str
    folder: RegistryFolder
    tracking_uri: str
    registry_uri: str | None = None
    workspace: str | None = None
    read: str = ""
    write: str = ""

    def variable_name(self, name: str) -> str:
        """The environment variable that holds a credential for this environment where another one's
        are in use: `MLFLOW_TRACKING_TOKEN_STAGING` beside `MLFLOW_TRACKING_TOKEN`."""
        return f"{name}_{self.name.upper().replace('-', '_')}"


def read_environments(
    data: bytes, registry: str
) -> tuple[dict[str, Environment] | None, list[Problem]]:
    """Parse and check the list that stands in the folder `registry`; None if it has errors."""
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
    named: Iterable[tuple[int, str | None]],
    changes: Iterable[tuple[int, str, str | None]],
) -> list[tuple[int, str | None]]:
    """The changes of an environment's policy, whichever file it was: (place on the line, blob or
    None), oldest first.

    `named` tells which file the list names from a place on, None where it names none; `changes`
    what happened to these files (place, path, blob). Before the list names one, it is `current`,
    the one that it names today.
    """
    names = dict(named)
    moments: dict[int, dict[str, str | None]] = {i: {} for i in names}
    for i, path, blob in changes:
        moments.setdefault(i, {})[path] = blob
    blobs: dict[str, str | None] = {}
    file, before = current, None
    course: list[tuple[int, str | None]] = []
    for i in sorted(moments):
        blobs.update(moments[i])
        file = names.get(i) or file
        if (now := blobs.get(file)) != before:
            course.append((i, now))
            before = now
    return course


def _environment(name: str, entry: Mapping[str, Any], registry: str) -> Environment:
    policy = entry.get("policy")
    github = entry.get("github") or {}
    return Environment(
        name=name,
        folder=RegistryFolder(
            f"{registry}/{entry.get('folder', name)}", f"{registry}/{policy}" if policy else None
        ),
        tracking_uri=entry["tracking_uri"],
        registry_uri=entry.get("registry_uri"),
        workspace=entry.get("workspace"),
        read=github.get("read", f"mlflow-read-{name}"),
        write=github.get("write", f"mlflow-write-{name}"),
    )


def _check(document: Document) -> None:
    """What a schema cannot say: no credentials, and a folder and a place in MLflow of its own for
    each."""
    if not document.root:
        document.add_problem_at(
            "no-environments", "names no environment; write `prod: {tracking_uri: https://…}`", ()
        )
    folders: dict[str, str] = {}
    places: dict[tuple[object, ...], str] = {}
    for name, entry in document.root.items():
        if not isinstance(entry, dict):
            continue
        for word in _WHERE:
            if isinstance(uri := entry.get(word), str) and _SECRET.search(uri):
                said = (
                    f"{name}.{word} has a user or a password in it; git keeps them for ever. Set"
                    " them as MLflow's own "
                )
                document.add_problem_at(
                    "credentials",
                    said + "variables, MLFLOW_TRACKING_USERNAME and the like",
                    (name, word),
                )
        _check_folder(document, name, entry, folders)
        uri = entry.get("registry_uri") or entry.get("tracking_uri")
        place = (uri.rstrip("/") if isinstance(uri, str) else name, str(entry.get("workspace")))
        if (other := places.setdefault(place, name)) != name:
            said = f"{name} is the same registry as {other}; two would undo each other's work"
            document.add_problem_at("same-registry", said, (name,), key=True)


def _check_folder(
    document: Document, name: str, entry: Mapping[str, Any], folders: dict[str, str]
) -> None:
    folder = entry.get("folder", name)
    if not isinstance(folder, str):
        return
    path = (name, "folder") if "folder" in entry else (name,)
    if folder.split("/")[0] == "models":
        document.add_problem_at(
            "folder-taken",
            "models/ is where manifests of a repository without environments live",
            path,
        )
    for taken, other in folders.items():
        if f"{taken}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{taken}/"):
            document.add_problem_at(
                "folder-taken",
                f"{folder}/ belongs to {other} ({taken}/) already; each needs its own",
                path,
            )
            break
    folders.setdefault(folder, name)
