"""Moments of the main line, as `--at`, `--since` and `--until` name them: times or revisions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.times import parse_named_time
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure, UsageFailure

_TIME_FORMS = "2026-01-31T12:00:00Z, or 2026-01-31 for the end of that day"


class LineMoments:
    """Finds moments on one line of commits. `main_ref` is the branch that it is the line of."""

    def __init__(self, git: Git, line: MainLine, main_ref: str) -> None:
        self._git = git
        self._line = line
        self._main_ref = main_ref

    def index_range(self, since: str | None, until: str | None) -> tuple[int, int]:
        """The indexes on the line from one time or revision to another, the second one past the
        end. Commits at the time `since` are included, the revision `since` is not."""
        start, end = 0, len(self._line.shas)
        if since is not None:
            seconds = named_seconds(since)
            if seconds is None:
                start = self._index_of_revision(since) + 1
            else:
                start = bisect_left(self._line.times, seconds)
        if until is not None:
            end = self.index_of(until) + 1
        return start, end

    def index_of(self, moment: str) -> int:
        """The index on the line of the last commit up to a time, or of a revision; -1 for a time
        before the first commit.

        Raises UsageFailure for a time that does not exist, GitFailure for a revision that is not on
        the main line.
        """
        seconds = named_seconds(moment)
        if seconds is None:
            return self._index_of_revision(moment)
        return bisect_right(self._line.times, seconds) - 1

    def _index_of_revision(self, revision: str) -> int:
        try:
            sha = self._git.resolve(revision)
        except GitFailure as failure:
            raise GitFailure(str(failure), fix=f"A time is written {_TIME_FORMS}.") from None
        if sha not in self._line.index:
            raise GitFailure(
                f"{revision} ({sha[:12]}) is not on the main line, {self._main_ref}.",
                fix=f"Name a commit that is, or a time: {_TIME_FORMS}.",
            )
        return self._line.index[sha]


def named_seconds(moment: str) -> float | None:
    """A time in seconds since 1970; None if it is a revision. Raises UsageFailure for a time that
    does not exist."""
    try:
        return parse_named_time(moment)
    except ValueError:
        raise UsageFailure(f"There is no such time as {moment}.") from None
