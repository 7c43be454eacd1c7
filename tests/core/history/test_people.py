"""The people of a change (RULES R7): its authors, who merged it, who is said to have approved."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.people import People, RecordedPeople, people_of, person

ANN, BOB, CY = "Ann <ann@example.org>", "Bob <bob@example.org>", "Cy <cy@example.org>"


def commit(
    author: str = ANN,
    message: str = "Change",
    committer: str | None = None,
    sha: str = "1",
    subject: str | None = None,
) -> Commit:
    title = message.partition("\n")[0] if subject is None else subject
    return Commit(sha * 40, "2026-01-01T00:00:00Z", author, title, committer or author, message)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (ANN, ANN),
        ("  Ann   <ann@example.org> ", ANN),
        ("Ann <12345+ann-x@users.noreply.github.com>", "@ann-x"),
        ("Ann <ann@users.noreply.github.com>", "@ann"),
        ("Ann <7-ann.b@users.noreply.gitlab.com>", "@ann.b"),
        ("dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>", "@dependabot[bot]"),
        ("Ann <>", "Ann <>"),
        ("<ann@example.org>", "<ann@example.org>"),
        ("@ann", "@ann"),
        ("Ann  B", "Ann B"),
        ("", ""),
    ],
)
def test_a_person_in_one_form(text: str, shown: str) -> None:
    assert person(text) == shown


def test_a_commit_pushed_directly_is_its_authors() -> None:
    assert people_of(commit()) == People(ANN, merged_by=ANN, merged_by_source="commit")


@pytest.mark.parametrize(
    "forge", ["GitHub <noreply@github.com>", "GitHub Enterprise <noreply@ghe.example.org>"]
)
def test_the_forge_itself_merges_nothing(forge: str) -> None:
    assert people_of(commit(committer=forge)).merged_by is None
    assert (
        people_of(commit(committer=forge), None, RecordedPeople(merged_by="@cy")).merged_by == "@cy"
    )
    assert (
        people_of(commit(committer="No Reply <noreply@example.org>")).merged_by
        == "No Reply <noreply@example.org>"
    )


def test_a_true_merge_is_its_authors_merge_of_the_newest_commits_authors_work() -> None:
    merge = commit(CY, "Merge pull request #9 from a/b", committer="GitHub <noreply@github.com>")
    newest, older = (
        commit(BOB, "Two\n\nCo-authored-by: Ann A <ANN@example.org>", sha="2"),
        commit(ANN, sha="3"),
    )
    found = people_of(merge, [newest, older, commit(BOB, sha="4")])
    assert found == People(BOB, (ANN,), CY, "commit", (), None, 9, "message")
    assert people_of(merge, []) == People(CY, (), CY, "commit", (), None, 9, "message"), (
        "what the merge itself did is its author's"
    )


def test_squashed_bodies_bury_their_trailers() -> None:
    message = (
        "Promote (#7)\n\n* one\n\n* co-authored-by: Bob <bob@example.org>\n  Co-Authored-By: Ann"
        " <ann@example.org>\n\nReviewed-by: Cy <cy@example.org>\n- Approved-by:"
        " @dee\nApproved-by:\nNot Approved-by: me\nReviewed-by: Cy Z"
        " <CY@example.org>\nCo-authored-by: Dee <1+dee@users.noreply.github.com>\n"
    )
    found = people_of(commit(ANN, message))
    assert found.co_authors == (BOB, "@dee")
    assert found.approved_by == (CY, "@dee") and found.approved_by_source == "message"
    assert found.pull_request == 7 and found.pull_request_source == "message"


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ('Revert "Promote (#7)" (#8)', 8),
        ("Merge pull request #9 from a/b", 9),
        ("Merge pull request #9000000000000000000000", None),
        ("Body: Merge pull request #9", None),
        (f"Promote (#{'9' * 5000})", None),
        (f"Promote (#7) (#{'9' * 5000})", None),
        ('Revert "Promote (#7)"', None),
        ("Promote (#\u0667)", None),
    ],
)
def test_the_number_that_a_subject_claims(subject: str, number: int | None) -> None:
    assert commit(message=subject).pull_request == number


def test_what_a_receipt_looked_up_counts_more_than_what_is_claimed() -> None:
    claimed = commit(message="Promote (#7)\n\nApproved-by: Mallory <m@example.org>")
    looked = people_of(claimed, None, RecordedPeople(12, "api", None, ()))
    assert (looked.approved_by, looked.approved_by_source) == (
        (),
        "receipt",
    ), "it looked, and nobody had approved"
    assert (looked.pull_request, looked.pull_request_source) == (12, "api")
    assert people_of(claimed, None, RecordedPeople(None, "api")).pull_request is None
    not_looked = people_of(claimed, None, RecordedPeople(7, "message", None, ()))
    assert (not_looked.approved_by, not_looked.approved_by_source) == (
        ("Mallory <m@example.org>",),
        "message",
    )
