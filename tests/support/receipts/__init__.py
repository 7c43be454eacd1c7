"""The receipts that a repository keeps, and what somebody who may push their branch can do to
them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.layout import path_of
from mlflow_gitops.edges.git.receipts.writer import ReceiptsWriter
from mlflow_gitops.edges.git.receipts.writing import commit_files, store_texts
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.settings import RECEIPTS_BRANCH
from tests.support.team import GIT_ENVIRONMENT

RECEIPTS_REF = f"refs/heads/{RECEIPTS_BRANCH}"
NOTES = ("notes", "--ref=refs/notes/mlflow-gitops")
"""How git writes the notes that earlier versions kept receipts in."""


def receipts_in(repo: Path) -> list[Receipt]:
    """Every receipt in the repository, in the order of their chain."""
    return ReceiptsBranch.of_repository(Git(repo)).receipts()


def record(git: Git, commit: str, text: str, subject: str = "A run") -> None:
    """Write a receipt as a run does."""
    writer = ReceiptsWriter(ReceiptsBranch.of_repository(git))
    writer.add(Receipt(commit, text, json.loads(text)), subject)


def add_receipt(repo: Path, text: str, commit: str = "", path: str = "") -> str:
    """Somebody commits a text as a receipt, under the name that it should have. Returns the
    path."""
    git = Git(repo)
    path = path or path_for(text, commit)
    [blob] = store_texts(git, [text])
    tip = git.ref(RECEIPTS_REF)
    _move(repo, commit_files(git, tip, {path: blob}, "A receipt"))
    return path


def rewrite_receipts(repo: Path, texts: Sequence[str], commit: str = "") -> None:
    """Somebody rewrites the branch: these are all that it ever held. Without texts, it is gone."""
    drop_receipts(repo)
    for text in texts:
        add_receipt(repo, text, commit)


def drop_receipts(repo: Path) -> None:
    """Somebody deletes the branch, in this clone and as the remote's was fetched."""
    for ref in (RECEIPTS_REF, f"refs/remotes/origin/{RECEIPTS_BRANCH}"):
        _git(repo, "update-ref", "-d", ref)


def path_for(text: str, commit: str = "") -> str:
    """The name of a receipt's file; one of its own for a text that is no receipt."""
    try:
        content: Any = json.loads(text)
        return path_of(Receipt(content.get("commit", commit), text, content))
    except (ValueError, AttributeError, TypeError):
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return f"default/2026/01/01/000000Z-{commit or '0' * 40}-{digest[:12]}.json"


def _move(repo: Path, commit: str) -> None:
    _git(repo, "update-ref", RECEIPTS_REF, commit)


def _git(repo: Path, *args: str) -> None:
    environment = os.environ | GIT_ENVIRONMENT
    subprocess.run(["git", *args], cwd=repo, env=environment, check=True, capture_output=True)


def edit_receipt(repo: Path, receipt: Receipt, before: str, after: str) -> None:
    """Somebody changes the file of a receipt in a later commit."""
    assert before in receipt.text
    add_receipt(repo, receipt.text.replace(before, after), path=path_of(receipt))


def delete_receipt(repo: Path, receipt: Receipt) -> None:
    """Somebody deletes the file of a receipt in a later commit."""
    with TemporaryDirectory() as folder:
        index = Path(folder, "index")
        git = Git(repo)
        git.output("read-tree", RECEIPTS_REF, index=index)
        git.output("update-index", "--force-remove", path_of(receipt), index=index)
        tree = git.output("write-tree", index=index)
    tip = git.ref(RECEIPTS_REF) or ""
    _move(repo, git.output("commit-tree", tree, "-p", tip, "-m", "Tidy up", identity=True))


def edited(receipt: Receipt, **content: Any) -> str:
    """The text of a receipt with other content."""
    return json.dumps({**receipt.content, **content}, indent=2) + "\n"
