"""Numbers as text for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_gitops.core.recorded.numbers import distinct, format_size


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        (0.9, 0.91, ("0.9", "0.91")),
        (0.123456, 0.5, ("0.1235", "0.5")),
        (0.5, 0.123456, ("0.5", "0.1235")),
        (0.123456, 0.123456, ("0.1235", "0.1235")),
        (0.1000012345, 0.1, ("0.100001", "0.1")),
        (0.1, 0.10000000123456, ("0.1", "0.100000001")),
        (0.1000000000012345, 0.1, ("0.100000000001", "0.1")),
        (0.1, 0.10000000000000002, ("0.1", "0.10000000000000002")),
        (0.10000000000000002, 0.1, ("0.10000000000000002", "0.1")),
    ],
)
def test_numbers_are_shown_in_as_few_digits_as_tell_them_apart(
    one: float, other: float, shown: tuple[str, str]
) -> None:
    assert distinct(one, other) == shown


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, finite)
def test_numbers_are_never_shown_equal_that_are_not(one: float, two: float) -> None:
    left, right = distinct(one, two)
    assert (float(left) < float(right)) == (one < two) and (float(left) == float(right)) == (
        one == two
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (5 * 10**9, "5.0 GB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert format_size(size) == text
