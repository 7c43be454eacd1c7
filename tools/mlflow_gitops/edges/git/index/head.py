"""Where an index lies, what it is of, and how its parts belong together."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

FOLDER = "mlflow-gitops"
"""The folder of the indexes in the repository's git directory."""
FORMAT = 4
"""The format of the rows. Another one is another index."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last row that is written: how many commits are indexed, and the checksums, in hex digits,
    of the rows that all others depend on."""

    count: int
    spine: tuple[str, ...]
    catalog: str

    def pack(self) -> bytes:
        return json.dumps([self.count, self.spine, self.catalog]).encode()

    @classmethod
    def unpack(cls, data: bytes) -> Head:
        """Raises ValueError."""
        count, spine, catalog = json.loads(data)
        return cls(count, tuple(spine), catalog)


def index_file(common_dir: Path, scope: Sequence[str]) -> Path:
    """The index of one line and one registry folder; `scope` names both."""
    name = blake2b(json.dumps(scope).encode(), digest_size=6).hexdigest()
    return common_dir / FOLDER / f"history-{name}.sqlite3"


def index_files(common_dir: Path) -> list[Path]:
    """Every file of this repository's indexes, those that were never finished included."""
    folder = common_dir / FOLDER
    return sorted(folder.iterdir()) if folder.is_dir() else []


def size_of_indexes(common_dir: Path) -> int | None:
    """The bytes of every index of this repository; None if its folder cannot be read."""
    try:
        files = index_files(common_dir)
    except OSError:
        return None
    size = 0
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # another process has just published it
            size += file.lstat().st_size
    return size


def seed(common_dir: Path, scope: Sequence[str], tip: str) -> bytes:
    """What an index is of, for its checksums. A shallow clone that gets more or less of the history
    has another index."""
    try:
        boundary = (common_dir / "shallow").read_bytes()
    except FileNotFoundError:
        boundary = b""
    parts = [FORMAT, len(tip), *scope, blake2b(boundary).hexdigest()]
    return blake2b(json.dumps(parts).encode()).digest()


def common_directory(top: Path) -> Path | None:
    """The git directory that all worktrees of a repository share (gitrepository-layout(5)); None if
    it is not where git puts it by itself."""
    git_dir = top / ".git"
    try:
        if git_dir.is_file():
            text = git_dir.read_text(encoding="utf-8").strip()
            if not text.startswith("gitdir: "):
                return None
            git_dir = top / text.removeprefix("gitdir: ")
        common = git_dir / "commondir"
        if common.is_file():
            git_dir = git_dir / common.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return git_dir if (git_dir / "objects").is_dir() else None
