"""Options and parsers for what `git rev-list` and `git diff-tree` print about commits.

The formats separate fields by NUL bytes, so that no message and no path can break them. The values
of a history are imported where one is read: `validate` reads none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mlflow_gitops.core.history.line.rerouting import GraphCommit
    from mlflow_gitops.core.history.mainline import MainLine
    from mlflow_gitops.edges.git.blobs import BlobStream

REV_LIST_OPTIONS = ("--first-parent", "--parents", "--timestamp", "--reverse")
"""How `git rev-list` must print commits for `parse_rev_list`."""

_COMMIT_MARK = "\x02"
_COMMIT_FORMAT = "%x02%H%x00%ct%x00%an <%ae>%x00%s%x00%cn <%ce>%x00%B"

DIFF_TREE_OPTIONS = (
    *("--stdin", "--root", "--raw", "-r", "-z", "--no-renames", "--no-abbrev"),
    *("--ignore-submodules=none", "--encoding=UTF-8", f"--format={_COMMIT_FORMAT}"),
)
"""How `git diff-tree` must print commits for `parse_diff_tree`.

It reads from its input which commits to compare with their first parents. `git log` would compare
each commit twice (once to decide whether it matters) and print nothing before it has seen them all.
"""

_MAX_FIELD = 1 << 20  # bytes of one field that are read
_MAX_MESSAGE = 16 << 10  # characters of a message that are kept
_MAX_LINE = 4 << 10  # characters of a subject or a name that are kept
_NAMED_LINE = "(?i)-by:|gate-override:"

_DELETED_MODE = "000000"
_PLAIN_FILE_MODES = "100"  # 100644 and 100755


class CommitRecord(NamedTuple):
    """One commit as `git diff-tree` prints it.

    `seconds` is the committer's date. `details` are author, subject, committer and message.
    `changes` are pairs of a path and a blob id; "link" replaces the id of anything but a plain
    file, and None the id of a deleted file.
    """

    sha: str
    seconds: int
    details: tuple[str, str, str, str]
    changes: list[tuple[str, str | None]]


def parse_listing(output: Iterable[bytes]) -> Iterator[list[str]]:
    """Yield the fields of each line of an output that comes in pieces."""
    unfinished = b""
    for piece in output:
        *lines, unfinished = (unfinished + piece).split(b"\n")
        for line in lines:
            yield line.decode().split(" ")


def parse_rev_list(listing: Iterable[list[str]]) -> MainLine:
    """Return a line of commits with ids, times and merges, but without changes."""
    from mlflow_gitops.core.history.mainline import MainLine

    line = MainLine([], [], {})

    for seconds, sha, *parents in listing:
        if len(parents) > 1:
            line.merges[len(line.shas)] = tuple(parents[1:])
        line.shas.append(sha)
        line.dates.append(int(seconds))

    line.date()
    return line


def parse_newer(listing: Iterable[list[str]]) -> list[tuple[int, str, list[str]]]:
    """Return date, id and parents of each commit that `git rev-list` prints."""
    return [(int(seconds), sha, parents) for seconds, sha, *parents in listing]


def parse_graph(listing: Iterable[list[str]]) -> dict[str, GraphCommit]:
    """Return the commits that `git rev-list --parents --timestamp` prints."""
    from mlflow_gitops.core.history.line.rerouting import GraphCommit

    return {sha: GraphCommit(int(seconds), tuple(parents)) for seconds, sha, *parents in listing}


def diff_tree_input(line: MainLine, since: int = 0) -> bytes:
    """Return the input for `git diff-tree`: each commit of a line from an index on, with the one
    before it."""
    shas = line.shas[since:]
    parents = (line.shas[since - 1] if since else "", *shas)
    pairs = zip(parents, shas, strict=False)
    return b"".join(f"{sha} {parent}\n".encode() for parent, sha in pairs)


def parse_diff_tree(output: Iterable[bytes]) -> Iterator[CommitRecord]:
    """Yield the commits in the order printed, each as soon as the next one begins."""
    tokens = _tokens(output)
    commit: CommitRecord | None = None

    for token in tokens:
        if token.startswith(_COMMIT_MARK):
            if commit is not None:
                yield commit
            seconds = int(next(tokens) or 0)
            author, subject, committer = (next(tokens)[:_MAX_LINE] for _ in range(3))
            message = _compact(next(tokens))
            if message.rstrip("\n") == subject:
                message = subject  # kept once, like people and paths, which many commits share
            details = (intern(author), subject, intern(committer), message)
            commit = CommitRecord(token[1:], seconds, details, [])
        elif commit is not None and token.startswith((":", "\n:")):
            _, mode, _, blob, _ = token.split()
            commit.changes.append((intern(next(tokens)), _content_id(mode, blob)))

    if commit is not None:
        yield commit


def _content_id(mode: str, blob: str) -> str | None:
    if mode == _DELETED_MODE:
        return None
    return blob if mode.startswith(_PLAIN_FILE_MODES) else "link"


def _tokens(output: Iterable[bytes]) -> Iterator[str]:
    """Yield the fields between NUL bytes, as soon as each is complete. Of a field that is longer
    than any that is kept, the middle is left out."""
    unfinished: list[bytes] = []
    size = 0
    for chunk in output:
        complete, separator, rest = chunk.rpartition(b"\0")
        if separator:
            yield from b"".join([*unfinished, complete]).decode("utf-8", "replace").split("\0")
            unfinished, size = [rest], len(rest)
        elif size < _MAX_FIELD:
            unfinished.append(chunk)
            size += len(chunk)
    if size:
        yield b"".join(unfinished).decode("utf-8", "replace")


def _compact(message: str) -> str:
    """A message as it is; of a very long one, the lines that this tool looks for in messages."""
    if len(message) <= _MAX_MESSAGE:
        return message
    is_named = re.compile(_NAMED_LINE).search  # there may be millions of lines
    lines = (line for line in message.splitlines() if is_named(line[:_MAX_LINE]))
    return "\n".join(lines)[:_MAX_MESSAGE]


def add_changes(
    line: MainLine,
    records: Iterable[CommitRecord],
    is_wanted: Callable[[str], bool],
    blobs: BlobStream,
) -> None:
    """Add what the commits did to their line, and request the contents of wanted files at once."""
    from mlflow_gitops.core.history.mainline import Commit
    from mlflow_gitops.core.times import format_time

    for record_sha, _, details, changes in records:
        i = line.index[record_sha]
        sha = line.shas[i]  # an equal text, which is in memory anyway
        blobs.request((path, blob) for path, blob in changes if blob and is_wanted(path))
        line.commits[sha] = Commit(sha, format_time(line.times[i]), *details)
        line.changes += ((i, path, blob) for path, blob in reversed(changes))
