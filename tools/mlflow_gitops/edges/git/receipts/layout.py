"""The files of the receipts branch: `<environment>/<year>/<month>/<day>/<time>Z-<commit>-<digest>
.json`. A name holds the first digits of what it names, so that people find a receipt by its commit,
and see which file a stamp is about."""

from __future__ import annotations

import re
from typing import NamedTuple

from mlflow_gitops.core.audit.receipts import Receipt

NO_ENVIRONMENT = "default"
"""The folder of a repository with a single MLflow."""
DIGITS = 12
"""Hex digits of a commit and of a digest in a file's name."""

_PATH = re.compile(
    r"[^/]+/[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9]{6}Z-(?P<commit>[0-9a-f]{12,64})"
    r"-(?P<digest>[0-9a-f]{12})\.json"
)
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FULL_ID = 40


class FileName(NamedTuple):
    """What the name of a receipt's file says: how its commit begins, and how its digest does."""

    commit: str
    digest: str

    @property
    def short(self) -> FileName:
        return FileName(self.commit[:DIGITS], self.digest)


def file_name(path: str) -> FileName | None:
    """What the path of a receipt says of it; None if the path is not that of a receipt."""
    match = _PATH.fullmatch(path)
    return FileName(match["commit"], match["digest"]) if match else None


def path_of(receipt: Receipt) -> str:
    """The path of a receipt's file. The name of one that does not name its commit, as the first
    ones did not, holds the whole id."""
    day, _, time = receipt.at.partition("T")
    clock = time[:8].replace(":", "")
    names_commit = "commit" in receipt.content
    commit = receipt.commit[:DIGITS] if names_commit else receipt.commit
    folder = "/".join((_environment(receipt.owner), *day.split("-")))
    return f"{folder}/{clock}Z-{commit}-{receipt.digest[:DIGITS]}.json"


def _environment(owner: object) -> str:
    """The environment in a receipt's owner, `<root commit>:<folder>:<environment>`."""
    parts = owner.split(":") if isinstance(owner, str) else []
    environment = parts[2] if len(parts) == 3 else ""
    return environment if _FOLDER.fullmatch(environment) else NO_ENVIRONMENT
