"""Stamps of versions, derived again from git and receipts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mlflow_gitops.core.audit.version_stamps import placing_commits, wrong_version_stamps
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.people import RecordedPeople
from tests.support.core.one_model import make_desired, make_observed, make_version

COMMITS = [
    Commit(f"{index:040x}", "2026-01-01T00:00:00Z", "Ana <a@example.org>", f"Change (#{index + 1})")
    for index in range(4)
]
CONFIRMED = RecordedPeople(9, "api", None, ("@bob", "@cho"))
CLAIMED = RecordedPeople(1, "message")


def points(*bodies: str | None) -> list[Point]:
    return [
        Point(commit, make_desired(body) if body is not None else None)
        for commit, body in zip(COMMITS, bodies, strict=False)
    ]


def stamps(index: int = 0, **own: str) -> dict[str, str]:
    tags = {"commit": COMMITS[index].sha, "author": COMMITS[index].author, **own}
    return {f"gitops.{key}": value for key, value in tags.items() if value}


def wrong(
    tags: dict[str, str], *people: RecordedPeople, is_recovered: bool = False, number: int = 1
) -> list[str]:
    observed = make_observed(make_version(number, "Production", tags=tags))
    found = wrong_version_stamps(
        points("stages: {Production: 1}"), observed, lambda sha: people, is_recovered=is_recovered
    )
    return [f"{stamp.key.removeprefix('gitops.')} {stamp.right}" for stamp in found]


def test_the_newest_commit_that_changed_a_versions_stages() -> None:
    line = points("stages: {Staging: 1}", "stages: {Staging: 2, Production: 1}", None)
    assert {version: commit.sha for version, commit in placing_commits(line[:2]).items()} == {
        1: COMMITS[1].sha,
        2: COMMITS[1].sha,
    }
    assert set(placing_commits(line).values()) == {COMMITS[2]}
    same = points("stages: {Production: 1}", "stages: {Production: 1}\ntags: {a: b}")
    assert placing_commits(same)[1] == COMMITS[0]


@pytest.mark.parametrize(
    ("people", "tags"),
    [
        ((), stamps(pr="1")),
        ((CLAIMED,), stamps(pr="1")),
        ((CONFIRMED,), stamps(pr="9", approved_by="@bob, @cho")),
        ((CLAIMED, CONFIRMED), stamps(pr="9", approved_by="@bob, @cho")),
        ((CLAIMED, CONFIRMED), stamps(pr="1")),
        ((RecordedPeople(None, "api"),), stamps()),
    ],
)
def test_right_stamps(people: Sequence[RecordedPeople], tags: dict[str, str]) -> None:
    assert wrong(tags, *people) == []


@pytest.mark.parametrize(
    ("people", "tags", "faults"),
    [
        ((), stamps(pr="1", approved_by="@ceo"), ["pr 1 (claimed)", "approved_by None"]),
        ((CONFIRMED,), stamps(pr="9", approved_by="@ceo"), ["approved_by @bob, @cho"]),
        ((CONFIRMED,), stamps(pr="9"), ["approved_by @bob, @cho"]),
        ((CONFIRMED,), stamps(1, pr="9", approved_by="@bob, @cho"), [f"commit {COMMITS[0].sha}"]),
        ((), stamps(author="Eve", pr="1"), ["author Ana <a@example.org>", "pr 1 (claimed)"]),
        ((), {}, [f"commit {COMMITS[0].sha}", "author Ana <a@example.org>", "pr 1 (claimed)"]),
    ],
)
def test_wrong_stamps(
    people: Sequence[RecordedPeople], tags: dict[str, str], faults: list[str]
) -> None:
    assert wrong(tags, *people) == faults


def test_a_version_that_never_held_a_stage_has_no_stamps() -> None:
    assert wrong({}, number=2) == []
    assert wrong(stamps(), number=2) == ["commit None", "author None"]


def test_a_receipt_that_was_recovered_before_format_3_names_nobody() -> None:
    tags = stamps(pr="9", approved_by="@bob")
    assert wrong(tags, is_recovered=True) == []
    assert wrong(stamps(1, pr="9"), is_recovered=True) == [f"commit {COMMITS[0].sha}"]
    assert wrong(tags, CONFIRMED, is_recovered=True) == ["approved_by @bob, @cho"]
