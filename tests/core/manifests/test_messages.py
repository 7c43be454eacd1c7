"""What is wrong with a manifest or a policy, word for word; regenerate with `REGENERATE=1` and read
the diff.

The messages of every bad example are in `examples/messages.txt`: a person corrects a file by them,
so each says what is wrong and, where it can, what to write instead. Left out are libyaml's own
words and what the schema says of every field alike.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.core.example_files import BAD, EXAMPLES, check_example, example_name

GOLDEN = EXAMPLES / "messages.txt"
AGAIN = "run REGENERATE=1 pytest tests/core/manifests/test_messages.py and read the diff"
LEFT_OUT = {"yaml-syntax", "unknown-field", "wrong-type"}


def messages(example: Path) -> str:
    problems = [
        problem for problem in check_example(example).problems if problem.code not in LEFT_OUT
    ]
    return "".join(f"  {p.line}:{p.column} {p.code}: {p.message}\n" for p in problems)


def golden() -> dict[str, str]:
    """What each example said, by its name."""
    sections: dict[str, str] = {}
    for line in GOLDEN.read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.startswith(" "):
            name = line.rstrip()
            sections[name] = ""
        else:
            sections[name] += line
    return sections


if os.environ.get("REGENERATE"):
    GOLDEN.write_text(
        "".join(f"{example_name(one)}\n{messages(one)}" for one in BAD), encoding="utf-8"
    )


@pytest.mark.parametrize("name", golden())
def test_messages(name: str) -> None:
    """A new example may be added there later; one that is gone may not stay."""
    [example] = [one for one in BAD if example_name(one) == name]
    assert messages(example) == golden()[name], AGAIN
