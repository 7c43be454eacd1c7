"""Which files differ from those that were pinned, if somebody kept the list of these.

A pin is one digest over a list of files. So any copy of that list can be believed, from any place:
it is the list that was pinned if its digest is the pinned one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mlflow_gitops.core.recorded.file_digests import FileDigest, ModelFiles
from mlflow_gitops.core.recorded.numbers import format_size

FindList = Callable[[str], "ModelFiles | None"]
"""Finds the list of files that a digest was made of; None if nobody kept it here."""

MOST_KEPT = 500
"""The files of a list that a receipt keeps. A longer list is kept only in this machine's cache."""

_MOST_NAMED = 8
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def stored_list(files: ModelFiles) -> list[list[object]]:
    """The form in which a list is kept, as JSON."""
    return [[file.path, file.size, file.sha256] for file in files.files]


def read_list(value: Any, digest: str) -> ModelFiles | None:
    """The files of a kept list. None if it is not the list that the digest was made of."""
    if not isinstance(value, list):
        return None
    files = [read_entry(entry) for entry in value]
    model_files = ModelFiles(tuple(file for file in files if file is not None))
    return model_files if None not in files and model_files.digest == digest else None


def read_entry(value: Any) -> FileDigest | None:
    """One file of a kept list; None if it is no such entry."""
    if not (isinstance(value, list) and list(map(type, value)) == [str, int, str]):
        return None
    path, size, sha256 = value
    return FileDigest(path, size, sha256) if _SHA256.match(sha256) else None


def differing_files(files: ModelFiles, pinned: ModelFiles | None) -> str:
    """Which files are others than those that were pinned, for people: "model.pkl differs (4 B)".
    Without the pinned list, which files there are."""
    if pinned is None:
        return (
            f"which files differ is not known, since no list of the pinned ones was kept; MLflow"
            f" has {files.summary}"
        )
    before = {file.path: file for file in pinned.files}
    after = {file.path: file for file in files.files}
    differences = [*_changed(before, after), *_missing(before, after), *_new(before, after)]
    more = len(differences) - _MOST_NAMED
    return ", ".join(differences[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _changed(before: dict[str, FileDigest], after: dict[str, FileDigest]) -> Iterator[str]:
    for path in sorted(before.keys() & after.keys()):
        if before[path].sha256 != after[path].sha256:
            yield f"{path} differs ({format_size(after[path].size)})"


def _missing(before: Iterable[str], after: Iterable[str]) -> list[str]:
    return [f"{path} is missing" for path in sorted(set(before) - set(after))]


def _new(before: Iterable[str], after: dict[str, FileDigest]) -> list[str]:
    new = sorted(set(after) - set(before))
    return [f"{path} is new ({format_size(after[path].size)})" for path in new]
