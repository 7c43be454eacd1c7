"""Colour on a real terminal, and none under NO_COLOR: whatever a command prints, and whatever
MLflow prints beside it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.console.pseudo_terminal import on_terminal
from tests.support.team import GIT_ENVIRONMENT, Team

_RUN = """
import json, sys
from mlflow_gitops.cli import main
for number, arguments in enumerate(json.loads(sys.argv[1])):
    print(f"[{number} ended with {main(arguments)}]", flush=True)
"""
OFFLINE = (
    ["validate"],
    ["log"],
    ["show"],
    ["rollback", "nobody"],
    ["--help"],
    ["plan", "--help"],
    ["nothing"],
    ["init", "--dry-run", "--yes"],
)
ONLINE = (
    ["plan"],
    ["reconcile", "--yes"],
    ["status"],
    ["promote", "churn", "1", "Staging", "--dry-run"],
    ["verify"],
)


@pytest.fixture
def team(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Team:
    from mlflow import MlflowClient

    team = Team(tmp_path / "repo", blank_registry(tmp_path / "registry.db"))
    client = MlflowClient(team.uri)
    client.create_registered_model("churn")
    client.create_model_version("churn", "dbfs:/models/1", await_creation_for=0)
    team.commit("Promote churn", churn="stages: {Production: 1}\n")
    return team


def shown(team: Team, *commands: list[str], **variables: str) -> str:
    """What a terminal shows of the commands, run one after another in one process."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "TERM", "FORCE_COLOR")
    }
    environment |= (
        GIT_ENVIRONMENT
        | {"TERM": "xterm-256color", "GIT_PAGER": "cat", "MLFLOW_TRACKING_URI": team.uri}
        | variables
    )
    text = on_terminal([sys.executable, "-c", _RUN, json.dumps(commands)], team.folder, environment)
    assert "Traceback" not in text and f"[{len(commands) - 1} ended with" in text, text
    return text


def coloured(text: str) -> bool:
    return re.search(r"\033\[[0-9;]*m", text) is not None


def test_a_person_sees_colour(team: Team) -> None:
    """Which is what the other tests here would see."""
    assert coloured(shown(team, ["log"], NO_COLOR="")), (
        "it counts where it is not empty (no-color.org)"
    )
    assert coloured(shown(team, ["rollback", "nobody"])), "an error"
    assert not coloured(shown(team, ["log"], TERM="dumb"))


def test_no_colour_offline(team: Team) -> None:
    team.write("models/broken.yaml", "name: broken\nstages: {Nowhere: 1}\n")
    text = shown(team, *OFFLINE, NO_COLOR="1")
    assert "stage-unknown" in text and "Usage" in text and not coloured(text), repr(text)


def test_no_colour_from_mlflow_either(team: Team) -> None:
    text = shown(team, *ONLINE, NO_COLOR="1")
    assert "churn" in text and not coloured(text), repr(text)
