"""What git prints of commits and the files they changed, in a form that no message and no path can
break."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from typing import NamedTuple

from mlflow_gitops.core.history.mainline import Commit, MainLine
from mlflow_gitops.edges.git.blobs import BlobStream

REV_LIST_OPTIONS = ("--first-parent", "--parents", "--timestamp", "--reverse")
"""How `git rev-list` is to print commits for `listed`."""

DIFF_TREE_OPTIONS = (
    "--stdin", "--root", "--raw", "-r", "-z", "--no-renames", "--no-abbrev", "--ignore-submodules=none",
    "--encoding=UTF-8", "--format=%x02%H%x00%ct%x00%an <%ae>%x00%s%x00%cn <%ce>%x00%B",
)  # fmt: skip
"""How `git diff-tree` is to print commits for `read`. It is told which ones, each compared with its
first parent: unlike `git log`, which compares twice (once to see whether a commit matters) and
prints nothing before it has seen all of them."""

_NO_FILE = "000000"
_LAST_SECOND = 253402300799  # of the year 9999


def parse_rev_list(output: bytes) -> MainLine:
    """A line of commits without what they did: ids, times and merges."""
    line = MainLine([], [], {}, [], {})
    latest = 0
    for entry in output.decode().splitlines():
        seconds, sha, *parents = entry.split(" ")
        latest = max(latest, int(seconds))
        if len(parents) > 1:
            line.merges[len(line.shas)] = tuple(parents[1:])
        line.shas.append(sha)
        line.times.append(latest)
    return line


def diff_tree_input(line: MainLine) -> str:
    """What `git diff-tree` is to compare, to tell what each commit of a line did: the commit with
    the one before it, which is its first parent."""
    return "".join(
        f"{sha} {before}\n" for before, sha in zip(("", *line.shas), line.shas, strict=False)
    )


class CommitRecord(NamedTuple):
    """One commit as printed. `seconds` is its own committer's date; `about` holds author, subject,
    committer and message. `changes` are (path, blob id, "link" for anything that is no plain file,
    or None where it was deleted)."""

    sha: str
    seconds: int
    about: tuple[str, str, str, str]
    changes: list[tuple[str, str | None]]


def parse_diff_tree(output: Iterable[bytes]) -> Iterator[CommitRecord]:
    """The commits in the order in which they were printed, each as soon as the next one begins."""
    tokens = _tokens(output)
    commit: CommitRecord | None = None
    for token in tokens:
        if token.startswith("\x02"):
            if commit is not None:
                yield commit
            seconds = int(next(tokens) or 0)
            commit = CommitRecord(
                token[1:], seconds, (next(tokens), next(tokens), next(tokens), next(tokens)), []
            )
        elif commit is not None and token.startswith((":", "\n:")):
            _, mode, _, blob, _ = token.split()
            content = None if mode == _NO_FILE else blob if mode.startswith("100") else "link"
            commit.changes.append((next(tokens), content))
    if commit is not None:
        yield commit


def _tokens(output: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in output:
        whole, end, rest = (rest + chunk).rpartition(b"\0")
        if end:
            yield from whole.decode("utf-8", "replace").split("\0")
    if rest:
        yield rest.decode("utf-8", "replace")


def add_changes(
    line: MainLine, commits: Iterable[CommitRecord], wants: Callable[[str], bool], blobs: BlobStream
) -> None:
    """Add to a line what its commits did, as they come; what is wanted of their files is asked for
    at once."""
    for sha, _, about, done in commits:
        i = line.index[sha]
        blobs.request((path, blob) for path, blob in done if blob and wants(path))
        line.commits[sha] = Commit(sha, utc(line.times[i]), *about)
        line.changes += ((i, path, blob) for path, blob in reversed(done))


def utc(seconds: int) -> str:
    """RFC 3339 of seconds since 1970. A commit may carry any number; what no calendar holds is the
    nearest it does."""
    known = min(seconds, _LAST_SECOND)
    return (
        datetime.fromtimestamp(known, timezone.utc)
        .isoformat(timespec="seconds")
        .replace("+00:00", "Z")
    )
