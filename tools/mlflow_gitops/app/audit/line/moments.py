"""Moments of the main line, as `--at`, `--since` and `--until` name them: times or revisions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import datetime

from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.named_times import TimeSpan, is_in_words, parse_written_time
from mlflow_gitops.core.times import format_time
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure, UsageFailure

TIME_FORMS = "2026-01-31, 2026-01-31 12:00, 2026-01-31T12:00:00Z, yesterday or '2 days ago'"


class LineMoments:
    """Finds moments on one line of commits. `main_ref` is the branch that it is the line of."""

    def __init__(
        self, git: Git, line: MainLine, main_ref: str, now: Callable[[], datetime]
    ) -> None:
        self._git = git
        self._line = line
        self._main_ref = main_ref
        self._now = now().timestamp()
        self._not_yet = dict[str, None]()
        self._indexes = dict[str, int]()

    def hints(self) -> list[str]:
        """Which of the named times have not come yet, so that nobody takes what is known now for
        what will be."""
        now = format_time(self._now)
        return [
            f"{moment} is in the future: this is what is known now, {now}."
            for moment in self._not_yet
        ]

    def index_range(self, since: str | None, until: str | None) -> tuple[int, int]:
        """The indexes on the line from one time or revision to another, the second one past the
        end. Commits at the time `since` are included, the revision `since` is not."""
        start, end = 0, len(self._line.shas)
        if since is not None:
            span = self.span(since)
            if span is None:
                start = self._index_of_revision(since) + 1
            else:
                start = bisect_left(self._line.times, span.first)
        if until is not None:
            end = self.index_of(until) + 1
        return start, end

    def index_of(self, moment: str) -> int:
        """The index on the line of the last commit up to the end of a time, or of a revision; -1
        for a time before the first commit.

        Raises UsageFailure for a time that does not exist, GitFailure for a revision that is not
        on the main line.
        """
        span = self.span(moment)
        if span is None:
            return self._index_of_revision(moment)
        return bisect_right(self._line.times, span.last) - 1

    def span(self, moment: str) -> TimeSpan | None:
        """The time that a text names; None for a revision. Its end is now at the latest, so a time
        that has not come yet ends before it begins.

        Raises UsageFailure for a time that does not exist.
        """
        try:
            span = parse_written_time(moment)
        except ValueError:
            raise UsageFailure(f"There is no such time as {moment}.") from None
        if span is None:
            span = self._span_in_words(moment)
        if span is None:
            return None

        if span.first > self._now:
            self._not_yet[moment] = None
        return TimeSpan(span.first, min(span.last, self._now))

    def _span_in_words(self, moment: str) -> TimeSpan | None:
        if moment.strip().lower() == "today":
            return parse_written_time(format_time(self._now)[:10])
        if not is_in_words(moment):
            return None

        from mlflow_gitops.edges.git.dates import seconds_in_words  # rarely needed

        seconds = seconds_in_words(self._git, moment, self._now)
        if seconds is None:
            raise UsageFailure(f"git reads no time in '{moment}'; a time is {TIME_FORMS}.")
        return parse_written_time(format_time(seconds))

    def _index_of_revision(self, revision: str) -> int:
        if revision not in self._indexes:
            self._indexes[revision] = self._find_revision(revision)
        return self._indexes[revision]

    def _find_revision(self, revision: str) -> int:
        try:
            sha = self._git.resolve(revision)
        except GitFailure:
            raise GitFailure(
                f"'{revision}' is not a time, and no revision that this clone has.",
                fix=f"A time is {TIME_FORMS}.",
            ) from None
        if sha not in self._line.index:
            raise GitFailure(
                f"{revision} ({sha[:12]}) is not on the main line, {self._main_ref}.",
                fix=f"Name a commit that is, or a time: {TIME_FORMS}.",
            )
        return self._line.index[sha]
