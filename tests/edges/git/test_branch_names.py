"""A branch is a branch, and an ambiguous name is reported (RULES R1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_gitops.edges.git.refs.names import AMBIGUOUS
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure
from tests.support.git_histories import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """One commit on the branch main, and another that no branch has."""
    repo = Repo(tmp_path / "repo")
    repo.commit("Reviewed")
    repo.git("checkout", "-q", "--detach")
    repo.commit("Not reviewed")
    return repo


def reviewed_and_unreviewed(repo: Repo) -> tuple[str, str]:
    return repo.git("rev-parse", "HEAD~1"), repo.git("rev-parse", "HEAD")


@pytest.mark.parametrize(
    "impostor", ["refs/tags/main", "refs/main", "refs/notes/main", "main", "refs/remotes/main"]
)
def test_a_branch_is_taken_before_any_other_ref_of_its_name(repo: Repo, impostor: str) -> None:
    reviewed, unreviewed = reviewed_and_unreviewed(repo)
    if impostor == "main":
        (repo.folder / ".git/main").write_text(f"{unreviewed}\n")
    elif impostor == "refs/remotes/main":
        repo.git("update-ref", "refs/remotes/main/unreviewed", unreviewed)
    else:
        repo.git("update-ref", impostor, unreviewed)
    git = Git(repo.folder)
    for name in ("main", "heads/main", "refs/heads/main"):
        assert git.resolve(git.named_branch(name).ref) == reviewed


@pytest.mark.parametrize(
    ("name", "ref"),
    [
        ("v1", "refs/tags/v1"),
        ("refs/tags/v1", "refs/tags/v1"),
        ("tags/v1", "refs/tags/v1"),
        ("trunk", "refs/trunk"),
        ("notes/x", "refs/notes/x"),
        ("FETCH_HEAD", None),
        ("v1~0", "refs/tags/v1"),
    ],
)
def test_what_is_no_branch_is_refused(repo: Repo, name: str, ref: str | None) -> None:
    _, unreviewed = reviewed_and_unreviewed(repo)
    if ref is None:
        (repo.folder / ".git" / name).write_text(f"{unreviewed}\n")
    else:
        repo.git("update-ref", ref, unreviewed)
    with pytest.raises(GitFailure, match=f"There is no branch {name.partition('~')[0]};"):
        Git(repo.folder).named_branch(name)
    assert Git(repo.folder).resolve(name) == unreviewed, "a revision may be a tag"


@pytest.mark.parametrize("name", ["HEAD", "HEAD~1", "main~0", "@"])
def test_a_commit_may_stand_for_the_branch(repo: Repo, name: str) -> None:
    git = Git(repo.folder)
    assert git.resolve(git.named_branch(name).ref) == git.resolve(name)
    sha = git.resolve(name)
    assert git.resolve(git.named_branch(sha[:12]).ref) == sha


def test_a_branch_of_the_remote_may_be_named_without_the_remote(repo: Repo) -> None:
    reviewed, _ = reviewed_and_unreviewed(repo)
    repo.git("remote", "add", "origin", "nowhere")
    repo.git("update-ref", "refs/remotes/origin/trunk", reviewed)
    assert Git(repo.folder).named_branch("trunk").ref == "origin/trunk"


def test_two_branches_of_one_name_are_reported(repo: Repo) -> None:
    reviewed, unreviewed = reviewed_and_unreviewed(repo)
    repo.git("remote", "add", "origin", "nowhere")
    repo.git("update-ref", "refs/remotes/origin/main", reviewed)
    repo.git("update-ref", "refs/heads/origin/main", unreviewed)
    git = Git(repo.folder)
    with pytest.raises(GitFailure) as caught:
        git.named_branch("origin/main")
    assert caught.value.code == AMBIGUOUS
    for candidate in ("refs/heads/origin/main", "refs/remotes/origin/main"):
        assert candidate in str(caught.value)
        assert git.named_branch(candidate).ref
    assert git.resolve(git.main_ref(None)) == reviewed, "nobody has to name the remote's branch"


@pytest.mark.parametrize(
    "refs",
    [
        ("refs/tags/main", "refs/heads/main"),
        ("refs/tags/v1", "refs/heads/v1"),
        ("refs/v1", "refs/tags/v1"),
        ("refs/tags/origin/v1", "refs/remotes/origin/v1"),
    ],
)
@pytest.mark.parametrize("suffix", ["", "~0", "^{commit}"])
def test_an_ambiguous_revision_is_reported(repo: Repo, refs: tuple[str, str], suffix: str) -> None:
    reviewed, unreviewed = reviewed_and_unreviewed(repo)
    repo.git("checkout", "-q", "--detach")
    for ref, sha in zip(refs, (unreviewed, reviewed), strict=True):
        repo.git("update-ref", ref, sha)
    name = refs[1].split("/", 2)[2] + suffix
    with pytest.raises(GitFailure) as caught:
        Git(repo.folder).resolve(name)
    assert caught.value.code == AMBIGUOUS
    assert all(ref in str(caught.value) for ref in refs), str(caught.value)
    for ref, sha in zip(refs, (unreviewed, reviewed), strict=True):
        assert Git(repo.folder).resolve(ref + suffix) == sha


def test_a_name_that_could_be_an_id_is_ambiguous(repo: Repo) -> None:
    reviewed, unreviewed = reviewed_and_unreviewed(repo)
    repo.git("update-ref", f"refs/heads/{unreviewed[:8]}", reviewed)
    with pytest.raises(GitFailure, match=r"is ambiguous: .*a commit id"):
        Git(repo.folder).resolve(unreviewed[:8])
    (repo.folder / ".git/main").write_text(f"{unreviewed}\n")
    with pytest.raises(GitFailure, match=r"is ambiguous: .*\.git/main"):
        Git(repo.folder).resolve("main")


def test_two_names_of_one_commit_are_not_ambiguous(repo: Repo) -> None:
    reviewed, _ = reviewed_and_unreviewed(repo)
    repo.git("tag", "-a", "-m", "A release", "main", reviewed)
    assert Git(repo.folder).resolve("main") == reviewed


@pytest.mark.parametrize("revision", ["main", "main~0", "refs/heads/main"])
def test_a_branch_that_a_push_moves_meanwhile_is_not_ambiguous(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    """git is asked several times, and each answer is of a moment of its own."""
    ids = reviewed_and_unreviewed(repo)
    query, queries = Git.query, iter(range(9))

    def query_and_push(git: Git, *args: str) -> str:
        answer = query(git, *args)
        number = next(queries)
        if number < 3:
            repo.git("update-ref", "refs/heads/main", ids[(number + 1) % 2])
        return answer

    monkeypatch.setattr(Git, "query", query_and_push)
    assert Git(repo.folder).resolve(revision) in ids
    repo.git("update-ref", "refs/heads/main", ids[1])
    (repo.folder / ".git/main").write_text(f"{ids[0]}\n")
    with pytest.raises(GitFailure) as failure:
        Git(repo.folder).resolve("main")
    assert failure.value.code == AMBIGUOUS
