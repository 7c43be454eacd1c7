"""Whose approval counts (RULES R3), row by row: one pull request, one thing different each time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mlflow_gitops.core.gates.change_approvals import Approvals
from mlflow_gitops.core.history.approvals import (
    Review,
    ReviewedPullRequest,
    Reviewer,
    approvals,
    co_authors,
    makers,
)

HEAD, SAME, OLD, GONE = "h" * 40, "s" * 40, "o" * 40, "g" * 40
BLOBS = {HEAD: "blob", SAME: "blob", OLD: "another blob"}
"""The manifest at each head that the pull request had. What came after SAME touched other files
alone; GONE was pushed away."""

PEOPLE = {
    "bob": Reviewer(True, "write"),
    "carol": Reviewer(True, "admin"),
    "dora": Reviewer(True, "maintain"),
    "reader": Reviewer(True, "read"),
    "triager": Reviewer(True, "triage"),
    "outsider": Reviewer(True, "none"),
    "robot[bot]": Reviewer(False, "write"),
    "hidden": Reviewer(True, "write", frozenset({"hidden@example.org"})),
}
PULL = ReviewedPullRequest(
    12,
    HEAD,
    "alice",
    makers([(["alice", "alice@example.org"], ["web-flow", "noreply@github.com"], "")]),
)


def approved(author: str | None, commit: str | None = HEAD, state: str = "APPROVED") -> Review:
    return Review(author, state, commit)


def asked(pull: ReviewedPullRequest, *reviews: Review) -> Approvals:
    return approvals(replace(pull, reviews=reviews), PEOPLE.__getitem__, BLOBS.get)


def counts(*logins: str) -> Approvals:
    return Approvals(logins, (), 12)


def does_not(*why: str) -> Approvals:
    return Approvals((), why, 12)


@pytest.mark.parametrize(
    ("reviews", "told"),
    [
        ([], does_not("nobody has reviewed #12")),
        ([approved("bob")], counts("@bob")),
        ([approved("bob"), approved("carol"), approved("dora")], counts("@bob", "@carol", "@dora")),
        ([approved("bob"), approved("bob")], counts("@bob")),
        # write permission
        ([approved("reader")], does_not("@reader has no write permission (read)")),
        ([approved("triager")], does_not("@triager has no write permission (triage)")),
        ([approved("outsider")], does_not("@outsider has no write permission (none)")),
        # a person
        ([approved("robot[bot]")], does_not("@robot[bot] is no person")),
        ([approved(None)], does_not("nobody has reviewed #12")),
        # the latest review, approving, not dismissed
        (
            [approved("bob"), approved("bob", state="CHANGES_REQUESTED")],
            does_not("@bob asks for changes"),
        ),
        ([approved("bob", state="CHANGES_REQUESTED"), approved("bob")], counts("@bob")),
        ([approved("bob"), approved("bob", state="COMMENTED")], counts("@bob")),
        ([approved("bob", state="COMMENTED")], does_not("nobody has reviewed #12")),
        (
            [approved("bob", state="DISMISSED")],
            does_not("@bob has given a review that was dismissed"),
        ),
        (
            [approved("bob"), approved("bob", state="DISMISSED")],
            does_not("@bob has given a review that was dismissed"),
        ),
        ([approved("bob", state="DISMISSED"), approved("bob")], counts("@bob")),
        ([approved("bob", state="PENDING")], does_not("@bob has not approved (pending)")),
        # on the merged head, or a head with the same blob of this manifest
        ([approved("bob", SAME)], counts("@bob")),
        ([approved("bob", OLD)], does_not("@bob approved an older version of this manifest")),
        ([approved("bob", GONE)], does_not("@bob approved an older version of this manifest")),
        ([approved("bob", None)], does_not("@bob approved an older version of this manifest")),
        (
            [approved("bob", HEAD), approved("bob", OLD)],
            does_not("@bob approved an older version of this manifest"),
        ),
        # each for himself
        (
            [approved("bob"), approved("reader")],
            Approvals(("@bob",), ("@reader has no write permission (read)",), 12),
        ),
        (
            [approved("dora"), approved("bob", state="CHANGES_REQUESTED")],
            Approvals(("@dora",), ("@bob asks for changes",), 12, objections=("@bob",)),
        ),
    ],
)
def test_a_review(reviews: list[Review], told: Approvals) -> None:
    assert asked(PULL, *reviews) == told


@pytest.mark.parametrize(
    ("reviewer", "commit", "why"),
    [
        ("alice", ([], [], ""), "opened the pull request"),
        ("ALICE", ([], [], ""), "opened the pull request"),
        ("bob", (["bob"], [], ""), "is an author of it"),
        ("bob", (["Bob"], [], ""), "is an author of it"),
        ("bob", (["1+bob@users.noreply.github.com"], [], ""), "is an author of it"),
        ("bob", ([], ["bob"], ""), "committed to it"),
        ("bob", ([], ["bob@users.noreply.github.com"], ""), "committed to it"),
        (
            "bob",
            ([], [], "x\n\nCo-authored-by: Bob <7+bob@users.noreply.github.com>"),
            "is a co-author of it",
        ),
        (
            "bob",
            ([], [], "* co-authored-by: Bob <7+Bob@users.noreply.github.com>\n\nmore"),
            "is a co-author of it",
        ),
        ("hidden", (["Hidden@example.org"], [], ""), "is an author of it"),
        ("hidden", ([], [], "Co-authored-by: H <hidden@example.org>"), "is a co-author of it"),
    ],
)
def test_whoever_made_it_does_not_approve_it(
    reviewer: str, commit: tuple[list[str], list[str], str], why: str
) -> None:
    pull = replace(PULL, makers=makers([(["carol"], ["carol"], ""), commit]))
    assert asked(pull, approved(reviewer)) == does_not(f"@{reviewer} {why}")


def test_whoever_started_the_workflow_that_opened_it_does_not_approve_it() -> None:
    pull = replace(PULL, opened_by="github-actions[bot]", dispatched_by=frozenset({"bob"}))
    assert asked(pull, approved("Bob"), approved("carol")) == Approvals(
        ("@carol",), ("@Bob started the workflow that opened it",), 12
    )


def test_only_what_matters_is_asked() -> None:
    def nobody(login: str) -> Reviewer:
        raise AssertionError(login)

    def nothing(commit: str) -> str | None:
        raise AssertionError(commit)

    pull = replace(PULL, reviews=(approved("alice"), approved("bob", state="CHANGES_REQUESTED")))
    assert approvals(pull, nobody, nothing).by == ()
    pull = replace(PULL, reviews=(approved("bob"),))
    assert approvals(pull, PEOPLE.__getitem__, nothing).by == ("@bob",)


def test_co_authors_are_found_wherever_they_stand() -> None:
    message = (
        "Squash (#3)\n\n* one\n\nCo-authored-by: B <b@example.org>\n\n* two\n\n- co-authored-by: C"
        " <c@example.org>  \n"
    )
    assert list(co_authors(message)) == ["B <b@example.org>", "C <c@example.org>"]


def test_the_first_thing_that_somebody_did_is_told() -> None:
    made: Mapping[str, str] = makers(
        [(["a"], ["b"], "Co-authored-by: A <1+a@users.noreply.github.com>")]
    )
    assert made == {
        "a": "is an author of it",
        "b": "committed to it",
        "1+a@users.noreply.github.com": "is a co-author of it",
    }


@pytest.mark.parametrize(
    "mail",
    [
        "7+bob@users.noreply.github.com",
        "bob@users.noreply.ghe.example.org",
        "7+Bob@users.noreply.acme.ghe.com",
        "7+bob@USERS.NOREPLY.git.corp",
        "bob@users.noreply.localhost",
    ],
)
def test_a_noreply_address_names_a_login_on_any_host(mail: str) -> None:
    for commit in (
        ([mail], [], ""),
        ([], [mail], ""),
        ([], [], f"x\n\nCo-authored-by: B <{mail}>"),
    ):
        pull = replace(PULL, makers=makers([(["carol"], ["carol"], ""), commit]))
        assert not asked(pull, approved("bob")).by
    assert asked(PULL, approved("bob")).by == ("@bob",)
