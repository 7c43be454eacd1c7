"""Exit codes of several outcomes at once (RULES R8)."""

from __future__ import annotations

from itertools import permutations

from mlflow_gitops.errors import CHANGES, ERROR, INTERRUPTED, INVALID, OK, PARTIAL, REFUSED, worst


def test_the_first_that_applies() -> None:
    order = [INTERRUPTED, ERROR, INVALID, PARTIAL, REFUSED, CHANGES, OK]
    assert order == [130, 1, 3, 5, 4, 2, 0]
    for i, one in enumerate(order):
        for other in order[i:]:
            assert {worst(*pair) for pair in permutations([one, other])} == {one}
    assert worst() == OK
