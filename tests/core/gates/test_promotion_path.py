"""`from`, `soak`, `approvals`: the way up (RULES R3)."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from mlflow_gitops.core.gates import Finding
from mlflow_gitops.core.gates.promotion_path import approvals, climbs_from, soak
from mlflow_gitops.core.gates.subject import span
from mlflow_gitops.core.history.approvals import Approvals
from mlflow_gitops.core.manifests.gate_settings import Soak
from mlflow_gitops.core.observed.recorded import Unreadable
from mlflow_gitops.core.times import parse_time
from tests.core.gates.subjects import NOW, commit, said, subject

MERGED = commit("2026-03-09T11:00:00Z", 3)
HELD = {"gitops.held.Staging": f"{MERGED.sha}@2026-03-09T12:00:00Z"}


def test_from_a_stage_that_a_reconcile_put_it_in() -> None:
    assert climbs_from(subject(stays={"Staging": MERGED}, tags=HELD), ("Staging",)) == Finding(
        "passed", "from Staging"
    )


@pytest.mark.parametrize(
    ("stays", "tags", "detail"),
    [
        ({}, HELD, "14 was not in Staging before"),
        ({"Archived": MERGED}, HELD, "14 was not in Staging before"),
        ({"Staging": MERGED}, {}, "no reconcile has put 14 in Staging yet"),
        (
            {"Staging": MERGED},
            {"gitops.held.Staging": "by hand"},
            "no reconcile has put 14 in Staging yet",
        ),
        (
            {"Staging": MERGED},
            {"gitops.held.Staging": "abc@yesterday"},
            "no reconcile has put 14 in Staging yet",
        ),
        (
            {"Staging": MERGED},
            {"gitops.held.Staging": f"@{NOW}"},
            "no reconcile has put 14 in Staging yet",
        ),
        (
            {"Staging": MERGED},
            {"gitops.held.Staging": f"abc@x@{NOW}"},
            "no reconcile has put 14 in Staging yet",
        ),
        (
            {"Staging": MERGED},
            {"gitops.held.Canary": HELD["gitops.held.Staging"]},
            "no reconcile has put 14",
        ),
    ],
)
def test_from_nowhere(stays: dict[str, object], tags: dict[str, str], detail: str) -> None:
    found = climbs_from(subject(stays=stays, tags=tags), ("Staging",))  # type: ignore[arg-type]
    assert found.status == "failed" and found.detail.startswith(detail)


def test_any_of_several_stages_will_do() -> None:
    found = climbs_from(
        subject(stays={"Canary": MERGED}, tags={"gitops.held.Canary": "a@" + NOW}),
        ("Staging", "Canary"),
    )
    assert found == Finding("passed", "from Canary")
    found = climbs_from(subject(), ("Staging", "Canary"))
    assert found.detail == "14 was not in Staging or Canary before"


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
    found = soak(
        subject(stays=stays, tags={"gitops.held.Staging": f"abc@2026-03-{held}:00Z"}),
        Soak(asked),
        ("Staging",),
    )
    assert (found.status, found.detail) == finding
    assert (found.until is not None) == (found.status == "waiting")


def test_whoever_comes_back_at_the_time_it_says_finds_the_soak_over() -> None:
    tags = {"gitops.held.Staging": "abc@2026-03-10T11:59:59.250Z"}
    until = soak(subject(stays={"Staging": MERGED}, tags=tags), Soak("1s"), ("Staging",)).until
    assert until == "2026-03-10T12:00:01Z"


@pytest.mark.skipif(
    not hasattr(time, "tzset"), reason="Windows takes no time zone from the environment"
)
def test_the_time_it_says_is_utc_wherever_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        until = soak(subject(stays={"Staging": MERGED}, tags=HELD), Soak("3d"), ("Staging",)).until
    time.tzset()
    assert until is not None and until.endswith("Z")


def test_nothing_soaks_where_no_reconcile_put_it() -> None:
    for stays in ({}, {"Staging": MERGED}):
        found = soak(subject(stays=stays), Soak("1h"), ("Staging",))  # type: ignore[arg-type]
        assert found.status == "failed" and "has not begun to soak" in found.detail


def test_what_has_not_begun_to_soak_names_where_it_may() -> None:
    found = soak(subject(), Soak("1h"), ("Staging", "Canary"))
    assert found.detail == "14 has not begun to soak in Staging or Canary (soak 1h)"


def test_an_uncommitted_stay_counts_from_its_stamp() -> None:
    found = soak(subject(stays={"Staging": None}, tags=HELD), Soak("24h"), ("Staging",))
    assert said(found) == [("passed", "24 h in Staging (soak 24h)")]


def test_the_longest_of_several_stays_counts() -> None:
    tags = HELD | {"gitops.held.Canary": "abc@2026-03-10T11:00:00Z"}
    stays = {"Staging": MERGED, "Canary": commit("2026-03-10T11:00:00Z", 4)}
    assert (
        soak(subject(stays=stays, tags=tags), Soak("20h"), ("Canary", "Staging")).status == "passed"
    )


ONE = Approvals(("@one",), ("@two is no person",), 7)
TWO = Approvals(("@one", "@two"), (), 7)


@pytest.mark.parametrize(
    ("about", "wanted", "finding"),
    [
        ({"made": None}, 1, ("waiting", "needs 1 approval of the pull request")),
        ({"merged": False}, 2, ("waiting", "needs 2 approvals of the pull request")),
        (
            {"merged": False, "approved_by": ONE},
            2,
            ("waiting", "needs 2 approvals, has 1: @one, @two is no person"),
        ),
        (
            {"merged": False, "approved_by": ONE},
            1,
            ("waiting", "approved by @one; counts once it is merged"),
        ),
        (
            {"approved_by": None},
            1,
            (
                "unknown",
                (
                    "who approved 0000000 cannot be read: GitHub is asked with GITHUB_TOKEN and"
                    " GITHUB_REPOSITORY"
                ),
            ),
        ),
        (
            {"merged": False, "approved_by": TWO},
            2,
            ("waiting", "approved by @one, @two; counts once it is merged"),
        ),
        (
            {"merged": False, "approved_by": Approvals(pull_request=7)},
            1,
            ("waiting", "needs 1 approval, has 0"),
        ),
        (
            {"merged": False, "approved_by": Approvals()},
            1,
            ("waiting", "needs 1 approval of the pull request"),
        ),
        ({"approved_by": TWO}, 2, ("passed", "approved by @one, @two")),
        (
            {"approved_by": replace(ONE, stages={"Staging": (14,)})},
            1,
            ("failed", "the commit that merged #7 puts 14 in Production, which #7 does not"),
        ),
        ({"approved_by": Approvals()}, 1, ("failed", "0 of 1 approval")),
        ({"approved_by": ONE}, 2, ("failed", "1 of 2 approvals: @one, @two is no person")),
        ({"approved_by": ONE}, 1, ("passed", "approved by @one")),
        (
            {"approved_by": replace(ONE, stages={"Production": (14,), "Staging": ()})},
            1,
            ("passed", "approved by @one"),
        ),
        (
            {"approved_by": replace(ONE, stages={"Production": (13,), "Staging": (14,)})},
            1,
            ("failed", "the commit that merged #7 puts 14 in Production, which #7 does not"),
        ),
    ],
)
def test_approvals(about: dict[str, object], wanted: int, finding: tuple[str, str]) -> None:
    assert said(approvals(subject(**about), wanted)) == [finding]  # type: ignore[arg-type]


def test_what_approvals_wait_for_is_told_until_they_are_there() -> None:
    """`needs` is what a plan asks of people; a gate that has answered needs nothing more (DESIGN
    §5)."""
    open_ones: list[dict[str, object]] = [{}, {"approved_by": ONE}, {"approved_by": TWO}]
    for about in open_ones:
        assert approvals(subject(merged=False, **about), 2).needs == "2 approvals"  # type: ignore[arg-type]
    assert approvals(subject(approved_by=None), 1).needs == "1 approval"
    assert approvals(subject(approved_by=TWO), 2).needs is None


def test_before_the_merge_what_cannot_be_read_yet_waits() -> None:
    def unreadable() -> Approvals:
        raise Unreadable("503 from GitHub")

    found = approvals(replace(subject(merged=False), approvals=unreadable), 1)
    assert found == Finding(
        "waiting",
        "needs 1 approval of the pull request (not known yet: 503 from GitHub)",
        needs="1 approval",
    )
    with pytest.raises(Unreadable):
        approvals(replace(subject(), approvals=unreadable), 1)


def test_before_the_merge_claims_are_looked_for_where_the_policy_believes_them() -> None:
    claims = Approvals(("B <b@example.org>",))
    about = {"merged": False, "claims": claims, "approved_by": TWO}
    assert (
        approvals(subject(**about), 1, "message").detail
        == "approved by B <b@example.org>; counts once it is merged"
    )  # type: ignore[arg-type]
    assert (
        approvals(subject(**about), 1).detail == "approved by @one, @two; counts once it is merged"
    )  # type: ignore[arg-type]


def test_approvals_that_messages_claim_are_told_as_claims() -> None:
    claims = Approvals(("B Person <b@example.org>",), ("A <a@example.org> took part in making it",))
    found = [approvals(subject(claims=claims), wanted, "message") for wanted in (1, 2)]
    assert said(*found) == [
        ("passed", "claimed in the message: approved by B Person <b@example.org>"),
        (
            "failed",
            (
                "claimed in the message: 1 of 2 approvals: B Person <b@example.org>, A"
                " <a@example.org> took part in making it"
            ),
        ),
    ]
    both = approvals(
        subject(claims=Approvals(("B <b@example.org>", "C <c@example.org>"))), 2, "message"
    )
    assert both.detail == "claimed in the message: approved by B <b@example.org>, C <c@example.org>"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (172799, "47 h"),
        (172800, "2 days"),
    ],
)
def test_a_length_of_time_in_words(seconds: int, said: str) -> None:
    start = parse_time(NOW)
    assert span(start.fromtimestamp(start.timestamp() + seconds, start.tzinfo) - start) == said


@pytest.mark.parametrize(
    ("text", "seconds"), [("24h", 86400), ("3d", 259200), ("1d12h", 129600), ("1w2m3s", 604923)]
)
def test_how_a_soak_is_written(text: str, seconds: int) -> None:
    assert Soak(text).length.total_seconds() == seconds
