"""A folder of pages that a command writes again and again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from mlflow_gitops.errors import Failure

_HEAD_BYTES = 2_000
"""Within these, a page names what generated it."""


def write_pages(out: Path, files: Iterable[tuple[str, bytes]], folder: str, generator: str) -> None:
    """Write files, by their paths in `out`. Each replaces the one before it in one step, so nobody
    reads half of it; in the order in which they come.

    Then delete the pages in `out`/`folder` that an earlier run generated and this one did not.
    Other files are left alone. Raises Failure if a file cannot be written.
    """
    written = set()
    for path, content in files:
        _put(out / path, content)
        written.add(path)

    for page in (out / folder).glob("*.html"):
        if f"{folder}/{page.name}" not in written and _is_generated(page, generator):
            with contextlib.suppress(OSError):
                page.unlink()


def _put(file: Path, content: bytes) -> None:
    new = file.with_name(f".{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(content)
        new.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        message = f"The report could not be written to {file}: {error.strerror}."
        raise Failure(message) from None


def _is_generated(page: Path, generator: str) -> bool:
    try:
        with page.open("rb") as stream:
            return generator.encode() in stream.read(_HEAD_BYTES)
    except OSError:
        return False
