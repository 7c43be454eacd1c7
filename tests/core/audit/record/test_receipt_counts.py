"""The counter of receipts: what vanished leaves a gap."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.receipt_counts import counts_missing_before, next_count


def receipts(*counts: int | None, owner: str = "me") -> list[Receipt]:
    return [
        Receipt("c", f"{owner} {index}", {"owner": owner, "count": count})
        for index, count in enumerate(counts)
    ]


@pytest.mark.parametrize(
    ("counts", "following"),
    [((), 1), ((1, 2), 3), ((None, None), 3), ((None, 2, 5), 6), ((1, 2, 2), 4), ((1, 9), 10)],
)
def test_the_next_number(counts: tuple[int | None, ...], following: int) -> None:
    assert next_count(receipts(*counts), "me") == following
    assert next_count(receipts(*counts), "another") == 1


@pytest.mark.parametrize(
    ("counts", "missing"),
    [
        ((1, 2, 3), []),
        ((1, 2, 2, 3), []),
        ((None, None, 3), []),
        ((1, 4), [2, 3]),
        ((3,), [1, 2]),
        ((None, 3), [2]),
        ((1, None, "2", True, 0, 5), []),
    ],
)
def test_gaps(counts: tuple[int | None, ...], missing: list[int]) -> None:
    assert [
        number for gap in counts_missing_before(receipts(*counts)).values() for number in gap
    ] == missing


def test_each_environment_counts_for_itself() -> None:
    both = [*receipts(1, 2), *receipts(1, 3, owner="other")]
    assert counts_missing_before(both) == {both[3].digest: [2]}


def test_a_number_of_any_size() -> None:
    [gap] = counts_missing_before(receipts(10**12)).values()
    assert len(gap) == 1_000 and gap[-1] == 10**12 - 1
