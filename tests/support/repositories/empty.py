"""Empty repositories, as `git init` makes one: most tests make several, and git is run once for
all."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory


def make_repository(folder: Path, *, bare: bool = False) -> None:
    """Make the repository of a working tree, or a bare one. One that is there stays as it is."""
    directory = folder if bare else folder / ".git"
    if directory.is_file() or (directory / "HEAD").exists():
        return

    for path, content in _files(bare).items():
        target = directory / path
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.write_bytes(content)


@cache
def _files(bare: bool) -> Mapping[str, bytes | None]:
    """What is in an empty repository, folders first: the content by path, None for a folder."""
    with TemporaryDirectory() as temporary:
        options = ["--bare"] if bare else []
        command = ["git", "init", "-q", "-b", "main", "--template=", *options, temporary]
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        no_settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(command, check=True, env=clean | no_settings)
        root = Path(temporary) if bare else Path(temporary, ".git")
        folders = {str(path.relative_to(root)): None for path in root.rglob("*") if path.is_dir()}
        files = {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file()
        }
    return {".": None, "hooks": None, "info": None, **dict(sorted(folders.items())), **files}


def head_of(folder: Path) -> str | None:
    """The commit that a working tree is at; None if that is not in plain files."""
    directory = folder / ".git"
    if not directory.is_dir():
        return None

    head = (directory / "HEAD").read_text().strip()
    if not head.startswith("ref: "):
        return head
    file = directory / head.removeprefix("ref: ")
    return file.read_text().strip() if file.is_file() else None


def packed_ref(directory: Path, ref: str) -> str:
    """The commit of a ref of a bare repository that has no file of its own; "" if there is none."""
    packed = directory / "packed-refs"
    for line in packed.read_text().splitlines() if packed.is_file() else ():
        commit, _, name = line.partition(" ")
        if name == ref:
            return commit
    return ""
