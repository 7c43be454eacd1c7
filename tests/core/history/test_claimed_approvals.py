"""The approvals that messages claim (RULES R3)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.history.claimed_approvals import CommitMessage, claimed

A, B, C = "A <a@example.org>", "B <b@example.org>", "C <c@example.org>"


@pytest.mark.parametrize(
    ("commits", "by", "against"),
    [
        ([CommitMessage(A, A, "Promote")], (), ("no message has an Approved-by: line",)),
        ([CommitMessage(A, A, f"Promote\n\nApproved-by: {B}")], (B,), ()),
        ([CommitMessage(A, A, f"Promote\n\n* approved-by: {B}\n\nand more text")], (B,), ()),
        (
            [
                CommitMessage(
                    A, A, f"Approved-by: {B}\nApproved-by: B. <B@example.org>\nApproved-by: {C}"
                )
            ],
            (B, C),
            (),
        ),
        (
            [CommitMessage(A, A, f"Approved-by: {A}")],
            (),
            (f"{A} took part in making it", "no other Approved-by: line"),
        ),
        (
            [CommitMessage(A, B, f"Approved-by: {B}\nApproved-by: {C}")],
            (C,),
            (f"{B} took part in making it",),
        ),
        ([CommitMessage(A, A, f"Approved-by: {B}\nCo-authored-by: {B}")], (), None),
        (
            [CommitMessage(A, A, f"Merge\n\nApproved-by: {C}"), CommitMessage(C, C, "the work")],
            (),
            None,
        ),
        (
            [CommitMessage(A, A, "Approved-by: Just A Name\nReviewed-by: C <c@example.org>")],
            ("Just A Name",),
            (),
        ),
        (
            [CommitMessage(A, A, "See Approved-by: nobody")],
            (),
            ("no message has an Approved-by: line",),
        ),
    ],
)
def test_what_messages_claim(
    commits: list[CommitMessage], by: tuple[str, ...], against: tuple[str, ...] | None
) -> None:
    told = claimed(commits)
    assert told.by == by and told.pull_request is None
    assert against is None or tuple(told.not_counted) == against
