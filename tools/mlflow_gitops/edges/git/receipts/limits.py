"""How much of the receipts is read. Anybody who may push them may push any number of any size."""

from __future__ import annotations

from mlflow_gitops.errors import GitFailure

MAX_RECEIPT = 32 << 20
"""Bytes of one receipt, and of one commit's note. A run over 10,000 models writes about eight
million."""
MAX_RECEIPTS = 128 << 20
"""Bytes of all receipts together."""
UNREADABLE = "receipts_unreadable"
"""The code of a failure if the receipts in this clone cannot be read."""


def unreadable(reason: str, source: str) -> GitFailure:
    """The failure to raise if receipts are over a limit or missing. `source` is the ref that holds
    them."""
    return GitFailure(
        f"{reason}, so they are not read.",
        fix=f"Fetch them again, or see what was pushed there: git log -p {source}.",
        code=UNREADABLE,
    )
