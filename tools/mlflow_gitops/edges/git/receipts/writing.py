"""Commits of the receipts branch, built without a checkout. They only ever add files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow_gitops.edges.git.receipts.files import file_changes
from mlflow_gitops.edges.git.receipts.signatures import signature_faults
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure


def store_texts(git: Git, texts: Sequence[str]) -> list[str]:
    """Store texts as blobs, byte for byte, by one process; return their ids."""
    if not texts:
        return []
    with TemporaryDirectory() as folder:
        files = [Path(folder, str(number)) for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_bytes(text.encode())
        paths = "".join(f"{file}\n" for file in files)
        return git.output("hash-object", "-w", "--no-filters", "--stdin-paths", feed=paths).split()


def signs_receipts(git: Git) -> bool:
    """Whether the user configured a key to sign with (`user.signingkey`). `commit.gpgsign=false`
    leaves receipts unsigned, too."""
    if not git.query("config", "--get", "user.signingkey"):
        return False
    return git.query("config", "--type=bool", "--get", "commit.gpgsign") != "false"


def commit_files(
    git: Git, parent: str | None, blobs: Mapping[str, str], message: str, *, sign: bool = False
) -> str:
    """Return a new commit with the files of `parent` and those of `blobs`, paths and blob ids. No
    branch names it yet. Raises GitFailure, also if it cannot be signed."""
    lines = "".join(f"100644 {blob}\t{path}\0" for path, blob in blobs.items())
    with TemporaryDirectory() as folder:
        index = Path(folder, "index")
        if parent is not None:
            git.output("read-tree", parent, index=index)
        git.output("update-index", "--add", "-z", "--index-info", feed=lines, index=index)
        tree = git.output("write-tree", "--missing-ok", index=index)
    parents = ("-p", parent) if parent is not None else ()
    options = (*parents, *(("-S",) if sign else ()), "-F", "-")
    try:
        return git.output("commit-tree", tree, *options, feed=message, identity=True)
    except GitFailure as failure:
        if not sign:
            raise
        raise GitFailure(
            f"The receipt could not be signed: {failure}",
            fix="Check user.signingkey and gpg.format, or leave receipts unsigned with"
            " git config commit.gpgsign false.",
        ) from None


def replay(git: Git, tip: str, onto: str, allowed_signers: bytes) -> str:
    """Return the commit that has the receipts of `onto` and, on top of them, one commit for each of
    `tip` that `onto` lacks and that adds files. What such a commit changed or deleted is left as it
    is in `onto`. A commit is only signed anew if its signature counts: the key of this clone must
    not vouch for what somebody else wrote. Raises GitFailure."""
    listing = git.output("ls-tree", "-r", "-z", "--name-only", "--full-tree", onto)
    existing = set(listing.split("\0"))
    added: dict[str, dict[str, str]] = {}
    for change in reversed(file_changes(git, [tip], excluded=onto) or ()):
        if change.action == "A" and change.path not in existing:
            added.setdefault(change.commit, {})[change.path] = change.blob
            existing.add(change.path)

    signed: set[str] = set()
    if added and signs_receipts(git):
        signed = added.keys() - signature_faults(git, added, allowed_signers).keys()
    for commit, blobs in added.items():
        message = git.output("log", "-1", "--no-show-signature", "--format=%B", commit, "--")
        onto = commit_files(git, onto, blobs, message, sign=commit in signed)
    return onto
