"""The policy that a receipt names, compared with git: its run read the file of its own commit
(RULES R6)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.contradictions import Contradiction
from mlflow_gitops.core.history.mainline import MainLine


class PolicyBlobs:
    """The blob id of the policy's file after each commit of a line; None where there is no file."""

    def __init__(self, line: MainLine, path: str) -> None:
        changes = [(index, blob) for index, name, blob in line.changes if name == path]
        self._indexes = [index for index, _ in changes]
        self._blobs = [blob for _, blob in changes]

    def at(self, index: int) -> str | None:
        """The blob at a commit, by its index on the line."""
        count = bisect_right(self._indexes, index)
        return self._blobs[count - 1] if count else None


def policy_contradictions(
    receipts: Iterable[Receipt], index: Mapping[str, int], policies: Iterable[PolicyBlobs]
) -> Iterator[Contradiction]:
    """Receipts of one environment that name another policy than their commit has. `policies` are
    the files that may have been the policy; if several were, the receipt may name any of them."""
    policies = list(policies)
    for receipt in receipts:
        position = index.get(receipt.commit)
        if position is None or "policy" not in receipt.content:
            continue
        in_git = [blobs.at(position) for blobs in policies]
        recorded = receipt.content["policy"] or None  # a run without a policy records ""
        if recorded not in in_git and "link" not in in_git:
            reason = (
                f"it names {_named(recorded)}, and {receipt.commit[:12]} has {_named(in_git[0])}"
            )
            yield Contradiction(receipt, "", reason)


def _named(blob: object) -> str:
    return f"the policy {blob[:12]}" if isinstance(blob, str) else "no policy"
