"""Receipts: the record of what each reconcile did, one file on the receipts branch (RULES R6). Its
format is `core/audit/receipt_format.py`'s; `core/audit/receipt_reader.py` reads it.

Each receipt holds the SHA-256 of the one before it, and the newest digest is stamped on the models
that it changed, so that a deleted or edited receipt shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.audit.recorded_model import RecordedModel
from mlflow_gitops.core.times import is_time

NOTES_REF = "refs/notes/mlflow-gitops"
"""Where earlier versions kept receipts."""
RECEIPT_TAG = "gitops.receipt"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt: the commit that was reconciled, the receipt's text as written, and the text's
    content."""

    commit: str
    text: str
    content: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the text, in hex: what `sha256sum` prints for the receipt's file."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def at(self) -> str:
        return str(self.content.get("at", ""))

    @property
    def schema(self) -> int:
        """The version of its format."""
        schema = self.content.get("schema")
        return schema if type(schema) is int else 1

    @property
    def began(self) -> str | None:
        """When its run began, RFC 3339; None if it does not say, or no possible time."""
        began = self.content.get("began")
        return began if isinstance(began, str) and is_time(began) else None

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


def last_commit(receipts: Sequence[Receipt], names: Sequence[str]) -> str | None:
    """The commit that a model was last brought to, under any of its names; None if no receipt
    records that. `receipts` is oldest first."""
    for receipt in reversed(receipts):
        if not receipt.applied().isdisjoint(names):
            return receipt.commit
    return None


def broken_links(receipts: Iterable[Receipt]) -> list[Receipt]:
    """Receipts whose previous one is missing: it was deleted or edited.

    Two runs side by side may both name the same previous receipt. That is no gap.
    """
    receipts = list(receipts)
    digests = {receipt.digest for receipt in receipts}
    return [receipt for receipt in receipts if receipt.previous and receipt.previous not in digests]
