"""Texts that are compared with a file; `REGENERATE=1` writes the file anew."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

GOLDEN = Path(__file__).parents[2] / "render/golden"


def golden(name: str, lines: Iterable[str]) -> None:
    """Compare lines with a file in `tests/render/golden/`."""
    file, found = GOLDEN / name, "\n".join(lines) + "\n"
    if os.environ.get("REGENERATE"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")
