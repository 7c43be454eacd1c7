"""The times of a line's commits, whatever their committers' clocks showed (RULES R1)."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_gitops.core.history.line.line_times import Limit, line_times
from tests.support.core.slow_audit import slow_times

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "40"))
NOW = 1_000
FUTURE = 9_000


@pytest.mark.parametrize(
    ("dates", "limits", "times"),
    [
        ([10, 20, 30], [], [10, 20, 30]),
        ([], [], []),
        # A wrong date changes nothing for the commits after it.
        ([10, FUTURE, 30, 40], [], [10, 30, 30, 40]),
        ([FUTURE, 20, 30], [], [20, 20, 30]),
        ([10, FUTURE, FUTURE + 1, 40, FUTURE, 60], [], [10, 40, 40, 40, 60, 60]),
        # Nothing follows: it was merged by now at the latest.
        ([10, 20, FUTURE], [], [10, 20, NOW]),
        ([FUTURE], [], [NOW]),
        # A clock of 1970 after later commits, and next to one in the future.
        ([500, 0, 0, 510], [], [500, 500, 500, 510]),
        ([500, FUTURE, 0, 510], [], [500, 500, 500, 510]),
        # The reconcile that had the commit bounds it and all commits before it.
        ([10, 20, FUTURE], [(2, 25)], [10, 20, 25]),
        ([10, 900, 30, 40], [(3, 45)], [10, 30, 30, 40]),
        ([10, 900, 30, 40], [(1, 12.5), (3, 45)], [10, 12, 30, 40]),
        ([10, 20, 900], [(0, 11), (1, 21), (2, 31)], [10, 20, 31]),
        # A receipt by a clock of 1970 says nothing about commits that agree with one another.
        ([500, 510, 520], [(2, 3)], [500, 510, 520]),
        ([500, FUTURE, 520], [(0, 3), (2, 530)], [500, 520, 520]),
    ],
)
def test_a_wrong_date_is_bounded_by_what_is_known(
    dates: Sequence[int], limits: Sequence[Limit], times: Sequence[int]
) -> None:
    assert line_times(dates, NOW, limits) == times


def test_without_a_clock_the_largest_date_counts() -> None:
    assert line_times([10, FUTURE, 30]) == [10, FUTURE, FUTURE]


_dates = st.one_of(st.integers(400, 600), st.sampled_from([0, NOW, NOW + 1, FUTURE]))


@given(st.lists(_dates, min_size=1, max_size=12), st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_times_are_those_of_the_slow_reading(dates: list[int], data: st.DataObject) -> None:
    limit = st.tuples(st.integers(0, len(dates) - 1), st.integers(0, 700))
    limits = data.draw(st.lists(limit, max_size=4))
    times = line_times(dates, NOW, limits)
    assert times == slow_times(dates, NOW, limits)
    assert times == sorted(times)
    assert max(times) <= NOW


@given(st.lists(st.integers(400, 600), min_size=2, max_size=9), st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_future_date_changes_no_other_commit(dates: list[int], data: st.DataObject) -> None:
    wrong = data.draw(st.sets(st.integers(0, len(dates) - 1), max_size=len(dates) - 1))
    bent = [FUTURE + date if index in wrong else date for index, date in enumerate(dates)]
    right = [index for index in range(len(dates)) if index not in wrong]
    times = line_times(bent, NOW)
    assert [times[index] for index in right] == line_times([dates[index] for index in right], NOW)
