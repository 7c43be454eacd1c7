"""Read which flaws of the record people acknowledged, in the messages of the main line."""

from __future__ import annotations

from collections.abc import Iterable

from mlflow_gitops.core.audit.record.acknowledgements import Acknowledgement, acknowledgements
from mlflow_gitops.core.times import format_time
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure

_MAX_MESSAGES = 16 << 20
"""Bytes of all messages with such a line together."""


def read_acknowledgements(
    git: Git, tip: str, receipts: Iterable[str | None]
) -> list[Acknowledgement]:
    """The lines in every commit that can be reached from the main line's tip, newest first. git is
    asked only if there is a receipt, by its digest, that they could be about."""
    if not any(receipts):
        return []
    command = ("log", "--no-show-signature", "--encoding=UTF-8", "-z", "--grep=Audit-Ack:")
    form = "--format=%H%n%ct%n%an <%ae>%n%B"
    output = git.limited_output(_MAX_MESSAGES, *command, form, tip, "--")
    if output is None:
        raise GitFailure(
            f"The messages with Audit-Ack lines are longer than {_MAX_MESSAGES >> 20} MiB."
        )

    lines: list[Acknowledgement] = []
    for entry in output.split("\0"):
        parts = entry.strip("\n").split("\n", 3)
        if len(parts) == 4:
            sha, seconds, author, message = parts
            lines += acknowledgements(message, sha, author, format_time(int(seconds or 0)))
    return lines
