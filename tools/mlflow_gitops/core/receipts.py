"""Receipts: what each reconcile did, as one JSON line in a git note on the commit it reconciled (RULES R6).

Each holds the SHA-256 of the one before it, and the newest digest is stamped on the models it changed, so that a deleted or
edited receipt shows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

NOTES_REF = "refs/notes/mlflow-gitops"
RECEIPT_TAG = "gitops.receipt"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt: the commit whose note holds it, its line as written, and what the line says."""

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

    def applied(self) -> frozenset[str]:
        """The models that this run brought to its commit."""
        models = self.content.get("models") or []
        return frozenset(str(m.get("model")) for m in models if isinstance(m, dict) and m.get("result") == "applied")


def write(content: Mapping[str, Any], previous: str | None) -> str:
    """One compact line, `at` first, so that lines sort by time when notes are merged."""
    ordered = {"at": content["at"], **content, "previous": previous}
    return json.dumps(ordered, ensure_ascii=True, separators=(",", ":"))


def read(notes: Mapping[str, str]) -> list[Receipt]:
    """Every receipt in the notes (commit to text), oldest first. Lines that are no receipts are passed over: notes are
    for people too."""
    found = []
    for commit, text in notes.items():
        for line in text.splitlines():
            if line.startswith('{"at":'):
                try:
                    content = json.loads(line)
                except ValueError:
                    continue
                found.append(Receipt(commit, line, content))
    return sorted(found, key=lambda receipt: (receipt.at, receipt.digest))


def newest(receipts: Iterable[Receipt]) -> str | None:
    """The digest that the next receipt names as the one before it: the latest that none names yet."""
    known = list(receipts)
    named = {receipt.content.get("previous") for receipt in known}
    ends = [receipt for receipt in known if receipt.digest not in named]
    last = max(ends, key=lambda receipt: (receipt.at, receipt.digest), default=None)
    return last.digest if last else None


def broken_links(receipts: Iterable[Receipt]) -> list[Receipt]:
    """Receipts that name one before them which is not there: it was deleted or edited.

    Runs side by side may name the same one, and are both right; only a missing one is a gap.
    """
    known = list(receipts)
    digests = {receipt.digest for receipt in known}
    return [one for one in known if one.content.get("previous") and one.content["previous"] not in digests]


def unrecorded(stamped: Mapping[str, str], receipts: Iterable[Receipt], owner: str | None) -> dict[str, list[str]]:
    """Models whose stamp no receipt explains: commit to models. `stamped` is model to the commit of its stamp.

    A run that died between its last stamp and its receipt leaves these.
    """
    recorded = {
        (model, receipt.commit)
        for receipt in receipts
        if receipt.content.get("owner") == owner
        for model in receipt.applied()
    }
    missing: dict[str, list[str]] = {}
    for model, commit in sorted(stamped.items()):
        if (model, commit) not in recorded:
            missing.setdefault(commit, []).append(model)
    return missing
