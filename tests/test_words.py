"""The words that pages, messages and comments do not use; `.github/CONTRIBUTING.md` has the list.

A reader who is not a native speaker reads a sentence with one of them twice.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]

AVOIDED = re.compile(
    r"\b(whoever|whomever|mend(s|ed|ing)?|asks? nobody|nothing of it|made good|lets? be"
    r"|stands? (here|there)|(is|was|are|were|be|been) told|looks? again|gone on with)\b",
    re.IGNORECASE,
)
TEXTS = ("*.md", "*.py", "*.yaml", "*.yml", "*.json", "*.j2", "*.toml", "*.txt", "*.service")
EXEMPT = {"tests/test_words.py", "tests/test_source_code.py", ".github/CONTRIBUTING.md"}
"""Files that list the words."""


def test_no_file_uses_a_word_of_the_list() -> None:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--", *TEXTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [name for name in listing.stdout.split("\0") if name and name not in EXEMPT]
    assert files

    uses = [
        f"{name}:{number}: {line.strip()}"
        for name in files
        for number, line in enumerate((ROOT / name).read_text("utf-8").splitlines(), 1)
        if AVOIDED.search(line)
    ]
    assert not uses, "\n".join(uses)


def test_the_contributing_page_lists_the_words() -> None:
    page = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")
    quoted = re.findall(r"`([^`\n]+)`", page)
    for avoided in ("whoever", "mend", "asks nobody", "nothing of it", "is told", "stands here"):
        assert any(avoided in quotation for quotation in quoted), avoided
