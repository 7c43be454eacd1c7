"""Dates in words, as git reads them."""

from __future__ import annotations

from mlflow_gitops.edges.git.command import GitCommand


def seconds_in_words(git: GitCommand, phrase: str, now: float) -> int | None:
    """Return the time that a phrase such as `2 days ago` means in UTC, in seconds since 1970.

    None if git made nothing of them: it takes what it does not understand for now.
    """
    variables = {"TZ": "UTC0", "GIT_TEST_DATE_NOW": str(int(now))}
    option = git.output("rev-parse", f"--since={phrase}", variables=variables)
    seconds = int(option.partition("=")[2])
    return None if seconds == int(now) and "now" not in phrase.lower() else seconds
