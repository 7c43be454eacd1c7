"""Which commands are built for a command line: each costs a millisecond."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_gitops.cli.command_line import needed_command


def built(*arguments: str) -> tuple[set[str], set[str]]:
    """The commands at the top, and those of `github`."""
    root: Any = needed_command(arguments)
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


@pytest.mark.parametrize("line", ["", "valdate", "--help", "plan --help", "github plan -h"])
def test_help_and_a_misspelling_list_all(line: str) -> None:
    top, _ = built(*line.split())
    assert {"validate", "plan", "log"} <= top


@pytest.mark.parametrize(
    ("line", "in_full"), [("--help", set()), ("valdate", set()), ("plan --help", {"plan"})]
)
def test_what_is_only_listed_has_no_options(line: str, in_full: set[str]) -> None:
    root: Any = needed_command(line.split())
    assert {name for name, command in root.commands.items() if command.params} == in_full


def test_a_shell_that_completes_gets_all_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_MLFLOW_GITOPS_COMPLETE", "complete_bash")
    root: Any = needed_command([])
    assert all(command.params for name, command in root.commands.items() if name != "github")


@pytest.mark.parametrize("line", ["github --help", "github plan -h"])
def test_help_of_a_group_lists_all_of_it(line: str) -> None:
    assert {"plan", "propose"} <= built(*line.split())[1]


def test_a_misspelling_in_a_group_needs_all_of_the_group() -> None:
    assert {"plan", "propose"} <= built("github", "plam")[1]
