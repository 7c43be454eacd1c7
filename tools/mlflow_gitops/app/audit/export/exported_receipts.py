"""What an evidence pack takes from receipts, and from the commits that added them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlflow_gitops.core.audit.export.signed_commit import signed_commit
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.files import file_changes
from mlflow_gitops.edges.git.receipts.layout import DIGITS, file_name
from mlflow_gitops.edges.git.repository import Git

MAX_COMMIT = 16 << 20
"""Bytes of one commit object."""


def commit_object(git: Git, sha: str) -> bytes:
    """A commit object, byte for byte."""
    return git.head_of_output(MAX_COMMIT, "cat-file", "commit", sha)


def gate_values(receipt: Receipt, content: Mapping[str, Any]) -> dict[str, Any]:
    """What one receipt records about one model's gates, with the values that they judged."""
    return {
        "receipt": receipt.digest,
        "at": receipt.at,
        "commit": receipt.commit,
        "policy": receipt.content.get("policy"),
        "model": content.get("model"),
        "result": content.get("result"),
        "stages": content.get("stages"),
        "gates": content.get("gates") or [],
    }


def receipt_commits(branch: ReceiptsBranch, receipts: Sequence[Receipt]) -> dict[str, bytes]:
    """The commits of the receipts branch that added these receipts, by path in the pack; of a
    signed one, also the signature and what it signs."""
    digests = {receipt.digest[:DIGITS] for receipt in receipts}
    files: dict[str, bytes] = {}
    for change in file_changes(branch.git, branch.tips()) or ():
        name = file_name(change.path)
        if change.action != "A" or name is None or name.digest[:DIGITS] not in digests:
            continue
        path = f"receipt-commits/{change.commit}"
        files[path] = commit_object(branch.git, change.commit)
        signed = signed_commit(files[path])
        if signed is not None:
            files[f"{path}.payload"] = signed.payload
            files[f"{path}.sig"] = signed.signature
    return files
