"""Receipts: the record of what each reconcile did, one line in a git note on the commit that it
reconciled (RULES R6). The line's format is `core/audit/receipt_format.py`'s.

Each receipt holds the SHA-256 of the one before it, and the newest digest is stamped on the models
that it changed, so that a deleted or edited receipt shows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.audit.recorded_model import RecordedModel
from mlflow_gitops.core.audit.untrusted_json import loads
from mlflow_gitops.core.times import parse_time

NOTES_REF = "refs/notes/mlflow-gitops"
RECEIPT_TAG = "gitops.receipt"

MAX_MEMORY = 400 << 20
"""Bytes that all receipts of a clone may take in memory. A run over 10,000 models takes 60 MB."""
_MAX_LINE_MEMORY = 150 << 20
_LINE_COST = 2_000
"""Bytes counted for each line that may be a receipt: the time that it takes has the same limit."""


_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z\Z")
_LINE = re.compile(r'^\{"at":[^\r\n]*', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt: the commit whose note holds it, its line as written, and the line's content."""

    commit: str
    line: str
    content: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the line, in hex."""
        return hashlib.sha256(self.line.encode()).hexdigest()

    @property
    def at(self) -> str:
        return str(self.content.get("at", ""))

    @property
    def began(self) -> str | None:
        """When its run began, RFC 3339; None if it does not say, or no possible time."""
        began = self.content.get("began")
        return began if isinstance(began, str) and _is_time(began) else None

    @property
    def owner(self) -> object:
        """The environment whose registry it is about, as in the stamp `gitops.owner`."""
        return self.content.get("owner")

    @property
    def is_recovered(self) -> bool:
        """Whether a later run wrote it, for one that was interrupted."""
        return self.content.get("recovered") is True

    @property
    def previous(self) -> str | None:
        """The digest of the receipt before it; None for the first. A value that cannot be a digest
        is read as one of no receipt, so that it shows as a gap."""
        previous = self.content.get("previous")
        return previous if previous is None or isinstance(previous, str) else "no digest"

    def models(self) -> list[RecordedModel]:
        """What it records about each model."""
        models = self.content.get("models")
        if not isinstance(models, list):
            return []
        return [RecordedModel(model) for model in models if isinstance(model, dict)]

    def applied(self) -> frozenset[str]:
        """The models that this run brought to its commit."""
        return frozenset(recorded.model for recorded in self.models() if recorded.is_applied)

    def changed(self) -> frozenset[str]:
        """The models that this run changed, all the way to its commit or not: those on which this
        receipt is stamped."""
        return frozenset(recorded.model for recorded in self.models() if recorded.is_changed)


class TooManyReceipts(ValueError):
    """All receipts together are larger than what is read."""


def read(notes: Mapping[str, str]) -> list[Receipt]:
    """Every receipt in the notes (commit to text), oldest first."""
    return read_each(notes.items())


def read_each(notes: Iterable[tuple[str, str]]) -> list[Receipt]:
    """Every receipt in the notes, pairs of a commit and a text, oldest first.

    Other lines are skipped: notes are for people too. So are lines larger than any receipt, and a
    receipt that names another commit than its note's: one that was moved is missing where it was.
    Raises TooManyReceipts as soon as the receipts would need more than MAX_MEMORY.
    """
    by_digest: dict[str, list[Receipt]] = {}
    memory = 0
    for commit, text in notes:
        for match in _LINE.finditer(text):
            size = _memory_of(match.group())
            if size > _MAX_LINE_MEMORY:
                continue
            if memory + size > MAX_MEMORY:
                raise TooManyReceipts
            memory += _LINE_COST
            try:
                content = loads(match.group())
            except ValueError:
                continue
            if _is_time(content["at"]) and content.get("commit", commit) == commit:
                receipt = Receipt(commit, match.group(), content)
                by_digest.setdefault(receipt.digest, []).append(receipt)
                memory += size - _LINE_COST

    ages = _ages({digest: copies[0] for digest, copies in by_digest.items()})
    oldest_first = sorted(by_digest, key=lambda digest: ages[digest])
    return [receipt for digest in oldest_first for receipt in by_digest[digest]]


def _memory_of(line: str) -> int:
    """About how many bytes a line, its receipt and its parsed value take. Measured with CPython
    3.11: an empty list takes 56, a mapping 184, an entry 8 and the value in it."""
    containers = line.count("[") + line.count("{")
    return _LINE_COST + len(line) + 150 * containers + 80 * line.count(",")


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


def _is_time(at: object) -> bool:
    """Whether a value is RFC 3339 in UTC, as this tool writes it. Anything else may contain what no
    terminal should be sent."""
    try:
        return isinstance(at, str) and _TIME.match(at) is not None and parse_time(at) is not None
    except ValueError:
        return False


def newest(receipts: Sequence[Receipt]) -> str | None:
    """The digest that the next receipt names as the one before it: of those that no other names
    yet, the latest. `receipts` is oldest first."""
    previous = {receipt.previous for receipt in receipts}
    for receipt in reversed(receipts):
        digest = receipt.digest
        if digest not in previous:
            return digest
    return None


def attested(receipts: Sequence[Receipt], stamped: Collection[str]) -> list[Receipt]:
    """The receipts whose digests are stamped in MLflow, and those before them in their chains."""
    previous = {receipt.digest: receipt.previous for receipt in receipts}
    reached: set[str] = set()
    for digest in stamped:
        link: str | None = digest
        while link is not None and link in previous and link not in reached:
            reached.add(link)
            link = previous[link]
    return [receipt for receipt in receipts if receipt.digest in reached]


def last_commit(receipts: Sequence[Receipt], model: str) -> str | None:
    """The commit that a model was last brought to; None if no receipt records that. `receipts` is
    oldest first."""
    return next(
        (receipt.commit for receipt in reversed(receipts) if model in receipt.applied()), None
    )


def broken_links(receipts: Iterable[Receipt]) -> list[Receipt]:
    """Receipts whose previous one is missing: it was deleted or edited.

    Two runs side by side may both name the same previous receipt. That is no gap.
    """
    receipts = list(receipts)
    digests = {receipt.digest for receipt in receipts}
    return [receipt for receipt in receipts if receipt.previous and receipt.previous not in digests]
