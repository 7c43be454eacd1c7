"""What a clone has of receipts, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlflow_gitops.core.audit.receipts import Receipt


@dataclass(frozen=True, slots=True)
class AlteredReceipt:
    """A file that a commit of the branch changed or deleted, or that does not hold the receipt that
    its name says. What the branch held before still counts."""

    path: str
    commit: str
    action: Literal["changed", "deleted", "forged"]


@dataclass(frozen=True, slots=True)
class UntrustedCommit:
    """A commit that added so many receipts, and why its signature does not count."""

    commit: str
    fault: str
    receipts: int


@dataclass(frozen=True, slots=True)
class StoredReceipts:
    """The receipts of a clone, oldest first, and what was done to them."""

    receipts: list[Receipt]
    altered: tuple[AlteredReceipt, ...] = ()
    untrusted: tuple[UntrustedCommit, ...] = ()
    """Commits whose receipts do not count, since they must be signed."""

    @property
    def has_any(self) -> bool:
        """Whether the branch has receipts, whether they count or not."""
        return bool(self.receipts or self.untrusted)
