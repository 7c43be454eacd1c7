"""`soak` (RULES R3)."""

from __future__ import annotations

import time

import pytest

from mlflow_gitops.core.gates.lower_stage import soak
from mlflow_gitops.core.gates.lower_stage.soak import Soak
from tests.support.core.subjects import commit, said, subject

MERGED = commit("2026-03-09T11:00:00Z", 3)
HELD = {"Staging": "2026-03-09T12:00:00Z"}


@pytest.mark.parametrize(
    ("merge", "held", "asked", "finding"),
    [
        ("09T10:00", "09T12:00", "24h", ("passed", "24 h in Staging (soak 24h)")),
        ("09T12:00", "09T10:00", "24h", ("passed", "24 h in Staging (soak 24h)")),
        ("01T00:00", "02T00:00", "24h", ("passed", "8 days in Staging (soak 24h)")),
        (
            "09T10:00",
            "09T12:01",
            "24h",
            ("waiting", "23 h of 24h in Staging, until 2026-03-10T12:01:00Z"),
        ),
        (
            "09T12:01",
            "09T10:00",
            "1d",
            ("waiting", "23 h of 1d in Staging, until 2026-03-10T12:01:00Z"),
        ),
        (
            "09T12:00",
            "09T12:00",
            "1d1s",
            ("waiting", "24 h of 1d1s in Staging, until 2026-03-10T12:00:01Z"),
        ),
        (
            "10T13:00",
            "10T11:00",
            "30m",
            ("waiting", "0 s of 30m in Staging, until 2026-03-10T13:30:00Z"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_soak_counts_from_the_later_of_merge_and_hold(
    merge: str, held: str, asked: str, finding: tuple[str, str]
) -> None:
    stays = {"Staging": commit(f"2026-03-{merge}:00Z", 3)}
    found = soak.ask(
        subject(stays=stays, held_since={"Staging": f"2026-03-{held}:00Z"}),
        Soak(asked, ("Staging",)),
    )
    assert (found.status, found.detail) == finding
    assert (found.until is not None) == (found.status == "waiting")


def test_whoever_comes_back_at_the_time_it_says_finds_the_soak_over() -> None:
    held = {"Staging": "2026-03-10T11:59:59.250Z"}
    until = soak.ask(
        subject(stays={"Staging": MERGED}, held_since=held), Soak("1s", ("Staging",))
    ).until
    assert until == "2026-03-10T12:00:01Z"


@pytest.mark.skipif(
    not hasattr(time, "tzset"), reason="Windows takes no time zone from the environment"
)
def test_the_time_it_says_is_utc_wherever_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        until = soak.ask(
            subject(stays={"Staging": MERGED}, held_since=HELD), Soak("3d", ("Staging",))
        ).until
    time.tzset()
    assert until is not None and until.endswith("Z")


def test_nothing_soaks_where_no_reconcile_put_it() -> None:
    for stays in ({}, {"Staging": MERGED}):
        found = soak.ask(subject(stays=stays), Soak("1h", ("Staging",)))  # type: ignore[arg-type]
        assert found.status == "failed" and "has not begun to soak" in found.detail


def test_what_has_not_begun_to_soak_names_where_it_may() -> None:
    found = soak.ask(subject(), Soak("1h", ("Staging", "Canary")))
    assert found.detail == "14 has not begun to soak in Staging or Canary (soak 1h)"


def test_an_uncommitted_stay_counts_from_its_receipt() -> None:
    found = soak.ask(subject(stays={"Staging": None}, held_since=HELD), Soak("24h", ("Staging",)))
    assert said(found) == [("passed", "24 h in Staging (soak 24h)")]


def test_the_longest_of_several_stays_counts() -> None:
    held = HELD | {"Canary": "2026-03-10T11:00:00Z"}
    stays = {"Staging": MERGED, "Canary": commit("2026-03-10T11:00:00Z", 4)}
    assert (
        soak.ask(subject(stays=stays, held_since=held), Soak("20h", ("Canary", "Staging"))).status
        == "passed"
    )


@pytest.mark.parametrize(
    ("merge", "finding"),
    [
        # The commit that began the stay is dated later than its reconcile, by a little or by years.
        ("2026-03-09T12:00:01Z", ("passed", "24 h in Staging (soak 24h)")),
        ("2026-03-10T12:00:00Z", ("passed", "24 h in Staging (soak 24h)")),
        ("2031-01-01T00:00:00Z", ("passed", "24 h in Staging (soak 24h)")),
        ("9999-12-31T23:59:59Z", ("passed", "24 h in Staging (soak 24h)")),
        ("1970-01-01T00:00:00Z", ("passed", "24 h in Staging (soak 24h)")),
    ],
)
def test_a_merge_is_not_later_than_the_reconcile_that_applied_it(
    merge: str, finding: tuple[str, str]
) -> None:
    stays = {"Staging": commit(merge, 3)}
    answer = soak.ask(
        subject(stays=stays, held_since=HELD, held_by=MERGED), Soak("24h", ("Staging",))
    )
    assert (answer.status, answer.detail) == finding


@pytest.mark.parametrize("number", [4, 5, 6])
def test_the_reconcile_of_an_earlier_stay_does_not_count_for_a_later_merge(number: int) -> None:
    stays = {"Staging": commit("2026-03-10T11:00:00Z", number)}
    answer = soak.ask(
        subject(stays=stays, held_since=HELD, held_by=MERGED), Soak("24h", ("Staging",))
    )
    assert answer.status == "waiting"
