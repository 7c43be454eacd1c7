"""What `--help` shows: whole sentences that fit a terminal, and each argument explained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from mlflow_gitops.cli import app, main
from mlflow_gitops.cli.help_format import first_sentence


def commands(command: Any, words: str = "") -> Iterator[tuple[str, Any]]:
    """Every command and group, with the words that call it."""
    yield words, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{words} {name}".strip())


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", ALL)
def test_help_fits_a_terminal(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*words.split(), "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80 and "mlflow-gitops " not in line] == []
    assert [line for line in lines if line.endswith("...") and "Usage" not in line] == []


@pytest.mark.parametrize("words", ALL)
def test_each_argument_and_option_is_explained(words: str) -> None:
    unexplained = [
        param.name
        for param in ALL[words].params
        if not param.help and not getattr(param, "hidden", False)
    ]
    assert unexplained in ([], ["full"]), "--artifacts=full is explained with --artifacts"


@pytest.mark.parametrize("words", ["promote", "rename", "compare", "plan"])
def test_arguments_are_listed_once(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([words, "--help"])
    assert capsys.readouterr().out.lower().count("arguments:") == 1


def test_the_first_steps_come_first(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    listed = capsys.readouterr().out.partition("Commands:")[2].split()
    assert listed[0] == "init" and listed.index("import") < listed.index("plan")


@pytest.mark.parametrize("words", ["promot", "github pln", "stauts"])
def test_one_suggestion_for_a_misspelt_command(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 64
    assert capsys.readouterr().err.count("Did you mean") == 1


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("status --env prod", "Set it before the command: mlflow-gitops --env … status"),
        ("plan -v", "Set it before the command: mlflow-gitops -v … plan"),
        ("--format json status", "It belongs to a command: mlflow-gitops COMMAND --format …"),
        ("promote -churn 1 Production", "write it after the options and --: -- -churn"),
        ("plan --zzz", "No such option '--zzz'."),
    ],
)
def test_where_an_option_belongs(words: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 64
    printed = capsys.readouterr().err
    assert printed.rstrip().endswith(hint) and "Did you mean" not in printed


@pytest.mark.parametrize(
    "words", [["show", ""], ["promote", "", "1", "Staging"], ["plan", "a", ""]]
)
def test_an_empty_name_is_a_variable_that_is_not_set(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 64
    assert "An argument is empty. Check that" in capsys.readouterr().err


def test_no_suggestion_for_what_is_like_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zzzz"]) == 64
    assert capsys.readouterr().err.rstrip().endswith("No such command 'zzzz'.")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("One. Two.", "One."), ("One\nline.\n\nMore.", "One line."), ("No end", "No end"), ("", "")],
)
def test_the_first_sentence(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence
