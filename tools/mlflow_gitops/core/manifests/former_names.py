"""The former names of models, `formerly:`, compared with each other and with the names in use."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.yaml.document import Document
from mlflow_gitops.core.yaml.problems import Problem


class FormerName(NamedTuple):
    """One former name, and where the manifest lists it: line and column."""

    name: str
    line: int
    column: int


def former_names_of(document: Document) -> tuple[FormerName, ...]:
    """The former names that a valid manifest lists."""
    return tuple(
        FormerName(name, *document.position(document.offset(("formerly", index))))
        for index, name in enumerate(document.root["formerly"])
    )


def former_name_problems(
    manifests: Iterable[tuple[str, Sequence[FormerName]]], stems: Collection[str]
) -> list[Problem]:
    """The former names that another manifest has or lists as well: a history belongs to one model.

    `manifests` are the path and the former names of each, `stems` those of all manifests.
    """
    listed: dict[str, list[tuple[str, FormerName]]] = {}
    for path, former_names in manifests:
        for former in former_names:
            listed.setdefault(former.name, []).append((path, former))

    problems = []
    for name, places in listed.items():
        is_in_use = file_stem(name) in stems
        for path, former in places:
            others = [other for other, _ in places if other != path]
            if is_in_use:
                message = f"{name!r} is in use: there is a manifest of that name"
            elif others:
                message = f"{name!r} is also a former name in {others[0]}"
            else:
                continue
            problems.append(Problem(path, former.line, former.column, "former-name", message))
    return problems
