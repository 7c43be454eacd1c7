"""What GitHub does not know yet is asked again, a few times; what it never learns is not waited for
twice."""

from __future__ import annotations

import json

import pytest

from mlflow_gitops.errors import ForgeFailure
from tests.support.github.desk import FILE, PAUSES, Desk

UNKNOWN_HEADS = {
    "blank": [
        {"resource": "PullRequest", "field": "head_sha", "code": "missing_field"},
        {"resource": "PullRequest", "code": "custom", "message": "No commits between main and x"},
    ],
    "unknown": [{"resource": "PullRequest", "field": "head", "code": "invalid"}],
    "not readable": [
        {"resource": "PullRequest", "code": "custom", "message": "not all refs are readable"}
    ],
}


def refused(errors: list[dict[str, str]]) -> str:
    return json.dumps({"message": "Validation Failed", "errors": errors})


@pytest.mark.parametrize("kind", UNKNOWN_HEADS)
def test_a_branch_that_was_just_pushed(desk: Desk, kind: str) -> None:
    desk.branch("promote", "two\n")
    body = refused(UNKNOWN_HEADS[kind])
    desk.api.send("POST .*/pulls$", body, 422, times=len(PAUSES))
    assert desk.github().open_pull_request("promote", "Ours", "text", "main").endswith("/pull/1")

    desk.branch("other", "three\n")
    desk.api.requests.clear()
    desk.api.send("POST .*/pulls$", body, 422, times=99)
    with pytest.raises(ForgeFailure, match="422"):
        desk.github().open_pull_request("other", "Ours", "text", "main")
    assert desk.api.asked("POST .*/pulls$") == len(PAUSES) + 1


@pytest.mark.parametrize(
    "errors",
    [
        [{"code": "custom", "message": "A pull request already exists for acme:promote."}],
        [{"code": "custom", "message": "No commits between main and promote"}],
        [{"field": "base", "code": "invalid"}],
    ],
)
def test_other_refusals_are_final(desk: Desk, errors: list[dict[str, str]]) -> None:
    desk.branch("promote", "two\n")
    desk.api.send("POST .*/pulls$", refused(errors), 422, times=99)
    with pytest.raises(ForgeFailure, match="422"):
        desk.github().open_pull_request("promote", "Ours", "text", "main")
    assert desk.api.asked("POST .*/pulls$") == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("commits/[0-9a-f]+/pulls", "[]", 200),
        ("commits/[0-9a-f]+/pulls", '{"message": "No commit found for SHA"}', 422),
        ("pulls/1$", "without its merge commit", 200),
    ],
)
def test_a_pull_request_that_was_just_merged(desk: Desk, path: str, body: str, status: int) -> None:
    desk.branch("promote", "two\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob")
    merge = desk.repo.merge(pull.number, "merge", by="carol")
    tip = desk.pull()
    if body.startswith("without"):
        whole = desk.api.answer("GET", "/repos/acme/models/pulls/1", "actions-token", {})[2]
        assert whole["merge_commit_sha"] == merge
        body = json.dumps({**whole, "merge_commit_sha": None})
    desk.api.send(f"GET .*/{path}", body, status, times=2)
    assert desk.asked().of_merged(tip, FILE).by == ("@bob",)


def test_what_never_comes_is_waited_for_once(desk: Desk) -> None:
    for number in (7, 8, 9):
        desk.commit(f"{number}\n", f"Pushed by hand (#{number})")
    desk.push("main")
    tip = desk.pull()
    asked = desk.asked()
    for sha in (tip, f"{tip}~1", f"{tip}~2"):
        assert asked.of_merged(desk.git("rev-parse", sha), FILE).pull_request is None
    assert desk.api.asked(f"GET .*/commits/{tip}/pulls") >= len(PAUSES) + 1
    third = desk.git("rev-parse", f"{tip}~2")
    assert desk.api.asked(f"GET .*/commits/{third}/pulls") == 1


def test_a_commit_that_names_no_pull_request_is_not_waited_for(desk: Desk) -> None:
    desk.commit("two\n", "Pushed by hand")
    desk.push("main")
    tip = desk.pull()
    assert desk.asked().of_merged(tip, FILE).pull_request is None
    assert desk.api.asked(f"GET .*/commits/{tip}/pulls") == 1
