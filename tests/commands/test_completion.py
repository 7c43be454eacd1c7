"""Completion as shells request it: by the variables of their scripts, and in the shells."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_gitops.cli import main
from tests.support.console.completion import SHELLS, asking
from tests.support.console.pseudo_terminal import on_terminal
from tests.support.team import GIT_ENVIRONMENT, Team

POLICY = "stages:\n  Canary: {alias: canary, native: false}\n"
Told = Callable[..., list[str]]
HOSTILE = "a%5C%5C$(touch ran)", "b`touch ran`", "c'$(touch ran)'", "d;touch ran", "$(touch ran)"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path / "repo", "http://127.0.0.1:9")
    team.write("policy.yaml", POLICY)
    for name, stages in {
        "fraud detector": "{Production: 12, Staging: 14}",
        "fraud-old": "{Production: 3}",
        "churn": "{Production: 1, Canary: 2}\naliases: {champion: 1}",
    }.items():
        team.write(f"models/{name}.yaml", f"name: {name}\nstages: {stages}\n")
    for stem in HOSTILE:
        team.write(f"models/{stem}.yaml", "name: x\nstages: {}\n")
    return team


@pytest.fixture
def told(team: Team, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """What a shell is offered for the last word, a line each: in bash and fish the words alone."""
    monkeypatch.setitem(
        sys.modules, "rich", None
    )  # as completion leaves it; other tests get theirs back

    def ask(shell: str, words: str, folder: Path | None = None) -> list[str]:
        monkeypatch.chdir(folder or team.folder)
        for name, value in (GIT_ENVIRONMENT | asking(shell, f"mlflow-gitops {words}")).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit):
            main([])
        out, err = capsys.readouterr()
        assert err == ""
        return [
            line.partition("\t")[0] if shell == "fish" else line
            for line in out.splitlines()
            if line
        ]

    return ask


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("promote ", ["churn", "fraud detector", "fraud-old"]),
        ("promote ch", ["churn"]),
        ("promote churn ", ["2", "1"]),
        ("promote churn 2 C", ["Canary"]),
        ("pin fraud-old ", ["3"]),
        ("rollback churn --to ", ["2", "1"]),
        ("rollback churn Can", ["Canary"]),
        ("plan churn fraud-", ["fraud-old"]),
        ("plan churn ch", []),
        ("compare churn Prod", ["Production"]),
        ("compare churn Production c", ["champion"]),
        ("log churn --stage P", ["Production"]),
        ("--registry-dir elsewhere promote ", []),
        ("--version st", ["status"]),
    ],
)
def test_words_that_fit(told: Told, shell: str, words: str, offered: list[str]) -> None:
    space = "\\ " if shell == "bash" else " "
    assert told(shell, words) == [word.replace(" ", space) for word in offered]


def test_zsh_is_told_what_each_holds(told: Told) -> None:
    assert told("zsh", "promote churn ") == [
        """_arguments '*: :(("2":"Canary\"""",
        '"1":"Production champion"))\'',
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_where_there_is_nothing_to_offer_nothing_is_said(
    told: Told, tmp_path: Path, shell: str
) -> None:
    """Outside a repository, or with an unreadable registry folder, completion prints no errors."""
    nothing = ["_files"] if shell == "zsh" else []
    for words in ("promote ", "promote churn ", "compare churn "):
        assert told(shell, words, tmp_path) == nothing


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_an_environment_is_one_that_is_listed(team: Team, told: Told, shell: str) -> None:
    team.write(
        "environments.yaml",
        "dev: {tracking_uri: 'http://dev'}\nprod: {tracking_uri: 'http://prod'}\n",
    )
    team.write("prod/models/score.yaml", "name: score\nstages: {Production: 5}\n")
    assert told(shell, "--env ") == ["dev", "prod"]
    assert told(shell, "--env prod promote ") == ["score"]
    assert told(shell, "--env prod rollback score --to ") == ["5"]
    assert told(shell, "promote ") == told(shell, "--env uat promote ") == [], (
        "which is meant is not known"
    )


def test_bash_within_quotes(told: Told) -> None:
    assert told("bash", '--quiet promote "fraud') == ["fraud detector", "fraud-old"]


START = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        'eval "$(_MLFLOW_GITOPS_COMPLETE=source_bash mlflow-gitops)"',
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        (
            'autoload -Uz compinit; compinit -D -u; eval "$(_MLFLOW_GITOPS_COMPLETE=source_zsh'
            ' mlflow-gitops)"'
        ),
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        "_MLFLOW_GITOPS_COMPLETE=source_fish mlflow-gitops | source",
    ),
}
SHOW = {
    "bash": 'mlflow-gitops() { printf "<%s>" "$@"; echo; }',
    "zsh": 'mlflow-gitops() { printf "<%s>" "$@"; echo }',
    "fish": 'function mlflow-gitops; printf "<%s>" $argv; echo; end',
}
"""The scripts call the program on the PATH; a function prints the words of the entered line."""


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_what_is_typed(team: Team, tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here; what it is offered is tested above")
    command, load = START[shell]
    beside = tmp_path / "bin"
    beside.mkdir()
    program = beside / "mlflow-gitops"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mlflow_gitops "$@"\n')
    program.chmod(0o755)
    environment = GIT_ENVIRONMENT | {
        "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "dumb",
        "LANG": "C.UTF-8",
        "INPUTRC": os.devnull, "PS1": "$ ",
    }  # fmt: skip
    lines = [
        load,
        SHOW[shell],
        "mlflow-gitops pro\tfraud\\ d\t14\tProd\t",
        "mlflow-gitops rollback ch\t--to 2\t",
        "mlflow-gitops plan \t",
        "exit",
    ]
    shown = on_terminal(command, team.folder, environment, "\n".join(lines) + "\n")
    assert "<promote><fraud detector><14><Production>" in shown, shown
    assert "<rollback><churn><--to><2>" in shown, shown
    assert not (team.folder / "ran").exists(), "a model's name was run as a command"
