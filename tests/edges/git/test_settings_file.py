"""Which file counts: the main branch's once it has a registry, before that the working tree's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.errors import InvalidFiles
from mlflow_gitops.settings import Settings
from tests.support.team import Team

FILE = ".mlflow-gitops.toml"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    made = Team(tmp_path / "repo", "")
    (made.folder / FILE).write_text('registry_dir = "ml/registry"\n')
    folder = made.folder / "ml/registry/models"
    folder.mkdir(parents=True)
    (folder / "churn.yaml").write_text("name: churn\nstages: {}\n")
    made.git("add", "-A")
    made.git("commit", "-qm", "A registry")
    return made


def opened(team: Team, folder: str = ".", **given: str) -> tuple[Workspace, list[str]]:
    warnings: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(team.folder / folder)
        return Workspace(replace(Settings(warn=warnings.append), **given)), warnings


@pytest.mark.parametrize("folder", [".", "ml", "ml/registry", "ml/registry/models"])
def test_the_registry_is_found_from_any_folder(team: Team, folder: str) -> None:
    workspace, warnings = opened(team, folder)
    assert (workspace.root, warnings) == ("ml/registry", [])
    assert set(workspace.tree().manifests) == {"churn"}


def test_an_option_goes_before_the_file(team: Team) -> None:
    assert opened(team, registry_dir="other")[0].root == "other"


def test_pyproject_may_have_it(team: Team) -> None:
    (team.folder / FILE).unlink()
    text = '[project]\nname = "x"\n[tool.mlflow-gitops]\nregistry_dir = "ml/registry"\n'
    (team.folder / "pyproject.toml").write_text(text)
    team.git("add", "-A")
    team.git("commit", "-qm", "Settings in pyproject.toml")
    assert opened(team)[0].root == "ml/registry"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('registry_dir = "evil"\n', 'has registry_dir = "evil"'),
        (None, "has no registry_dir"),
        ('registry_dir = "ml/registry"\nmain = "evil"\n', 'has main = "evil"'),
        ('registry_dir = "ml/registry"\nreceipts_branch = "evil"\n', 'receipts_branch = "evil"'),
        ('registry_dir = "ml/registry"\nenv = "evil"\n', 'env = "evil"'),
    ],
)
def test_the_file_of_a_branch_counts_once_it_is_merged(
    team: Team, text: str | None, told: str
) -> None:
    before, _ = opened(team)
    team.git("checkout", "-q", "-b", "change")
    if text is None:
        (team.folder / FILE).unlink()
    else:
        (team.folder / FILE).write_text(text)
    team.git("commit", "-qam", "Other settings")
    workspace, [warning] = opened(team)
    assert workspace.root == "ml/registry"
    assert workspace.settings.main == before.settings.main is None
    assert workspace.settings.receipts_branch == "mlflow-gitops/receipts"
    assert workspace.settings.environment is None
    assert told in warning and "counts until the change is merged" in warning


def test_the_first_file_counts_before_main_has_a_registry(tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", "")
    team.git("commit", "-qm", "Other things", "--allow-empty")
    team.git("checkout", "-q", "-b", "registry")
    (team.folder / FILE).write_text('registry_dir = "ml/registry"\n')
    assert opened(team)[0].root == "ml/registry"


def test_main_of_the_remote_counts(team: Team, tmp_path: Path) -> None:
    team.git("init", "-q", "--bare", str(tmp_path / "remote.git"))
    team.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    team.git("push", "-q", "origin", "HEAD:refs/heads/main")
    (team.folder / FILE).write_text('registry_dir = "evil"\n')
    team.git("commit", "-qam", "On the local main, not pushed")
    workspace, [warning] = opened(team)
    assert workspace.root == "ml/registry" and "origin/main" in warning


@pytest.mark.parametrize("text", ["registry = 'x'", "main = ["])
def test_a_wrong_file_is_an_error(team: Team, text: str) -> None:
    (team.folder / FILE).write_text(text)
    with pytest.raises(InvalidFiles):
        opened(team)


def test_a_link_is_not_followed(team: Team) -> None:
    (team.folder / FILE).unlink()
    (team.folder / FILE).symlink_to("/etc/hostname")
    with pytest.raises(InvalidFiles, match="link"):
        opened(team)
