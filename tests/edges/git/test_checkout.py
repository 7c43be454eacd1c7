"""A working tree is compared with what git holds, not with the bytes on disk."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_gitops.app.setup import codeowners
from mlflow_gitops.app.workspace import Settings, Workspace
from mlflow_gitops.commands.manifest_file import open_manifest
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.errors import Failure, InvalidFiles
from tests.support.git_histories import ISOLATED, REGISTRY

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12\n"
CHURN = "name: churn\nowners: ['@acme/risk']\nstages: {Production: 1}\n"
FRAUD = "name: fraud\nstages: {Staging: 2}\n"
POLICY = "stages: {Production: {from: [Staging], soak: 1d}}\n"
CODEOWNERS = ".github/CODEOWNERS"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", ISOLATED["GIT_CONFIG_GLOBAL"])
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def git(folder: Path, *args: str) -> str:
    process = subprocess.run(["git", "-C", str(folder), *args], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with two manifests in two folders, a policy, and a CODEOWNERS."""
    folder = tmp_path / "repo"
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    git(folder, "config", "user.name", "A Person")
    git(folder, "config", "user.email", "a@example.org")
    contents = {
        f"{REGISTRY}/models/risk/churn.yaml": CHURN,
        f"{REGISTRY}/models/cards/fraud.yaml": FRAUD,
        f"{REGISTRY}/policy.yaml": POLICY,
        CODEOWNERS: "* @acme/platform\n",
    }
    for path, text in contents.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "First")
    return folder


def workspace_of(folder: Path) -> Workspace:
    return Workspace(Settings(repo=folder, registry_dir=str(REGISTRY)))


# -- files that the checkout leaves out ------------------------------------------------------------


def sparse_cone(folder: Path) -> None:
    git(folder, "sparse-checkout", "set", "--cone", f"{REGISTRY}/models/cards")


def sparse_index(folder: Path) -> None:
    git(folder, "sparse-checkout", "set", "--cone", "--sparse-index", f"{REGISTRY}/models/cards")


def sparse_patterns(folder: Path) -> None:
    git(folder, "sparse-checkout", "set", "--no-cone", f"/{REGISTRY}/models/cards/")


def nothing_of_the_registry(folder: Path) -> None:
    git(folder, "sparse-checkout", "set", "--cone", "docs")


def assumed_unchanged(folder: Path) -> None:
    for path in (f"{REGISTRY}/models/risk/churn.yaml", f"{REGISTRY}/policy.yaml", CODEOWNERS):
        git(folder, "update-index", "--assume-unchanged", path)
        (folder / path).unlink()


def skipped_with_other_content(folder: Path) -> None:
    for path in (f"{REGISTRY}/models/risk/churn.yaml", f"{REGISTRY}/policy.yaml"):
        git(folder, "update-index", "--skip-worktree", path)
        (folder / path).write_text("this: is not what git holds\n")


ways = pytest.mark.parametrize(
    "leave_out",
    [
        sparse_cone,
        sparse_index,
        sparse_patterns,
        nothing_of_the_registry,
        assumed_unchanged,
        skipped_with_other_content,
    ],
)


@ways
def test_files_that_the_checkout_leaves_out_are_read(
    repo: Path, leave_out: Callable[[Path], None]
) -> None:
    whole = workspace_of(repo).tree()
    leave_out(repo)
    workspace = workspace_of(repo)
    tree = workspace.tree()
    assert tree.manifests.keys() == {"churn", "fraud"} and not tree.errors
    assert tree.digest == whole.digest == workspace.at("HEAD").digest
    assert workspace.dirty_paths() == []
    assert tree.policy.raw == whole.policy.raw


@ways
def test_nothing_is_edited_that_the_checkout_leaves_out(
    repo: Path, leave_out: Callable[[Path], None]
) -> None:
    leave_out(repo)
    settings = Settings(repo=repo, registry_dir=str(REGISTRY))
    with pytest.raises(Failure, match=r"churn\.yaml is left out of this checkout.*sparse-checkout"):
        open_manifest(settings, "churn", "text")


def test_a_clash_with_a_file_that_is_left_out_is_found(repo: Path) -> None:
    sparse_cone(repo)
    (repo / REGISTRY / "models/cards/Churn.yaml").write_text("name: Churn\nstages: {}\n")
    problems = workspace_of(repo).tree().errors
    assert {problem.code for problem in problems} == {"case-clash"}


@pytest.mark.parametrize("leave_out", [sparse_patterns, assumed_unchanged])
def test_codeowners_that_is_left_out_is_neither_missing_nor_stale(
    repo: Path, leave_out: Callable[[Path], None]
) -> None:
    (repo / "tools").mkdir()
    (repo / "tools/x").write_text("")
    workspace = workspace_of(repo)
    current = codeowners.existing(workspace)
    assert current is not None
    text = codeowners.expected_text(workspace, workspace.tree(), current)
    (repo / CODEOWNERS).write_text(text)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "Owners")
    leave_out(repo)
    assert not (repo / CODEOWNERS).exists()
    workspace = workspace_of(repo)
    assert codeowners.problems(workspace, workspace.tree()) == []
    assert codeowners.problems(workspace, Snapshot(), [f"{REGISTRY}/models/risk/churn.yaml"]) == []


