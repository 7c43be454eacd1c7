"""Reading receipts: the files of the receipts branch, and the lines of the git notes that earlier
versions wrote. Anybody who may push them can write anything into them, so they are read up to
limits of memory and time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.untrusted_json import loads
from mlflow_gitops.core.times import is_time

MAX_MEMORY = 400 << 20
"""Bytes that all receipts of a clone may take in memory. A run over 10,000 models takes 60 MB."""
_MAX_RECEIPT_MEMORY = 150 << 20
_COST = 2_000
"""Bytes counted for each text that may be a receipt: the time that it takes has the same limit."""

_LINE = re.compile(r'^\{"at":[^\r\n]*', re.MULTILINE)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class TooManyReceipts(ValueError):
    """All receipts together are larger than what is read."""


class ReceiptFile(NamedTuple):
    """A file of the receipts branch: how the commit and the digest begin by the file's name, and
    the file's text."""

    commit: str
    digest: str
    text: str


def read_files(files: Iterable[ReceiptFile]) -> list[Receipt]:
    """Every receipt in files, oldest first. A file whose text is not that of its name is no
    receipt: it was edited or forged.

    Raises TooManyReceipts as soon as the receipts would need more than MAX_MEMORY.
    """
    budget = _MemoryBudget()
    receipts: dict[str, Receipt] = {}
    for file in files:
        content = budget.parsed(file.text)
        commit = content.get("commit", file.commit) if content else None
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            continue
        receipt = Receipt(commit, file.text, content or {})
        if commit.startswith(file.commit) and receipt.digest.startswith(file.digest):
            receipts[receipt.digest] = receipt
            budget.keep(file.text)
    return _oldest_first(receipts.values())


def read_notes(notes: Iterable[tuple[str, str]]) -> list[Receipt]:
    """Every receipt in notes, pairs of a commit and a text, oldest first.

    Other lines are skipped: notes are for people too. So are lines larger than any receipt, and a
    receipt that names another commit than its note's: one that was moved is missing where it was.
    Raises TooManyReceipts as soon as the receipts would need more than MAX_MEMORY.
    """
    budget = _MemoryBudget()
    receipts: list[Receipt] = []
    for commit, text in notes:
        for match in _LINE.finditer(text):
            content = budget.parsed(match.group())
            if content and content.get("commit", commit) == commit:
                receipts.append(Receipt(commit, match.group(), content))
                budget.keep(match.group())
    return _oldest_first(receipts)


class _MemoryBudget:
    """Counts the memory of what is read."""

    def __init__(self) -> None:
        self._used = 0

    def parsed(self, text: str) -> Mapping[str, Any] | None:
        """The content of a text that may be a receipt; None if it is none, or larger than any.
        Raises TooManyReceipts if it would need more than is left."""
        size = _memory_of(text)
        if size > _MAX_RECEIPT_MEMORY:
            return None
        if self._used + size > MAX_MEMORY:
            raise TooManyReceipts
        self._used += _COST
        try:
            content = loads(text)
        except ValueError:
            return None
        return content if isinstance(content, dict) and is_time(content.get("at")) else None

    def keep(self, text: str) -> None:
        """Count a text whose receipt stays in memory."""
        self._used += _memory_of(text) - _COST


def _memory_of(text: str) -> int:
    """About how many bytes a text, its receipt and its parsed value take. Measured with CPython
    3.11: an empty list takes 56, a mapping 184, an entry 8 and the value in it."""
    containers = text.count("[") + text.count("{")
    return _COST + len(text) + 150 * containers + 80 * text.count(",")


def _oldest_first(receipts: Iterable[Receipt]) -> list[Receipt]:
    by_digest: dict[str, list[Receipt]] = {}
    for receipt in receipts:
        by_digest.setdefault(receipt.digest, []).append(receipt)
    ages = _ages({digest: copies[0] for digest, copies in by_digest.items()})
    oldest_first = sorted(by_digest, key=lambda digest: ages[digest])
    return [receipt for digest in oldest_first for receipt in by_digest[digest]]


def _ages(by_digest: Mapping[str, Receipt]) -> dict[str, tuple[str, int, str]]:
    """What orders receipts, by their digests: the latest time among a receipt and all before it in
    its chain, then its position in the chain. So a clock that was set back does not make a later
    run the earlier one."""
    ages: dict[str, tuple[str, int, str]] = {}
    for start in by_digest:
        chain: list[str] = []
        link: str | None = start
        while link is not None and link in by_digest and link not in ages:
            chain.append(link)
            link = by_digest[link].previous

        latest, position, _ = ages.get(link or "", ("", 0, ""))
        for digest in reversed(chain):
            latest, position = max(latest, by_digest[digest].at), position + 1
            ages[digest] = latest, position, digest
    return ages
