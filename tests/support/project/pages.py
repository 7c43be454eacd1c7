"""The repository's own pages, and the blocks and commands in them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
_FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.M | re.S)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block: the page that it stands on, the heading above it, its language, its text."""

    page: str
    heading: str
    language: str
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """What a table knows it by: its page, and how its first line that says something begins."""
        return self.page, self.lines[0].strip()[:40].strip() if self.lines else ""

    @property
    def lines(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.strip()]


@cache
def pages() -> tuple[str, ...]:
    """Every page that git tracks or would track, but for what tests compare their output with."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    found = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return tuple(
        sorted(page for page in set(found) if "/golden/" not in page and (ROOT / page).exists())
    )


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    text = text_of(page)
    found = []
    for fence in _FENCE.finditer(text):
        headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", text[: fence.start()]), re.M)
        found.append(Block(page, headings[-1] if headings else "", fence[1], fence[2]))
    return found


def commands_in_text(page: str) -> list[str]:
    """What stands between single backquotes and begins with `mlflow-gitops `."""
    spans = _SPAN.findall(_FENCE.sub("", text_of(page)))
    return [span for span in spans if span.startswith("mlflow-gitops ")]
