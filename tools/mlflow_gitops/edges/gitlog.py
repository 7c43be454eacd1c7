"""What `git log` prints of commits and the files they changed, in a form that no message and no path can break."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from typing import NamedTuple

from mlflow_gitops.core.mainline import Commit, Line
from mlflow_gitops.edges.blobs import BlobStream

LOGGED = (
    "--root", "--raw", "-z", "--no-renames", "--no-abbrev", "--no-show-signature", "--ignore-submodules=none",
    "--encoding=UTF-8", "--format=%x02%H%x00%P%x00%ct%x00%an <%ae>%x00%s%x00%cn <%ce>%x00%B",
)  # fmt: skip
"""How `git log` is to print commits for `read`."""

_NO_FILE = "000000"
_LAST_SECOND = 253402300799  # of the year 9999


class Logged(NamedTuple):
    """One commit as printed. `seconds` is its own committer's date; `about` holds author, subject, committer and message.
    `changes` are (path, blob id, "link" for anything that is no plain file, or None where it was deleted)."""

    sha: str
    parents: tuple[str, ...]
    seconds: int
    about: tuple[str, str, str, str]
    changes: list[tuple[str, str | None]]


def read(output: Iterable[bytes]) -> Iterator[Logged]:
    """The commits in the order in which they were printed, each as soon as the next one begins."""
    tokens = _tokens(output)
    commit: Logged | None = None
    for token in tokens:
        if token.startswith("\x02"):
            if commit is not None:
                yield commit
            parents, seconds = tuple(next(tokens).split()), int(next(tokens) or 0)
            commit = Logged(token[1:], parents, seconds, (next(tokens), next(tokens), next(tokens), next(tokens)), [])
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


def line(commits: Iterable[Logged], wants: Callable[[str], bool], blobs: BlobStream) -> Line:
    """The line of commits as they come, the oldest first; what is wanted of their files is asked for at once."""
    shas: list[str] = []
    times: list[int] = []
    described: dict[str, Commit] = {}
    merges: dict[int, tuple[str, ...]] = {}
    changes: list[tuple[int, str, str | None]] = []
    latest = 0
    for sha, parents, seconds, about, done in commits:
        latest = max(latest, seconds)
        if done:
            blobs.ask((path, blob) for path, blob in done if blob and wants(path))
            described[sha] = Commit(sha, utc(latest), *about)
            changes += ((len(shas), path, blob) for path, blob in reversed(done))
        if len(parents) > 1:
            merges[len(shas)] = parents[1:]
        shas.append(sha)
        times.append(latest)
    return Line(shas, changes, described, times, merges)


def utc(seconds: int) -> str:
    """RFC 3339 of seconds since 1970. A commit may carry any number; what no calendar holds is the nearest it does."""
    known = min(seconds, _LAST_SECOND)
    return datetime.fromtimestamp(known, timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
