"""Five users' ways through the tool, each a file in `golden/` that is run line by line.

`$` a command; `=` the exit code that it must end with, else 0; `>` words that it must print; `-`
words that it must not; `~` somebody moves a version by hand in MLflow: model, version, stage.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.support.acme import Acme
from tests.support.team import Ran

GOLDEN = Path(__file__).parent / "golden"
USERS = ("platform-engineer", "data-scientist", "reviewer", "auditor", "service-owner")


def follow(lines: list[str], acme: Acme) -> None:
    """Do what a file says; the first line that does not come true fails."""
    shell, ran = acme.shell(), Ran(0, "", "")
    for number, line in enumerate(lines, start=1):
        sign, _, words = line.partition(" ")
        printed = ran.out + ran.err
        context = f"line {number}: {line}\n{printed}"
        if sign == "$":
            ran = shell.run(words)
            assert ran.code == expected_code(lines[number:]), f"{context}\n{ran}"
        elif sign == ">":
            assert words in printed, context
        elif sign == "-":
            assert words not in printed, context
        elif sign == "~":
            model, version, stage = shlex.split(words)
            acme.shelf.client.transition_model_version_stage(model, version, stage)
        else:
            assert sign in ("", "#", "="), f"no test knows {line}"


def expected_code(following: list[str]) -> int:
    """The exit code that a command must end with: of the `=` line right after it."""
    sign, _, words = following[0].partition(" ") if following else ("", "", "")
    return int(words) if sign == "=" else 0


@pytest.mark.parametrize("user", USERS)
def test_the_journey_of_a(user: str, acme: Acme) -> None:
    lines = (GOLDEN / f"{user}.txt").read_text(encoding="utf-8").splitlines()
    follow(lines, acme)


def test_each_kind_of_user_has_a_journey_of_some_length() -> None:
    files = {file.stem: file.read_text(encoding="utf-8") for file in GOLDEN.iterdir()}
    assert set(files) == set(USERS)
    for user, text in files.items():
        assert text.count("\n$ ") >= 4 and text.count("\n> ") >= 8, user
