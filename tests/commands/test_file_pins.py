"""What `pin`, `promote` and `rollback` write about a version's files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mlflow_gitops.edges.mlflow.artifacts.file_reader import digest_of
from tests.support.team import Team

MODEL = "fraud"


@pytest.fixture
def team(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Team:
    """Three versions, each a folder with its own files; 1 holds Production, unpinned."""
    from mlflow import MlflowClient

    uri = blank_registry(tmp_path / "mlflow.db")
    client = MlflowClient(uri)
    client.create_registered_model(MODEL)
    for number in (1, 2, 3):
        source = files_of(tmp_path, number)
        source.mkdir(parents=True)
        (source / "model.pkl").write_text(f"version {number}")
        client.create_model_version(MODEL, source.as_uri(), await_creation_for=0)
    made = Team(tmp_path / "repo", uri)
    made.commit("First", **{MODEL: "stages: {Production: 1}\n"})
    made.reconcile()
    return made


def files_of(folder: Path, number: int) -> Path:
    return folder / "files" / str(number)


def pinned(team: Team, number: int) -> str | None:
    """The digest that the manifest has of a version."""
    manifest = yaml.safe_load((team.folder / f"registry/models/{MODEL}.yaml").read_text())
    digest: str | None = manifest.get("versions", {}).get(number, {}).get("digest")
    return digest


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (("pin", MODEL, "1"), 1),
        (("promote", MODEL, "2", "Production"), 2),
        (("promote", MODEL, "3", "Staging"), 3),
    ],
)
def test_the_digest_is_written_unless_it_is_left_out(
    team: Team, tmp_path: Path, command: tuple[str, ...], number: int
) -> None:
    ran = team.run(*command, "--no-digest")
    assert ran.code == 0 and pinned(team, number) is None, ran.err
    team.git("checkout", "-q", ".")
    ran = team.run(*command)
    assert ran.code == 0, ran.err
    assert pinned(team, number) == digest_of(files_of(tmp_path, number))


def test_a_rollback_writes_it_too(team: Team, tmp_path: Path) -> None:
    team.run("promote", MODEL, "2", "Production", "--commit")
    team.reconcile()
    ran = team.run("rollback", MODEL)
    assert ran.code == 0, ran.err
    assert pinned(team, 1) == digest_of(files_of(tmp_path, 1))


def test_files_that_cannot_be_read_are_left_out_with_a_warning(team: Team, tmp_path: Path) -> None:
    shutil.rmtree(files_of(tmp_path, 2))
    ran = team.run("promote", MODEL, "2", "Production")
    assert ran.code == 0 and pinned(team, 2) is None
    assert "The files of version 2 are not pinned by a digest" in ran.err


def test_pin_follows_mlflow_and_promote_does_not(team: Team, tmp_path: Path) -> None:
    team.run("pin", MODEL, "2", "--commit")
    (files_of(tmp_path, 2) / "model.pkl").write_text("others")
    ran = team.run("promote", MODEL, "2", "Production")
    assert ran.code == 4 and "they are not the files that were reviewed" in ran.err
    ran = team.run("pin", MODEL, "2")
    assert ran.code == 0 and re.search(r"Version 2 was pinned to digest sha256:\w{64}", ran.err)
    assert pinned(team, 2) == digest_of(files_of(tmp_path, 2))
    assert team.run("promote", MODEL, "2", "Production").code == 0


def test_pin_without_the_digest_takes_it_away(team: Team) -> None:
    team.run("pin", MODEL, "2")
    assert pinned(team, 2) is not None
    assert team.run("pin", MODEL, "2", "--no-digest").code == 0
    assert pinned(team, 2) is None


def test_a_source_outside_mlflow_is_not_read_before_it_is_registered(
    team: Team, tmp_path: Path
) -> None:
    ran = team.run("pin", MODEL, "4", "--source", files_of(tmp_path, 3).as_uri())
    assert ran.code == 0 and pinned(team, 4) is None
    assert "is not read before it is registered" in ran.err
