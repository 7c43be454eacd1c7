"""A clone follows the remote's default branch, or reports that it is gone (RULES R1)."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlflow_gitops.app.main_branch import fetch_main, main_branch_fault
from mlflow_gitops.app.planning.lines import LineReader
from mlflow_gitops.app.workspace import Settings, Workspace
from mlflow_gitops.errors import GitFailure
from tests.support.git_histories import ISOLATED, Repo

ABSENCE = "no branch master on origin: it was renamed or deleted there"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", ISOLATED["GIT_CONFIG_GLOBAL"])
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@dataclass
class World:
    """A bare repository whose default branch is master, and a clone of it."""

    folder: Path
    seed: Repo

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    def git(self, folder: str, *args: str) -> str:
        process = subprocess.run(
            ["git", "-C", str(self.folder / folder), *args], capture_output=True, text=True
        )
        assert process.returncode == 0, process.stderr
        return process.stdout.strip()

    def new_clone(self, *options: str) -> None:
        url = (self.folder / "origin.git").as_uri()
        self.git(".", "clone", "-q", *options, url, "clone")

    def rename(self, new: str) -> str:
        """Rename the default branch on the remote, and push a commit to it."""
        self.git("origin.git", "branch", "-m", "master", new)
        self.git("origin.git", "symbolic-ref", "HEAD", f"refs/heads/{new}")
        sha = self.seed.commit("Later")
        self.seed.git("push", "-q", "../origin.git", f"HEAD:refs/heads/{new}")
        return sha

    def workspace(self, main: str | None = None) -> tuple[Workspace, list[str]]:
        warnings: list[str] = []
        settings = Settings(repo=self.clone, main=main, warn=warnings.append)
        return Workspace(settings), warnings


@pytest.fixture
def world(tmp_path: Path) -> World:
    seed = Repo(tmp_path / "seed")
    seed.commit("First")
    seed.git("branch", "-m", "master")
    world = World(tmp_path, seed)
    world.git(".", "clone", "-q", "--bare", "seed", "origin.git")
    world.new_clone()
    return world


# -- commands that talk to the remote --------------------------------------------------------------


@pytest.mark.parametrize("new", ["main", "trunk", "release/current"])
def test_a_fetch_follows_the_renamed_branch(world: World, new: str) -> None:
    newest = world.rename(new)
    workspace, _ = world.workspace()
    remark = fetch_main(workspace)
    assert remark.startswith(f"The default branch of origin is {new} now; it was master.")
    assert workspace.main_ref == f"origin/{new}"
    assert workspace.git.resolve(workspace.main_ref) == newest
    next_round, warnings = world.workspace()
    assert fetch_main(next_round) == "" and next_round.main_ref == f"origin/{new}" and not warnings


def test_a_fetch_follows_another_default_branch(world: World) -> None:
    world.git("origin.git", "branch", "develop")
    world.git("origin.git", "symbolic-ref", "HEAD", "refs/heads/develop")
    workspace, _ = world.workspace()
    assert "goes by master. Run git fetch origin and git remote set-head" in main_branch_fault(
        workspace
    )
    assert "is develop now" in fetch_main(workspace)
    assert workspace.main_ref == "origin/develop"


@pytest.mark.parametrize("main", ["origin/master", "refs/remotes/origin/master"])
def test_a_branch_that_is_gone_is_reported_by_a_fetch(world: World, main: str) -> None:
    world.rename("main")
    workspace, _ = world.workspace(main)
    for remark in (fetch_main(workspace), main_branch_fault(workspace)):
        assert remark.startswith("origin no longer has the branch master")
        assert "Its default branch is main" in remark


def test_a_deleted_branch_without_a_new_default_is_reported(world: World) -> None:
    world.git("origin.git", "branch", "other")
    world.git("origin.git", "update-ref", "-d", "refs/heads/master")
    workspace, _ = world.workspace()
    assert fetch_main(workspace).startswith("origin no longer has the branch master")
    assert workspace.git.resolve(workspace.main_ref)


def test_a_clone_of_one_branch_explains_what_it_must_fetch(world: World) -> None:
    world.git(".", "clone", "-q", "--single-branch", f"file://{world.folder}/origin.git", "narrow")
    world.rename("trunk")
    workspace = Workspace(Settings(repo=world.folder / "narrow"))
    with pytest.raises(GitFailure, match=r"no longer has the branch master.*is trunk"):
        fetch_main(workspace)


def test_the_remote_of_the_named_branch_is_fetched(world: World) -> None:
    world.git("clone", "remote", "rename", "origin", "team/central")
    world.git("clone", "remote", "add", "origin", "../nofolder.git")
    newest = world.seed.commit("Later")
    world.seed.git("push", "-q", "../origin.git", "HEAD:refs/heads/master")
    workspace, _ = world.workspace("team/central/master")
    assert fetch_main(workspace) == ""
    assert workspace.git.resolve(workspace.main_ref) == newest


def test_a_remote_that_cannot_be_reached_changes_nothing(world: World) -> None:
    (world.folder / "origin.git").rename(world.folder / "moved.git")
    workspace, warnings = world.workspace()
    assert main_branch_fault(workspace) == ""
    with pytest.raises(GitFailure, match="git fetch failed"):
        fetch_main(workspace)
    assert workspace.main_ref == "origin/master" and not warnings


# -- commands that do not --------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("--prune",)])
def test_after_a_fetch_the_renamed_branch_is_followed_and_reported(
    world: World, options: tuple[str, ...]
) -> None:
    newest = world.rename("main")
    world.git("clone", "fetch", "-q", *options)
    workspace, warnings = world.workspace()
    assert workspace.git.resolve(workspace.main_ref) == newest
    assert len(warnings) == 1 and ABSENCE in warnings[0] and "set-head origin --auto" in warnings[0]
    world.git("clone", "remote", "set-head", "origin", "--auto")
    workspace, warnings = world.workspace()
    assert workspace.main_ref == "origin/main" and not warnings


@pytest.mark.parametrize("options", [(), ("--prune",)])
def test_after_a_fetch_an_unknown_new_name_stops_the_command(
    world: World, options: tuple[str, ...]
) -> None:
    world.rename("trunk")
    world.git("clone", "fetch", "-q", *options)
    workspace, _ = world.workspace()
    with pytest.raises(GitFailure, match=rf"{ABSENCE}.*git remote set-head origin --auto.*--main"):
        _ = workspace.main_ref


def test_a_plan_does_not_go_on_without_the_main_line(world: World) -> None:
    world.rename("trunk")
    world.git("clone", "fetch", "-q")
    head = world.git("clone", "rev-parse", "HEAD")
    world.git("clone", "tag", "v1")
    world.git("clone", "update-ref", "refs/heads/origin/trunk", head)
    for main, message in ((None, ABSENCE), ("v1", "no branch v1"), ("origin/trunk", "ambiguous")):
        workspace, _ = world.workspace(main)
        with pytest.raises(GitFailure, match=message):
            LineReader(workspace).to_commit(head)


def test_a_branch_main_of_another_history_does_not_replace_the_default(world: World) -> None:
    unrelated = world.seed.git("commit-tree", "-m", "Unrelated", "HEAD^{tree}")
    world.seed.git("push", "-q", "../origin.git", f"{unrelated}:refs/heads/main")
    world.rename("trunk")
    world.git("clone", "fetch", "-q")
    workspace, _ = world.workspace()
    with pytest.raises(GitFailure, match=ABSENCE):
        _ = workspace.main_ref


def test_a_named_branch_that_is_gone_is_reported(world: World) -> None:
    world.rename("main")
    world.git("clone", "fetch", "-q")
    workspace, warnings = world.workspace("origin/master")
    assert workspace.main_ref == "origin/master"
    assert len(warnings) == 1 and ABSENCE in warnings[0]


@pytest.mark.parametrize(
    "fetch",
    [
        ("fetch", "-q"),
        ("fetch", "-q", "origin", "other"),
        ("fetch", "-q", "origin", "+refs/heads/o*:refs/remotes/origin/o*"),
        ("fetch", "-q", "../seed", "HEAD"),
        ("pull", "-q", "origin", "other"),
        ("fetch", "-q", "--all"),
    ],
)
def test_a_fetch_that_proves_nothing_is_not_reported(world: World, fetch: tuple[str, ...]) -> None:
    world.git("origin.git", "branch", "other")
    world.git("clone", *fetch)
    workspace, warnings = world.workspace()
    assert workspace.main_ref == "origin/master" and not warnings


def test_a_clone_that_fetches_only_some_branches_concludes_nothing(world: World) -> None:
    world.git("origin.git", "branch", "release/1")
    world.git(
        "clone",
        "config",
        "remote.origin.fetch",
        "+refs/heads/release/*:refs/remotes/origin/release/*",
    )
    world.git("clone", "fetch", "-q")
    workspace, warnings = world.workspace()
    assert workspace.main_ref == "origin/master" and not warnings


def test_a_branch_that_came_back_is_not_gone(world: World) -> None:
    """FETCH_HEAD is older than what this command's own fetch or a push brought."""
    world.rename("trunk")
    world.git("clone", "fetch", "-q")
    os.utime(world.clone / ".git/FETCH_HEAD", (1, 1))
    world.git("origin.git", "branch", "-m", "trunk", "master")
    world.git("clone", "fetch", "-q", "--no-write-fetch-head")
    workspace, warnings = world.workspace()
    assert workspace.main_ref == "origin/master" and not warnings
