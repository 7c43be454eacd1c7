"""Reading the receipts of a clone: from the commits of the receipts branch, or from the git notes
of earlier versions as long as there are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from mlflow_gitops.core.audit.receipt_reader import (
    MAX_MEMORY,
    ReceiptFile,
    TooManyReceipts,
    read_files,
    read_notes,
)
from mlflow_gitops.core.audit.receipts import NOTES_REF, Receipt
from mlflow_gitops.edges.git.receipts import limits
from mlflow_gitops.edges.git.receipts.files import MAX_LISTING, FileChange, file_changes
from mlflow_gitops.edges.git.receipts.layout import DIGITS, FileName, file_name
from mlflow_gitops.edges.git.receipts.limits import unreadable
from mlflow_gitops.edges.git.receipts.old_notes import note_texts, noted_commits
from mlflow_gitops.edges.git.receipts.stored import AlteredReceipt, StoredReceipts, UntrustedCommit
from mlflow_gitops.edges.git.repository import Git

if TYPE_CHECKING:  # few repositories ask for signatures
    from mlflow_gitops.edges.git.receipts.signatures import SignatureRule


def read_stored(
    git: Git,
    tips: Sequence[str],
    notes: Sequence[str],
    name: str,
    rule: SignatureRule | None,
) -> StoredReceipts:
    """The receipts of the branch; those in notes if it has none and none must be signed. Raises
    GitFailure as `read_branch` does."""
    stored = read_branch(git, tips, name, rule)
    is_signed = rule is not None and rule.is_required
    if notes and not stored.has_any and not is_signed:
        return StoredReceipts(read_old_notes(git, notes), stored.altered)
    return stored


def read_untaken_notes(
    git: Git, tips: Sequence[str], notes: Sequence[str], name: str
) -> list[Receipt]:
    """The receipts in notes, if there are none on the branch. Raises GitFailure."""
    return [] if read_branch(git, tips, name).has_any else read_old_notes(git, notes)


def read_branch(
    git: Git, tips: Sequence[str], name: str, rule: SignatureRule | None = None
) -> StoredReceipts:
    """The receipts that the commits up to `tips` ever added; with a rule that asks for it, in
    commits whose signature counts. `name` is the branch's. Raises GitFailure with the code
    UNREADABLE if one cannot be read, or if all are over a limit."""
    changes = file_changes(git, tips)
    if changes is None:
        raise unreadable(f"The branch {name} has more than {MAX_LISTING // 200:,} files", name)
    receipt_files = [(change, stored) for change in changes if (stored := file_name(change.path))]
    untrusted: tuple[UntrustedCommit, ...] = ()
    if rule is not None and rule.is_required:
        untrusted = _untrusted(git, receipt_files, rule)
        excluded = {entry.commit for entry in untrusted}
        receipt_files = [
            (change, stored)
            for change, stored in receipt_files
            if change.action != "A" or change.commit not in excluded
        ]
    try:
        receipts = read_files(_files(git, receipt_files, name))
    except TooManyReceipts:
        raise _too_much_memory(name) from None
    return StoredReceipts(receipts, tuple(_altered(receipt_files, receipts)), untrusted)


def read_old_notes(git: Git, refs: Sequence[str]) -> list[Receipt]:
    """The receipts in notes. Raises GitFailure with the code UNREADABLE if they cannot be read."""
    try:
        return read_notes(note_texts(git, refs))
    except TooManyReceipts:
        raise _too_much_memory(NOTES_REF) from None


def named_commits(git: Git, tips: Sequence[str], notes: Sequence[str]) -> set[str]:
    """How the ids of the commits begin that receipts are about, by the names of files, or of notes
    if there are no files. Empty if there are too many to list."""
    commits = set()
    for tip in tips:
        command = ("ls-tree", "-r", "--name-only", "--full-tree", tip)
        listing = git.limited_output(MAX_LISTING, *command) or ""
        names = (file_name(path) for path in listing.splitlines())
        commits |= {name.commit[:DIGITS] for name in names if name is not None}
    return commits or {commit[:DIGITS] for commit in noted_commits(git, notes)}


def _files(
    git: Git, receipt_files: Iterable[tuple[FileChange, FileName]], branch: str
) -> Iterator[ReceiptFile]:
    """The contents with which files that have the name of a receipt were added."""
    names: dict[str, set[FileName]] = {}
    for change, stored in receipt_files:
        if change.action == "A":
            names.setdefault(change.blob, set()).add(stored)

    total = 0
    for blob, content in git.each_blob(names, limit=limits.MAX_RECEIPT):
        if content is None:
            reason = (
                f"The receipt of {min(names[blob]).commit[:DIGITS]} is missing in this clone, or"
                f" longer than {limits.MAX_RECEIPT >> 20} MiB"
            )
            raise unreadable(reason, branch)
        total += len(content)
        if total > limits.MAX_RECEIPTS:
            size = limits.MAX_RECEIPTS >> 20
            raise unreadable(f"The receipts are longer than {size} MiB", branch)
        try:
            text = content.decode()
        except UnicodeDecodeError:
            continue
        yield from (ReceiptFile(*stored, text) for stored in names[blob])


def _untrusted(
    git: Git, receipt_files: Iterable[tuple[FileChange, FileName]], rule: SignatureRule
) -> tuple[UntrustedCommit, ...]:
    """The commits that added receipts and whose signature does not count. A merge adds nothing that
    a commit with a signature that counts added."""
    from mlflow_gitops.edges.git.receipts.signatures import signature_faults

    added: dict[str, set[str]] = {}
    for change, _ in receipt_files:
        if change.action == "A":
            added.setdefault(change.commit, set()).add(change.blob)

    faults = signature_faults(git, added, rule.allowed_signers)
    trusted = {blob for commit, blobs in added.items() if commit not in faults for blob in blobs}
    return tuple(
        UntrustedCommit(commit, faults[commit], len(blobs - trusted))
        for commit, blobs in added.items()
        if commit in faults and blobs - trusted
    )


def _altered(
    receipt_files: Iterable[tuple[FileChange, FileName]], receipts: Iterable[Receipt]
) -> Iterator[AlteredReceipt]:
    counted = {(receipt.commit[:DIGITS], receipt.digest[:DIGITS]) for receipt in receipts}
    for change, stored in receipt_files:
        if change.action == "D":
            yield AlteredReceipt(change.path, change.commit, "deleted")
        elif change.action != "A":
            yield AlteredReceipt(change.path, change.commit, "changed")
        elif (stored.commit[:DIGITS], stored.digest) not in counted:
            yield AlteredReceipt(change.path, change.commit, "forged")


def _too_much_memory(source: str) -> Exception:
    return unreadable(f"The receipts need more than {MAX_MEMORY >> 20} MiB of memory", source)
