"""`log` on a terminal goes through git's pager, and only there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.console.pseudo_terminal import on_terminal
from tests.support.git_histories import REGISTRY, History, Repo, manifest
from tests.support.team import GIT_ENVIRONMENT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    history = History()
    alpha = f"{REGISTRY}/models/alpha.yaml"
    history.add({alpha: manifest("alpha", "stages: {Production: 1}")}, subject="One")
    history.add({alpha: manifest("alpha", "stages: {Production: 2}")}, subject="Two")
    Repo(tmp_path).build(history)
    return tmp_path


def shown(folder: Path, *arguments: str, **variables: str) -> str:
    environment = {**os.environ, **GIT_ENVIRONMENT, "TERM": "xterm", **variables}
    command = [sys.executable, "-m", "mlflow_gitops", "--registry-dir", REGISTRY, "log"]
    return on_terminal([*command, *arguments], folder, environment)


@pytest.mark.parametrize(
    ("variables", "options", "is_paged"),
    [
        ({"GIT_PAGER": "sed 's/^/> /'"}, [], True),
        ({"GIT_PAGER": "", "PAGER": "sed 's/^/> /'"}, [], False),
        ({"PAGER": "sed 's/^/> /'"}, [], True),
        ({"GIT_PAGER": "cat", "PAGER": "sed 's/^/> /'"}, [], False),
        ({"GIT_PAGER": "no-such-pager"}, [], False),
        ({"GIT_PAGER": "sed 's/^/> /'"}, ["--no-pager"], False),
    ],
)
def test_which_pager(
    folder: Path, variables: dict[str, str], options: list[str], is_paged: bool
) -> None:
    lines = shown(folder, *options, **variables).splitlines()
    events = [line for line in lines if '"One"' in line or '"Two"' in line]
    assert len(events) == 2
    assert [line.startswith("> ") for line in events] == [is_paged] * 2
    assert all("\x1b[" in line for line in events), "colours stay"


def test_a_pager_that_is_left_early_is_no_error(folder: Path) -> None:
    assert "rror" not in shown(folder, GIT_PAGER="true")


def test_newest_first(folder: Path) -> None:
    text = shown(folder, "--reverse", "--no-pager")
    assert text.index('"Two"') < text.index('"One"')
