"""The main line as values: its commits, what each changed in the registry folder, and what that
made the desired state of a model (RULES R1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from mlflow_gitops.core.history.line.line_times import Limit, line_times

if TYPE_CHECKING:
    from mlflow_gitops.core.manifests.desired import Desired

_PULL_REQUEST = re.compile(r"(?<= )\(#([0-9]{1,18})\)\Z|^Merge pull request #([0-9]{1,18}) from ")


class Commit(NamedTuple):
    """One commit of the main line. `at` is its time on that line, RFC 3339 in UTC (RULES R1).
    `author` and `committer` are `Name <email>`, as git has them; `message` is the whole one."""

    sha: str
    at: str
    author: str
    subject: str
    committer: str = ""
    message: str = ""

    @property
    def pull_request(self) -> int | None:
        """The number that the subject claims, in a place where a forge writes it: ` (#N)` at the
        end, as after a squash, or `Merge pull request #N from` at the beginning (RULES R7)."""
        found = _PULL_REQUEST.findall(self.subject)
        return int(found[-1][0] or found[-1][1]) if found else None


@dataclass(frozen=True, slots=True)
class StatedMessage:
    """The message of one commit, and who wrote it: `Name <email>` as the commit claims, or
    `@login`. Empty if that is not known."""

    text: str
    author: str = ""


@dataclass
class MainLine:
    """The line of commits that leads to one commit: its first-parent history, or what RULES R1 says
    of merges that changed it.

    `shas` runs from the oldest to the newest. `changes` holds, in that order, each change of a file
    of the registry folder: (index into `shas`, path, blob id or None if it was deleted). `commits`
    describes the commits that made these changes. `times` are the commits' times on the line, in
    seconds since 1970; `dates` are their committer dates. `merges` maps each true merge's index to
    its parents beside the line. `is_shortened` says whether changes of some files are
    left out, which `FileChoice` found unnecessary.
    """

    shas: list[str]
    changes: list[tuple[int, str, str | None]]
    commits: MutableMapping[str, Commit]
    times: list[int] = field(default_factory=list)
    merges: dict[int, tuple[str, ...]] = field(default_factory=dict)
    dates: list[int] = field(default_factory=list)
    is_shortened: bool = False

    @cached_property
    def index(self) -> dict[str, int]:
        return {sha: i for i, sha in enumerate(self.shas)}

    def date(self, now: float | None = None, limits: Iterable[Limit] = ()) -> None:
        """Set the commits' times on the line (`line_times`). Call it before the changes are added,
        since these describe their commits with their times."""
        self.times = line_times(self.dates, now, limits)

    def brought_in(self, parents: Mapping[str, Sequence[str]], since: int = 0) -> dict[str, int]:
        """For each commit that is not on the line, the index of the true merge that brought it in:
        the first commit of the line that has it among its ancestors.

        `parents` has the parents of every commit beside the line that a merge from index `since` on
        could have brought in.
        """
        merged_at: dict[str, int] = {}
        for index, parents_beside in sorted(self.merges.items()):
            waiting = list(parents_beside) if index >= since else []
            while waiting:
                sha = waiting.pop()
                if sha in parents and sha not in merged_at and sha not in self.index:
                    merged_at[sha] = index
                    waiting += parents[sha]
        return merged_at


@dataclass(frozen=True, slots=True)
class Merged:
    """One commit that a true merge brought in, with the paths below the registry folder that it
    changed. Its `at` is its own committer's date."""

    commit: Commit
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """The desired state from one commit on; None if the model has no manifest. `commit` is None for
    a working tree."""

    commit: Commit | None
    desired: Desired | None
