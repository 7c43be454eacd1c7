"""Which commands are built for a command line: each costs a millisecond."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_gitops.cli import command_line


def built(*arguments: str) -> tuple[set[str], set[str]]:
    """The commands at the top, and those of `github`."""
    root: Any = command_line._command_for(command_line._names_in(arguments))
    return set(root.commands), set(root.commands["github"].commands)


@pytest.mark.parametrize(
    ("line", "top", "group"),
    [
        ("validate", {"validate"}, set()),
        ("plan churn", {"plan"}, set()),
        ("github plan abc", {"plan"}, {"plan"}),
        ("github propose --dry-run", set(), {"propose"}),
    ],
)
def test_the_named_commands_alone_are_built(line: str, top: set[str], group: set[str]) -> None:
    assert built(*line.split()) == (top | {"github"}, group)


@pytest.mark.parametrize("line", ["", "valdate", "plan --help", "github plan -h"])
def test_help_and_a_misspelling_need_all(line: str) -> None:
    top, group = built(*line.split())
    assert {"validate", "plan", "log"} <= top and {"plan", "propose"} <= group


def test_a_misspelling_in_a_group_needs_all_of_the_group() -> None:
    assert {"plan", "propose"} <= built("github", "plam")[1]
