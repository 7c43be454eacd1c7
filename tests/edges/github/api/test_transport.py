"""Answers that are not GitHub's, or have not all that GitHub documents: they are reported in words,
and nothing is concluded from them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlflow_gitops.edges.github.api.transport import API_VERSION
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.errors import ForgeFailure
from tests.support.github.desk import FILE, Desk

HTML = "<!DOCTYPE html><html><body>Sign in to the proxy</body></html>"
BODIES = ["", "  \n", HTML, '{"data": {"viewer"', '[{"number": 1', "null", '"ok"', "17", "\x00"]

Read = Callable[[Desk], object]
READS: dict[str, tuple[str, Read]] = {
    "statuses": ("GET .*/status", lambda desk: desk.github().statuses("main")),
    "a status": (
        "POST .*/statuses",
        lambda desk: desk.github().set_status(desk.repo.tip("main"), "x", "success", "done"),
    ),
    "pull requests": ("GET .*/pulls", lambda desk: desk.github().open_pull_requests("a", "main")),
    "the branch": ("GET /repos/acme/models$", lambda desk: desk.github().default_branch),
    "a comment": ("POST /graphql", lambda desk: desk.github().issue("drift", "t", "b")),
    "the token": (
        "POST /graphql",
        lambda desk: GitHubConnection("acme/models", "actions-token", desk.api.url).login,
    ),
}


@pytest.mark.parametrize("read", READS)
def test_an_answer_that_is_no_json_is_a_failure(desk: Desk, read: str) -> None:
    pattern, call = READS[read]
    for body in BODIES:
        desk.api.send(pattern, body)
        with pytest.raises(ForgeFailure) as failed:
            call(desk)
        assert desk.api.url in str(failed.value) and "\n" not in str(failed.value)
        assert "Check GITHUB_API_URL and any proxy" in failed.value.fix


def test_an_error_may_have_any_body(desk: Desk) -> None:
    for status in (400, 401, 403, 404, 422, 501):
        for body in (*BODIES, "[]", '{"message": null}', '{"message": {"a": 1}}'):
            desk.api.send("GET .*/status", body, status)
            with pytest.raises(ForgeFailure) as failed:
                desk.github().statuses("main")
            assert failed.value.status == status


def test_no_answer_is_not_taken_for_no_pull_request(desk: Desk) -> None:
    desk.branch("promote", "two\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob")
    desk.repo.merge(pull.number, "squash", by="carol")
    tip = desk.pull()
    desk.refuse_graphql()
    for path in (f"commits/{tip}/pulls", "pulls/1$", "pulls/1/commits", "pulls/1/reviews"):
        for body in ("", HTML, "{", '{"message": "cut'):
            desk.api.send(f"GET .*/{path}", body, times=1)
            with pytest.raises(ForgeFailure, match="did not answer as GitHub does"):
                desk.asked().of_merged(tip, FILE)


@pytest.mark.parametrize(
    "location",
    ["https://127.0.0.1:{port}/x", "http://github.example/x", "//github.example/x", "http://[/x"],
)
def test_the_token_does_not_follow_to_another_host(desk: Desk, location: str) -> None:
    location = location.replace("{port}", desk.api.url.rpartition(":")[2])
    for status in (301, 302, 307, 308):
        desk.api.fail("GET .*/status", status, "Moved", Location=location)
        with pytest.raises(ForgeFailure, match="GITHUB_API_URL"):
            desk.github().statuses("main")


@pytest.mark.parametrize("empty", ["{}", "null", "{ }"])
def test_a_commit_whose_author_has_no_account(desk: Desk, empty: str) -> None:
    """GitHub's description allows an empty object as well as null."""
    desk.branch("promote", "two\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob")
    desk.repo.merge(pull.number, "merge", by="carol")
    tip = desk.pull()
    desk.refuse_graphql()
    commit = (
        '[{"sha": "HEAD", "parents": [{"sha": "x"}], "author": EMPTY, "committer": EMPTY,'
        ' "commit": {"message": "m", "author": null, "committer": null}}]'
    )
    desk.api.send(
        "GET .*/pulls/1/commits", commit.replace("EMPTY", empty).replace("HEAD", pull.head)
    )
    assert desk.asked().of_merged(tip, FILE).by == ("@bob",)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("pulls/1/commits", "[]"),
        ("pulls/1/commits", "{}"),
        ("pulls/1/commits", '[{"sha": "a"}]'),
        ("pulls/1$", '{"number": 1}'),
        ("pulls/1/reviews", '[{"state": null, "user": 7}]'),
        ("activity", "{}"),
        ("activity", '{"message": "x"}'),
        ("activity", "[1]"),
        ("users/bob", "[]"),
    ],
)
def test_missing_fields_never_approve(desk: Desk, path: str, body: str) -> None:
    desk.branch("promote", "two\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob")
    desk.repo.merge(pull.number, "squash", by="carol")
    tip = desk.pull()
    desk.refuse_graphql()
    desk.api.send(f"GET .*/{path}", body, times=9)
    try:
        approved = desk.asked().of_merged(tip, FILE).by
    except ForgeFailure:
        approved = ()
    assert approved == ()


def test_reviews_that_are_not_submitted_do_not_hide_others(desk: Desk) -> None:
    desk.branch("promote", "two\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob")
    desk.repo.review(pull.number, "bob", "PENDING")
    desk.repo.review(pull.number, "carol", "PENDING")
    desk.repo.merge(pull.number, "squash", by="carol")
    approved = desk.asked().of_merged(desk.pull(), FILE)
    assert (approved.by, approved.not_counted) == (("@bob",), ())


@pytest.mark.parametrize("reviewers", [("gone", "bob"), ("bob", "gone"), ("gone", "x", "bob")])
def test_a_reviewer_whose_account_is_gone(desk: Desk, reviewers: tuple[str, ...]) -> None:
    desk.branch("promote", "two\n")
    pull = desk.repo.open_pull("promote", user="alice")
    for login in reviewers:
        desk.repo.review(pull.number, login)
    desk.repo.merge(pull.number, "squash", by="carol")
    approved = desk.asked().of_merged(desk.pull(), FILE)
    assert approved.by == ("@bob",)
    assert "@gone has an account that the forge no longer finds" in approved.not_counted


def test_the_version_of_the_api_is_pinned(desk: Desk) -> None:
    desk.github().statuses("main")
    desk.github().issue("drift", "Drift", "page")
    assert desk.api.versions == {API_VERSION}
