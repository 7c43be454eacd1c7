"""What `git log` prints of commits and the files they changed, in a form that no message and no path can break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

LOGGED = (
    "--root", "--raw", "-z", "--no-renames", "--no-abbrev", "--no-show-signature", "--ignore-submodules=none",
    "--encoding=UTF-8", "--format=%x02%H%x00%P%x00%ct%x00%an <%ae>%x00%s%x00%cn <%ce>%x00%B",
)  # fmt: skip
"""How `git log` is to print commits for `read`."""

_NO_FILE = "000000"


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
