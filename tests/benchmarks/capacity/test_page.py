"""The capacity page's figures are those that follow from its parts."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.capacity.__main__ import PAGE, PARTS, filled
from tests.benchmarks.capacity.figures import Parts, interval, tables

MEASURED = {10: 1.0, 20: 9.0, 30: 3.0}
"""Seconds by versions."""


def content() -> dict[str, object]:
    parts: dict[str, object] = json.loads(PARTS.read_text("utf-8"))
    return parts


def test_the_page_has_the_tables_of_its_parts() -> None:
    page = PAGE.read_text("utf-8")
    assert filled(page, content()) == page, "run python -m tests.benchmarks.capacity"
    assert str(content()["measured"]) in page


def test_a_round_grows_in_a_line() -> None:
    """Medians of each size, so that one slow run moves nothing."""
    taken = [(10, 2.0), (10, 2.0), (10, 9.0), (110, 4.0)]
    rounds = [{"versions": versions, "clock": clock} for versions, clock in taken]
    parts = Parts({}, rounds)
    assert parts.of_versions("clock", 10) == pytest.approx(2.0)
    assert parts.of_versions("clock", 1_010) == pytest.approx(22.0)


def test_what_was_measured_is_shown_as_it_was() -> None:
    """Only sizes that were not measured are on the line through the smallest and the largest."""
    rounds = [{"versions": versions, "clock": clock} for versions, clock in MEASURED.items()]
    parts = Parts({}, rounds)
    assert [parts.of_versions("clock", versions) for versions in MEASURED] == [1.0, 9.0, 3.0]
    assert parts.of_versions("clock", 40) == pytest.approx(4.0)


def test_a_promotion_by_itself_shares_no_reading() -> None:
    load = tables(content())["load"].splitlines()
    assert any(row.startswith("| one promotion by itself | 13 requests;") for row in load)
    assert any(row.startswith("| one of 8 side by side | 7.75 requests;") for row in load)


@pytest.mark.parametrize(
    ("server_seconds", "shortest"),
    [(0.5, "1m"), (6, "1m"), (6.2, "2m"), (60, "10m"), (601, "101m")],
)
def test_the_interval_leaves_nine_tenths(server_seconds: float, shortest: str) -> None:
    assert interval(server_seconds) == shortest


def test_other_parts_are_other_tables() -> None:
    parts = content()
    before = tables(parts)
    slower = json.loads(json.dumps(parts))
    for one in slower["rounds"]:
        one["server"] *= 3
    assert tables(slower)["rounds"] != before["rounds"]
    assert tables(slower)["settings"] == before["settings"]
