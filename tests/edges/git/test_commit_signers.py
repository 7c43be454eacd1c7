"""Who signed commits, with real keys of ssh-keygen."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_gitops.edges.git import commit_signers as module
from mlflow_gitops.edges.git.commit_signers import commit_signers
from mlflow_gitops.edges.git.repository import Git
from tests.support.git_histories import Repo
from tests.support.receipts.keys import allowed_line, new_key


def signed_commit(repo: Repo, key: Path | None) -> str:
    options = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}")
    sign = ("-S",) if key else ("--no-gpg-sign",)
    repo.git(*options, "commit", "-q", "--allow-empty", "-m", "One", *sign)
    return repo.git("rev-parse", "HEAD")


def test_signers_of_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, stranger = (new_key(tmp_path, name) for name in ("alice", "bob", "stranger"))
    allowed = (allowed_line(alice, "alice@x.org") + allowed_line(bob, "bob@x.org")).encode()
    repo = Repo(tmp_path / "repo")
    keys = (alice, bob, stranger, None, bob)
    commits = [signed_commit(repo, key) for key in keys]
    git = Git(repo.folder)
    expected = {commits[0]: "alice@x.org", commits[1]: "bob@x.org", commits[4]: "bob@x.org"}

    monkeypatch.setattr(module, "MOST_CHECKED", 1)
    assert commit_signers(git, reversed(commits), allowed) == {commits[4]: "bob@x.org"}
    monkeypatch.setattr(module, "MOST_CHECKED", 100)
    assert commit_signers(git, commits, allowed) == expected
    monkeypatch.setattr(module, "MOST_CHECKED", 0)
    assert commit_signers(git, commits, allowed) == expected, "remembered"
    assert commit_signers(git, commits, allowed_line(alice, "alice@x.org").encode()) == {}
    assert commit_signers(git, [], allowed) == {}
