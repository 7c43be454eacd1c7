"""The recipes for running the loop call the command line as it is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from mlflow_gitops.cli import main

DEPLOY = Path(__file__).parent.parent.parent / "tools" / "deploy"


def commands() -> dict[str, list[str]]:
    """File to the arguments that it calls mlflow-gitops with."""
    found = {}
    for name in ("mlflow-gitops.service", "Containerfile"):
        text = (DEPLOY / name).read_text(encoding="utf-8")
        [call] = re.findall(r"mlflow-gitops (--repo [^\n\"]*)", text)
        found[name] = shlex.split(call)
    return found


@pytest.mark.parametrize("name", commands())
def test_its_command_is_understood(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--repo", str(tmp_path), *commands()[name][2:]]
    assert main(arguments) == 1, "understood, and then there is no repository"
    assert "is not in a git repository" in capsys.readouterr().err
