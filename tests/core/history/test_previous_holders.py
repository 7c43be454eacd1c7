"""Who held a stage before, by the main line and by receipts."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.previous_holders import previous_holders, stays
from mlflow_gitops.core.history.tenures import Tenure
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.policy import Policy

RULES = Policy().for_model("m")


def points(*held: tuple[int, ...] | None) -> list[Point]:
    """One commit a day; None for a day without a manifest."""
    found = []
    for day, versions in enumerate(held, 1):
        commit = Commit(
            f"{day:040d}", f"2026-01-{day:02d}T00:00:00Z", "A Person <a@example.org>", f"Day {day}"
        )
        stages = {"Production": versions or ()}
        manifest = Manifest("m", "registry/models/m.yaml", None, (), {}, stages, {}, {})
        found.append(Point(commit, None if versions is None else Desired(manifest, RULES)))
    return found


def by_receipts(*held: int) -> dict[int, Tenure]:
    """Versions that a reconcile put in Production, each on the day of its number."""
    return {number: Tenure(number, None, f"2026-02-{number:02d}T00:00:00Z") for number in held}


def days(*held: tuple[int, ...] | None) -> list[tuple[tuple[int, ...], str, str | None]]:
    found = stays(points(*held), "Production")
    return [
        (s.versions, s.began.subject if s.began else "", s.ended.subject if s.ended else None)
        for s in found
    ]


def test_a_stay_lasts_from_the_commit_that_begins_it_to_the_one_that_ends_it() -> None:
    assert days((12,), (12,), (14,)) == [((12,), "Day 1", "Day 3"), ((14,), "Day 3", None)]
    assert days((12,), (), (12,)) == [((12,), "Day 1", "Day 2"), ((12,), "Day 3", None)]
    assert days((12,), None, (4, 5)) == [((12,), "Day 1", "Day 2"), ((4, 5), "Day 3", None)]
    assert days() == [] and days((), None) == []


def holders(*held: tuple[int, ...], current: int = 14, **more: Any) -> list[tuple[int, ...]]:
    previous = previous_holders(points(*held), "Production", (current,), **more)
    return [holder.versions for holder in previous.holders]


def test_without_receipts_the_main_line_alone_says_who_held_it() -> None:
    previous = previous_holders(points((8,), (12,), (14,)), "Production", (14,))
    assert [holder.versions for holder in previous.holders] == [(12,), (8,)]
    assert not previous.passed_over and not previous.rolled_back


def test_a_working_tree_may_be_ahead_of_the_main_line() -> None:
    """Then the main line's newest holder is the one before."""
    assert holders((8,), (12,), current=15) == [(12,), (8,)]


def test_what_no_reconcile_put_there_is_passed_over() -> None:
    previous = previous_holders(
        points((8,), (12,), (13,), (14,)), "Production", (14,), by_receipts(8, 12, 14)
    )
    assert [(holder.versions, holder.reconciled_at) for holder in previous.holders] == [
        ((12,), "2026-02-12T00:00:00Z"),
        ((8,), "2026-02-08T00:00:00Z"),
    ]
    assert previous.passed_over == ((13,),)


def test_a_version_that_is_gone_is_passed_over() -> None:
    for tenures in (None, by_receipts(8, 12, 14)):
        previous = previous_holders(
            points((8,), (12,), (14,)), "Production", (14,), tenures, {8, 14}
        )
        assert previous.passed_over == ((12,),)


@pytest.mark.parametrize(
    ("held", "proposed", "rolled_back"),
    [
        ([3, 5, 3], [], [5]),
        ([1, 3, 5, 3], [1], [5]),
        ([3, 5, 3, 5], [3], []),
        ([3, 5, 3, 5, 3], [], [5]),
        ([1, 2, 3, 1], [2], [3]),
        ([3, 5, 0, 3], [], [5]),
        ([3, 5, 6, 3, 7], [3, 5], [6]),
    ],
)
def test_a_rollback_goes_to_no_version_that_was_rolled_back_itself(
    held: list[int], proposed: list[int], rolled_back: list[int]
) -> None:
    versions = [(version,) if version else () for version in held]
    previous = previous_holders(points(*versions), "Production", (held[-1],))
    assert [holder.versions[0] for holder in previous.holders] == proposed
    assert [holder.versions[0] for holder in previous.rolled_back] == rolled_back
