"""One GraphQL query in place of five REST requests: it decides nothing that REST would not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from mlflow_gitops.edges.github.graph.query import OF_COMMIT, PAGE
from mlflow_gitops.errors import ForgeFailure
from tests.support.github.desk import FILE, Desk
from tests.support.github_state import Method, Pull


def approved(desk: Desk) -> Pull:
    desk.branch("promote", "one\n", "two\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob")
    return pull


def committed_by_a_bot(desk: Desk) -> None:
    desk.repo.user("ci[bot]", kind="Bot", mails=("ci@example.org",))
    desk.commit("three\n", who="ci")
    desk.push("promote")
    desk.repo.review(1, "bob")


def committed_by_nobody(desk: Desk) -> None:
    desk.commit("three\n", who="unknown")
    desk.push("promote")
    desk.repo.review(1, "bob")


def reviewed_by_a_bot(desk: Desk) -> None:
    desk.repo.user("ci[bot]", "write", kind="Bot")
    desk.repo.review(1, "ci[bot]")


def co_authored_by_the_reviewers_address(desk: Desk) -> None:
    desk.repo.user("bob", "write", email="bob@private.example", mails=("bob@example.org",))
    desk.commit("three\n", "Step\n\nCo-authored-by: Bob <bob@private.example>")
    desk.push("promote")
    desk.repo.review(1, "bob")


def many_reviews(desk: Desk) -> None:
    for _ in range(PAGE):
        desk.repo.review(1, "carol", "COMMENTED")
    desk.repo.review(1, "bob", "CHANGES_REQUESTED")


def a_ghosts_review(desk: Desk) -> None:
    desk.repo.review(1, "carol", "CHANGES_REQUESTED").user = None


def no_permission(desk: Desk) -> None:
    desk.repo.user("bob", "read", mails=("bob@example.org",))


def nothing_more(desk: Desk) -> None:
    pass


@pytest.mark.parametrize(
    ("history", "method"),
    [
        (committed_by_a_bot, "merge"),
        (committed_by_nobody, "squash"),
        (reviewed_by_a_bot, "rebase"),
        (co_authored_by_the_reviewers_address, "squash"),
        (many_reviews, "merge"),
        (a_ghosts_review, "rebase"),
        (no_permission, "squash"),
        (nothing_more, "merge"),
        (nothing_more, "rebase"),
    ],
)
def test_both_ways_to_read_say_the_same(
    desk: Desk, history: Callable[[Desk], None], method: Method
) -> None:
    pull = approved(desk)
    history(desk)
    head = desk.repo.pull(1).head
    opened = desk.asked().of_open(head, FILE)
    desk.refuse_graphql()
    assert desk.asked().of_open(head, FILE) == opened
    desk.api.repair()
    desk.repo.merge(pull.number, method, by="carol")
    tip = desk.pull()
    merged = desk.asked().of_merged(tip, FILE)
    desk.refuse_graphql()
    assert desk.asked().of_merged(tip, FILE) == merged


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "{",
        "[]",
        '{"data": null}',
        '{"data": {"repository": {"object": {}}}}',
        '{"errors": [{"type": "FORBIDDEN", "message": "no"}], "data": {"repository": null}}',
        '{"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}',
    ],
)
def test_what_graphql_does_not_answer_is_read_by_rest(desk: Desk, body: str) -> None:
    pull = approved(desk)
    desk.repo.merge(pull.number, "squash", by="carol")
    tip = desk.pull()
    desk.api.send("POST /graphql", body, times=9)
    asked = desk.asked()
    assert asked.of_merged(tip, FILE).by == ("@bob",)
    assert desk.api.asked("POST /graphql") == 1, "it is not asked again"
    desk.api.fail("GET .*/reviews", 404, "Not Found", times=9)
    with pytest.raises(ForgeFailure):
        desk.asked().of_merged(tip, FILE)


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("baseRefName", "release"),
        ("baseRepository", {"nameWithOwner": "mallory/models"}),
        ("mergeCommit", {"oid": "0" * 40}),
        ("mergeCommit", None),
        ("mergedAt", None),
        ("author", None),
    ],
)
def test_another_pull_request_is_not_taken_for_it(desk: Desk, field: str, other: object) -> None:
    """What GraphQL associates with a commit must be merged here and have made it."""
    pull = approved(desk)
    desk.repo.merge(pull.number, "squash", by="carol")
    tip = desk.pull()
    variables = {"owner": "acme", "name": "models", "sha": tip, "comments": False}
    query = {"query": OF_COMMIT, "variables": variables}
    _, _, answer = desk.api.answer("POST", "/graphql", "actions-token", query)
    [found] = answer["data"]["repository"]["object"]["associatedPullRequests"]["nodes"]
    found[field] = other
    desk.api.send("POST /graphql", json.dumps(answer), times=9)
    desk.api.send("GET .*/commits/.*/pulls", "[]", times=9)
    assert desk.asked().of_merged(tip, FILE).by == ()


def test_a_comment_that_was_deleted_since_it_was_read_is_written_again(desk: Desk) -> None:
    pull = approved(desk)
    desk.github().comment(pull.number, "plan", "before")
    github = desk.github()
    assert github.pull_request_at(pull.head, "main") is not None
    pull.comments.clear()
    github.comment(pull.number, "plan", "after")
    [comment] = pull.comments
    assert "after" in comment.body
