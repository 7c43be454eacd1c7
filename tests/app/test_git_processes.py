"""How many git processes commands start in a small repository. Each takes some milliseconds, and on
Windows many, so none asks again what is known."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from mlflow_gitops.app.audit.receipt_parts import run_facts
from mlflow_gitops.edges.git.repository import Git
from tests.support.registries.lane import POLICY, LaneRegistry
from tests.support.repositories.empty import make_repository
from tests.support.repositories.git_processes import git_processes
from tests.support.team import Team


@pytest.fixture
def team(
    tmp_path: Path, blank_registry: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> Team:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    made = Team(tmp_path / "repo", blank_registry(tmp_path / "mlflow.db"))
    made.write("policy.yaml", POLICY)
    return made


@pytest.mark.parametrize(
    ("settings", "user"),
    [
        ({"name": ["A Person"], "email": ["a@example.org"]}, "A Person <a@example.org>"),
        ({"name": ["Old", "New Name"], "email": ["o@x.test", "n@x.test"]}, "New Name <n@x.test>"),
        ({"name": ["A Person"]}, None),
        ({"name": ["A Person"], "email": [""]}, None),
        ({}, None),
    ],
)
def test_the_user_of_a_receipt_is_that_of_git(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Mapping[str, Sequence[str]],
    user: str | None,
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    make_repository(tmp_path)
    git = Git(tmp_path)
    for key, values in settings.items():
        for value in values:
            git.output("config", "--add", f"user.{key}", value)
    with git_processes() as started:
        assert run_facts(git) == {"by": user}
    assert len(started) == 1


def test_no_command_starts_git_more_often_than_it_must(team: Team) -> None:
    name = LaneRegistry(team.uri).model(2)
    team.commit(**{name: "stages: {Production: 1}\n"})
    runs = (
        (14, "plan"),
        (29, "reconcile", "--yes"),
        (23, "reconcile", "--yes"),
        (19, "verify"),
        (14, "log", name),
        (4, "promote", name, "2", "Production"),
    )
    for most, *command in runs:
        with git_processes() as started:
            ran = team.run(*command)
        assert ran.code == 0, ran.out + ran.err
        assert len(started) <= most, "\n".join([f"{command}: {len(started)}", *started])

    team.commit("Promote")
    with git_processes() as started:
        team.reconcile()
    assert len(started) <= 36, "\n".join(started)
    listings = [command for command in started if command.startswith("rev-list --first-parent")]
    assert len(listings) == 1, listings


def test_models_whose_whole_histories_are_needed_share_git_processes(team: Team) -> None:
    """Those of a stage that MLflow has as an alias only: no recorded move names their version."""
    team.write("policy.yaml", "stages: {Live: {alias: live}}\n")
    registry = LaneRegistry(team.uri)
    names = [registry.model(2, f"m{number}") for number in range(12)]
    for version in (1, 2):
        team.commit(**{name: f"stages: {{Live: {version}}}\n" for name in names})
        team.reconcile()

    with git_processes() as started:
        team.reconcile()
    assert len(started) <= 23 + 4, "\n".join(started)
