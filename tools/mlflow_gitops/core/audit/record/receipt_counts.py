"""The counter of receipts: each of one environment has the next number, so that one that vanished
leaves a gap (RULES R6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlflow_gitops.core.audit.receipts import Receipt


def count_of(receipt: Receipt) -> int | None:
    """The number that a receipt says it has; None if it says none, as before format 3."""
    count = receipt.content.get("count")
    return count if type(count) is int and count > 0 else None


def next_count(receipts: Sequence[Receipt], owner: object) -> int:
    """The number of the next receipt of an environment."""
    of_owner = [receipt for receipt in receipts if receipt.owner == owner]
    counts = (count for receipt in of_owner if (count := count_of(receipt)) is not None)
    return max([len(of_owner), *counts]) + 1


def counts_missing_before(receipts: Iterable[Receipt]) -> dict[str, list[int]]:
    """For each receipt with numbers missing right before its own, these numbers, by its digest.
    `receipts` are oldest first.

    Two runs side by side may give one number twice. Before the first receipt with a number, as
    many may be missing as there were receipts without one.
    """
    missing: dict[str, list[int]] = {}
    for of_owner in _by_owner(receipts).values():
        uncounted = sum(count_of(receipt) is None for receipt in of_owner)
        numbers = {count for receipt in of_owner if (count := count_of(receipt)) is not None}
        present = numbers | set(range(1, uncounted + 1))
        for receipt in of_owner:
            count = count_of(receipt)
            gap: list[int] = []
            number = (count or 1) - 1
            while number > 0 and number not in present and len(gap) < _MAX_GAP:
                gap.append(number)
                number -= 1
            if gap:
                missing[receipt.digest] = gap[::-1]
                present |= set(gap)
    return missing


_MAX_GAP = 1_000
"""Numbers listed for one gap: a receipt may claim any number."""


def _by_owner(receipts: Iterable[Receipt]) -> dict[str, list[Receipt]]:
    by_owner: dict[str, list[Receipt]] = {}
    for receipt in receipts:
        by_owner.setdefault(str(receipt.owner), []).append(receipt)
    return by_owner