def test_a_list_of_environments_that_is_left_out_counts(repo: Path) -> None:
    (repo / REGISTRY / "environments.yaml").write_text(
        "staging: {tracking_uri: http://a}\nprod: {tracking_uri: http://b}\n"
    )
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "Environments")
    git(repo, "sparse-checkout", "set", "--no-cone", "/docs/")
    with pytest.raises(Failure, match="lists environments: choose one with --env"):
        workspace_of(repo)


def test_a_partial_clone_with_a_sparse_checkout_is_read(repo: Path, tmp_path: Path) -> None:
    git(repo, "config", "uploadpack.allowFilter", "true")
    options = ("--filter=blob:none", "--sparse")
    git(tmp_path, "clone", "-q", *options, repo.as_uri(), "partial")
    workspace = workspace_of(tmp_path / "partial")
    assert workspace.tree().digest == workspace_of(repo).tree().digest


# -- files that git converts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "attributes"),
    [("true", ""), ("false", "*.yaml text eol=crlf\n"), ("false", "* text=auto eol=crlf\n")],
)
def test_line_ends_do_not_make_a_file_differ(
    repo: Path, tmp_path: Path, setting: str, attributes: str
) -> None:
    if attributes:
        (repo / ".gitattributes").write_text(attributes)
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", "Attributes")
    git(tmp_path, "-c", f"core.autocrlf={setting}", "clone", "-q", str(repo), "clone")
    clone = tmp_path / "clone"
    git(clone, "config", "core.autocrlf", setting)
    assert b"\r\n" in (clone / REGISTRY / "policy.yaml").read_bytes()
    workspace = workspace_of(clone)
    assert workspace.dirty_paths() == []
    assert workspace.tree().digest == workspace.at("HEAD").digest
    assert not workspace.tree().errors


def with_filter(repo: Path, clean: str, smudge: str, attributes: str) -> None:
    """Add a filter to the manifests, as `git lfs track` does, and check them out by it."""
    git(repo, "config", "filter.test.clean", clean)
    git(repo, "config", "filter.test.smudge", smudge)
    git(repo, "config", "filter.test.required", "true")
    (repo / ".gitattributes").write_text(attributes)
    git(repo, "add", ".gitattributes")
    if clean != "cat":
        git(repo, "add", "--renormalize", "-A")
    git(repo, "commit", "-q", "-m", "Filter")
    shutil.rmtree(repo / REGISTRY)
    git(repo, "checkout", "-q", "--", ".")


@pytest.mark.parametrize(
    ("clean", "smudge", "attributes"),
    [
        ("sed '/^#smudged/d'", "sed 's/^stages/#smudged\\nstages/'", "*.yaml filter=test\n"),
        ("sed s/:1}/:\\ 1}/", "sed s/:\\ 1}/:1}/", f"{REGISTRY}/models/** filter=test\n"),
        ("cat", "cat", "*.yaml working-tree-encoding=UTF-16LE-BOM\n"),
        ("cat", "cat", "*.yaml ident\n"),
    ],
)
def test_a_filter_does_not_make_a_file_differ(
    repo: Path, clean: str, smudge: str, attributes: str
) -> None:
    path = repo / REGISTRY / "models/risk/churn.yaml"
    path.write_text(f"# $Id$\n{path.read_text()}")
    git(repo, "add", "-A")
    with_filter(repo, clean, smudge, attributes)
    workspace = workspace_of(repo)
    assert workspace.dirty_paths() == []
    assert not workspace.tree().errors
    assert workspace.tree().digest == workspace.at("HEAD").digest


@pytest.mark.parametrize("file", [f"{REGISTRY}/models/risk/churn.yaml", f"{REGISTRY}/policy.yaml"])
@pytest.mark.parametrize("is_smudged", [True, False])
def test_a_pointer_of_lfs_is_one_clear_error(repo: Path, file: str, is_smudged: bool) -> None:
    """With LFS installed, the file on disk is good and the pointer is what reconcile reads."""
    content = (repo / file).read_text()
    (repo / "pointer").write_text(POINTER)
    (repo / "content").write_text(content)
    smudge = "sh -c 'cat >/dev/null; cat content'" if is_smudged else "cat"
    clean = "sh -c 'cat >/dev/null; cat pointer'"
    with_filter(repo, clean, smudge, f"/{file} filter=test\n")
    assert (repo / file).read_text() == (content if is_smudged else POINTER)
    workspace = workspace_of(repo)
    for snapshot in (workspace.tree(), workspace.at("HEAD")):
        problems = [(problem.file, problem.code) for problem in snapshot.errors]
        assert problems == [(file, "lfs-pointer")]
    with pytest.raises(InvalidFiles):
        open_manifest(Settings(repo=repo, registry_dir=str(REGISTRY)), "churn", "text")


def test_a_file_in_another_encoding_is_not_edited(repo: Path) -> None:
    with_filter(repo, "cat", "cat", "*.yaml working-tree-encoding=UTF-16LE-BOM\n")
    with pytest.raises(Failure, match=r"churn\.yaml is converted by \.gitattributes"):
        open_manifest(Settings(repo=repo, registry_dir=str(REGISTRY)), "churn", "text")


def test_a_filter_that_fails_is_reported(repo: Path) -> None:
    with_filter(repo, "cat", "cat", "*.yaml filter=test\n")
    git(repo, "config", "filter.test.clean", "false")
    with pytest.raises(Failure, match=r"filter of \.gitattributes cannot convert"):
        workspace_of(repo).tree()
