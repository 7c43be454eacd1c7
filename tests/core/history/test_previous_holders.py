"""Who held a stage before, by the main line and by stamps."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.previous_holders import previous_holders, stays
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion

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


def seen(stamps: Mapping[int, int | None], base: str | None = "a" * 40) -> ObservedModel:
    """Versions, and the day in February on which a reconcile put each in Production."""
    versions = {
        number: ObservedVersion(
            number,
            tags={"gitops.held.Production": f"{'b' * 40}@2026-02-{day:02d}T00:00:00Z"}
            if day
            else {},
        )
        for number, day in stamps.items()
    }
    return ObservedModel("m", tags={"gitops.commit": base} if base else {}, versions=versions)


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


def test_without_mlflow_the_main_line_alone_says_who_held_it() -> None:
    found = previous_holders(points((8,), (12,), (14,)), "Production", (14,), None)
    assert (
        [one.versions for one in found.holders] == [(12,), (8,)]
        and not found.uses_stamps
        and not found.passed_over
    )


def test_what_holds_it_now_is_no_former_whenever_it_held_it() -> None:
    assert [
        f.versions
        for f in previous_holders(points((14,), (12,), (14,)), "Production", (14,), None).holders
    ] == [(12,)]
    # A working tree may be ahead of the main line: then its newest holder is the one before.
    assert [
        f.versions for f in previous_holders(points((8,), (12,)), "Production", (15,), None).holders
    ] == [
        (12,),
        (8,),
    ]


def test_what_no_reconcile_put_there_is_passed_over() -> None:
    found = previous_holders(
        points((8,), (12,), (13,), (14,)), "Production", (14,), seen({8: 1, 12: 3, 13: None, 14: 9})
    )
    assert [(one.versions, one.reconciled_at) for one in found.holders] == [
        ((12,), "2026-02-03T00:00:00Z"),
        ((8,), "2026-02-01T00:00:00Z"),
    ]
    assert found.passed_over == ((13,),) and found.uses_stamps


def test_a_version_that_is_gone_is_passed_over() -> None:
    assert previous_holders(
        points((8,), (12,), (14,)), "Production", (14,), seen({8: 1, 14: 2})
    ).passed_over == ((12,),)
    assert previous_holders(
        points((12,), (14,)), "Production", (14,), seen({14: None}, base=None)
    ).passed_over == ((12,),)


def test_a_model_that_was_reconciled_and_has_no_stamps_never_held_anything() -> None:
    assert not previous_holders(
        points((12,), (14,)), "Production", (14,), seen({12: None, 14: None})
    ).holders
    found = previous_holders(
        points((12,), (14,)), "Production", (14,), seen({12: None, 14: None}, base=None)
    )
    assert [one.versions for one in found.holders] == [(12,)] and not found.uses_stamps


def test_a_stamp_tells_of_what_the_main_line_no_longer_does() -> None:
    found = previous_holders(points((14,)), "Production", (14,), seen({8: 1, 12: 3, 14: 9}))
    assert [(one.versions, one.stay, one.since) for one in found.holders] == [
        ((12,), None, "2026-02-03T00:00:00Z"),
        ((8,), None, "2026-02-01T00:00:00Z"),
    ]
