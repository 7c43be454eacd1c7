"""Commits of the receipts branch, built without a checkout. They only ever add files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow_gitops.edges.git.receipts.files import file_changes
from mlflow_gitops.edges.git.repository import Git


def store_texts(git: Git, texts: Sequence[str]) -> list[str]:
    """Store texts as blobs, byte for byte, by one process; return their ids."""
    with TemporaryDirectory() as folder:
        files = [Path(folder, str(number)) for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_bytes(text.encode())
        paths = "".join(f"{file}\n" for file in files)
        return git.output("hash-object", "-w", "--no-filters", "--stdin-paths", feed=paths).split()


def commit_files(git: Git, parent: str | None, blobs: Mapping[str, str], message: str) -> str:
    """Return a new commit with the files of `parent` and those of `blobs`, paths and blob ids. No
    branch names it yet."""
    lines = "".join(f"100644 {blob}\t{path}\0" for path, blob in blobs.items())
    with TemporaryDirectory() as folder:
        index = Path(folder, "index")
        if parent is not None:
            git.output("read-tree", parent, index=index)
        git.output("update-index", "--add", "-z", "--index-info", feed=lines, index=index)
        tree = git.output("write-tree", "--missing-ok", index=index)
    parents = ("-p", parent) if parent is not None else ()
    return git.output("commit-tree", tree, *parents, "-F", "-", feed=message, identity=True)


def replay(git: Git, tip: str, onto: str) -> str:
    """Return the commit that has the receipts of `onto` and, on top of them, one commit for each of
    `tip` that `onto` lacks and that adds files. What such a commit changed or deleted is left as it
    is in `onto`. Raises GitFailure."""
    listing = git.output("ls-tree", "-r", "-z", "--name-only", "--full-tree", onto)
    existing = set(listing.split("\0"))
    added: dict[str, dict[str, str]] = {}
    for change in reversed(file_changes(git, [tip], excluded=onto) or ()):
        if change.action == "A" and change.path not in existing:
            added.setdefault(change.commit, {})[change.path] = change.blob
            existing.add(change.path)

    for commit, blobs in added.items():
        message = git.output("log", "-1", "--no-show-signature", "--format=%B", commit, "--")
        onto = commit_files(git, onto, blobs, message)
    return onto
