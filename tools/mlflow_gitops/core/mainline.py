"""The main line as values: its commits, what each did to the registry folder, and what that made a model be (RULES R1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mlflow_gitops.core.desired import Desired

_PULL_REQUEST = re.compile(r"\(#(\d+)\)|^Merge pull request #(\d+)")


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of the main line. `at` is its time on that line: the largest committer date up to it, RFC 3339 in UTC
    (RULES R1). `author` is `Name <email>`."""

    sha: str
    at: str
    author: str
    subject: str

    @property
    def pull_request(self) -> int | None:
        """The number that the subject claims: the last `(#N)`, or `Merge pull request #N` (RULES R7)."""
        found = _PULL_REQUEST.findall(self.subject)
        return int(found[-1][0] or found[-1][1]) if found else None


@dataclass
class Line:
    """The first-parent history of one commit.

    `shas` runs from the oldest to the newest; `changes` holds, in that order, what happened to each file of the registry
    folder: (index into `shas`, path, blob id or None where it was deleted); `commits` describes those that did it.
    """

    shas: list[str]
    changes: list[tuple[int, str, str | None]]
    commits: Mapping[str, Commit]

    @cached_property
    def index(self) -> dict[str, int]:
        return {sha: i for i, sha in enumerate(self.shas)}


@dataclass(frozen=True, slots=True)
class Point:
    """The desired state from one commit on; None where the model has no manifest. `commit` is None for a working tree."""

    commit: Commit | None
    desired: Desired | None
