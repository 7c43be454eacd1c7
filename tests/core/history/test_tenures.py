"""Who held a stage by receipts, and who was rolled back from it (RULES R3)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.tenures import (
    AppliedCommit,
    ReconciledHistory,
    Tenure,
    was_declared,
)
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.policy import Policy

RULES = Policy().for_model("m")


def points(*holders: tuple[int, ...]) -> list[Point]:
    """One commit a day, each with the versions that it declares for Production."""
    return [
        Point(
            Commit(
                f"{day:040d}", f"2026-01-{day:02d}T00:00:00Z", "A <a@example.org>", f"Day {day}"
            ),
            Desired(Manifest("m", "m.yaml", None, (), {}, {"Production": versions}, {}, {}), RULES),
        )
        for day, versions in enumerate(holders, 1)
    ]


def tenures(
    holders: list[tuple[int, ...]], applied: list[int] | None = None, before: int | None = None
) -> dict[int, Tenure]:
    """`applied` are the days whose commit a reconcile applied, in the night after it."""
    history = points(*holders)
    positions = {p.commit.sha: index for index, p in enumerate(history) if p.commit is not None}
    days = applied if applied is not None else range(1, len(holders) + 1)
    runs = [AppliedCommit(day - 1, f"2026-01-{day:02d}T12:00:00Z") for day in days]
    commit = history[before - 1].commit if before is not None else None
    return dict(ReconciledHistory(runs, positions).tenures(history, "Production", commit))


@pytest.mark.parametrize(
    ("holders", "rolled_back"),
    [
        ([3, 5], set()),
        ([3, 5, 3], {5}),
        ([3, 5, 3, 5], set()),
        ([3, 5, 3, 5, 3], {5}),
        ([3, 5, 6, 3], {6}),
        ([3, 5, 0, 3], {5}),
        ([3, 0, 5], set()),
        ([3, 5, 3, 5, 6], set()),
    ],
)
def test_a_version_is_rolled_back_if_the_stage_goes_back_past_it(
    holders: list[int], rolled_back: set[int]
) -> None:
    by_version = tenures([(version,) if version else () for version in holders])
    assert {v for v, tenure in by_version.items() if tenure.is_rolled_back} == rolled_back


def test_a_list_that_loses_its_served_version_goes_back() -> None:
    assert tenures([(1,), (1, 2), (1,)])[2].is_rolled_back
    assert not tenures([(1,), (1, 2), (2,)])[1].is_rolled_back


def test_only_what_a_receipt_applied_was_held() -> None:
    assert set(tenures([(1,), (2,), (3,)], applied=[1, 3])) == {1, 3}
    assert tenures([(1,), (2,)], applied=[]) == {}


def test_only_earlier_reconciles_count_for_a_commit() -> None:
    assert set(tenures([(1,), (2,), (1,)], before=3)) == {1, 2}
    assert set(tenures([(1,), (2,), (1,)], before=2)) == {1}


def test_a_tenure_counts_from_its_first_receipt() -> None:
    tenure = tenures([(1,), (1,), (1,)], applied=[2, 3])[1]
    assert tenure.reconciled_at == "2026-01-02T12:00:00Z" and tenure.ended is None
    tenure = tenures([(1,), (2,), (1,)])[1]
    assert tenure.reconciled_at == "2026-01-03T12:00:00Z"
    assert tenure.not_before == "2026-01-02T12:00:00Z"
    away = tenures([(1,), (2,), (1,)])[2].ended
    assert away is not None and away.subject == "Day 3"


def test_only_what_git_left_and_declares_again_can_be_a_rollback() -> None:
    history = points((1,), (2,), (1,))
    assert was_declared(history, "Production", 1, history[-1].commit)
    assert not was_declared(history, "Production", 2, history[1].commit)
    assert not was_declared(history, "Staging", 1, history[-1].commit)
    assert was_declared([*history[:2], Point(None, history[0].desired)], "Production", 1, None)


@pytest.mark.parametrize(
    ("registered", "expected"),
    [
        (None, True),
        ("2026-01-01T00:00:00Z", True),
        ("2026-01-05T12:14:00Z", True),
        ("2026-01-05T12:16:00Z", False),
        ("2026-03-01T00:00:00Z", False),
    ],
)
def test_a_version_that_was_registered_later_held_nothing(
    registered: str | None, expected: bool
) -> None:
    runs = [AppliedCommit(index, f"2026-01-0{index + 3}T12:00:00Z") for index in range(3)]
    of_line = points((), (), (3,))
    positions = {point.commit.sha: index for index, point in enumerate(of_line) if point.commit}
    reconciles = ReconciledHistory(runs, positions)
    assert (3 in reconciles.since(registered).tenures(of_line, "Production")) is expected


def test_a_version_that_was_made_again_holds_its_stage_since_the_next_receipt() -> None:
    runs = [AppliedCommit(0, f"2026-01-0{day}T12:00:00Z") for day in (2, 5, 7)]
    of_line = points((3,))
    positions = {point.commit.sha: index for index, point in enumerate(of_line) if point.commit}
    reconciles = ReconciledHistory(runs, positions).since("2026-01-04T00:00:00Z")
    assert reconciles.tenures(of_line, "Production")[3].reconciled_at == "2026-01-05T12:00:00Z"


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (AppliedCommit(0, "2026-01-05T12:00:00Z", registered="2026-01-04T00:00:00.500Z"), True),
        (AppliedCommit(0, "2026-01-05T12:00:00Z", registered="2026-01-01T00:00:00.500Z"), False),
        (AppliedCommit(0, "2026-01-05T12:00:00Z", registered="2026-01-05T11:00:00.000Z"), False),
        (AppliedCommit(0, "2025-01-01T12:00:00Z", registered="2026-01-04T00:00:00.500Z"), True),
        (AppliedCommit(0, "2025-01-01T12:00:00Z", registered="2026-01-01T00:00:00.500Z"), False),
        (AppliedCommit(0, "2026-01-05T12:00:00Z", is_created=True), False),
        (AppliedCommit(0, "2026-01-04T00:01:00Z", is_created=True), True),
        (AppliedCommit(0, "2026-01-05T12:00:00Z"), True),
    ],
)
def test_a_receipt_about_another_model_of_that_name_proves_nothing(
    run: AppliedCommit, expected: bool
) -> None:
    """Also if it says that the model was made again, and MLflow shows that it was not."""
    of_line = points((3,))
    positions = {point.commit.sha: index for index, point in enumerate(of_line) if point.commit}
    reconciles = ReconciledHistory([run], positions)
    reconciles = reconciles.since("2026-01-04T00:00:30Z", "2026-01-04T00:00:00.500Z")
    assert (3 in reconciles.tenures(of_line, "Production")) is expected
