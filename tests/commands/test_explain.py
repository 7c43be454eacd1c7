"""`explain` and `help` as they are run."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from mlflow_gitops.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_a_code_is_explained_with_an_example(run: Run) -> None:
    code, out, _ = run("explain", "error[stage-one-version]:")
    assert code == 0
    assert out.startswith("stage-one-version  (file)\n")
    assert "Ways out:\n  - Keep one version" in out and "    stages: {Staging: 5}" in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_code_of_two_kinds_is_explained_twice(run: Run) -> None:
    _, out, _ = run("explain", "pin", "--format", "json")
    assert [entry["kind"] for entry in json.loads(out)["codes"]] == ["refusal", "finding"]


@pytest.mark.parametrize("words", [["git", "depth"], ["git depth"], ["approvers @acme/risk"]])
def test_checks_have_their_area(run: Run, words: list[str]) -> None:
    code, out, _ = run("explain", *words, "--format", "json")
    [entry] = json.loads(out)["codes"]
    assert (code, entry["kind"]) == (0, "check") and entry["area"] in ("git", "policy")


def test_without_a_code_all_are_listed(run: Run) -> None:
    code, out, err = run("explain")
    assert code == 0 and "explain CODE" in err
    assert all(f"  {word} " in out for word in ("stage-unknown", "base_unknown", "git depth"))
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("word", "hint"), [("stage-unknwn", "stage-unknown"), ("zzz", "lists all")]
)
def test_an_unknown_code_has_a_hint(run: Run, word: str, hint: str) -> None:
    code, out, err = run("explain", word)
    assert (code, out) == (64, "") and hint in err


def test_help_is_a_command(run: Run) -> None:
    assert run("help", "promote") == run("promote", "--help")
    assert run("help") == run("--help")
    assert run("help", "github", "plan")[0] == 0
    assert run("help", "promot")[0] == 64
