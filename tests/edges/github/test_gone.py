"""Forks and accounts that were deleted: GitHub answers null for them, also where its description
says otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_gitops.errors import ForgeFailure
from tests.support.github.desk import FILE, Desk


def without(*fields: str) -> Any:
    """A change of answers: these fields are null, at any depth."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(entry) for entry in value]
        if isinstance(value, dict):
            return {
                name: None if name in fields else changed(entry) for name, entry in value.items()
            }
        return value

    return changed


def from_a_fork(desk: Desk) -> str:
    """A pull request of mallory's fork that bob approves; the merged commit."""
    desk.repo.user("mallory", mails=("mallory@example.org",))
    desk.git("checkout", "-q", "-B", "promote", "origin/main")
    desk.commit("second\n", who="mallory")
    fork = desk.repo.fork_path("mallory")
    desk.git("push", "-q", str(fork), "HEAD:refs/heads/promote")
    number = desk.repo.open_pull("promote", user="mallory", fork="mallory").number
    desk.repo.review(number, "bob")
    desk.repo.merge(number, "squash", by="carol")
    return desk.pull()


@pytest.mark.parametrize("by_graphql", [True, False])
def test_a_fork_that_was_deleted(desk: Desk, by_graphql: bool) -> None:
    sha = from_a_fork(desk)
    if not by_graphql:
        desk.refuse_graphql()

    def alter(method: str, target: str, status: int, answer: Any) -> Any:
        if target == "/graphql":
            return without("headRepository")(answer)
        for pull in answer if isinstance(answer, list) else [answer]:
            if isinstance(pull, dict) and isinstance(pull.get("head"), dict):
                pull["head"]["repo"] = None
        return answer

    desk.api.alter = alter
    assert desk.asked().of_merged(sha, FILE).by == ("@bob",)


@pytest.mark.parametrize("gone", ["opener", "reviewer", "merger"])
@pytest.mark.parametrize("by_graphql", [True, False])
def test_an_account_that_was_deleted(desk: Desk, gone: str, by_graphql: bool) -> None:
    """Without the opener, the approval may be their own; what the merger did is not judged."""
    sha = from_a_fork(desk)
    if not by_graphql:
        desk.refuse_graphql()

    def alter(method: str, target: str, status: int, answer: Any) -> Any:
        pulls = answer if isinstance(answer, list) else [answer]
        for entry in pulls if isinstance(pulls[0], dict) else ():
            if gone == "opener" and "head" in entry:
                entry["user"] = None
            elif gone == "merger" and "head" in entry and "merged_by" in entry:
                entry["merged_by"] = None
            elif gone == "reviewer" and "pull_request_url" in entry:
                entry["user"] = None
        field = {"opener": "author", "reviewer": "author", "merger": "mergedBy"}[gone]
        return without(field)(answer) if target == "/graphql" else answer

    desk.api.alter = alter
    try:
        by = desk.asked().of_merged(sha, FILE).by
    except ForgeFailure as failure:
        assert gone == "opener" and "does not name who opened #1" in str(failure)
    else:
        assert by == (("@bob",) if gone == "merger" else ())


@pytest.mark.parametrize("role", ["actor", "triggering_actor"])
@pytest.mark.parametrize("is_missing", [True, False])
def test_who_started_the_workflow_must_be_named(desk: Desk, role: str, is_missing: bool) -> None:
    """GitHub's description lets both be missing. The reviewer may be the one."""
    desk.branch("promote", "second\n")
    desk.repo.open_pull("promote", user="github-actions[bot]")
    desk.repo.run("promote", "workflow_dispatch", "bob", began=30.0)
    desk.repo.review(1, "bob")
    desk.repo.merge(1, "squash", by="carol")
    sha = desk.pull()

    def alter(method: str, target: str, status: int, answer: Any) -> Any:
        if "/actions/runs" in target:
            for run in answer.get("workflow_runs", [answer]):
                del run[role]
                run |= {} if is_missing else {role: None}
        return answer

    desk.api.alter = alter
    with pytest.raises(ForgeFailure, match="does not name who started the workflow run"):
        desk.asked().of_merged(sha, FILE)


@pytest.mark.parametrize("pushers", [("bob",), ("alice", "bob"), ("bob", "alice")])
def test_who_pushed_must_be_named(desk: Desk, pushers: tuple[str, ...]) -> None:
    desk.git("checkout", "-q", "-B", "promote", "origin/main")
    for number, login in enumerate(pushers):
        desk.commit(f"step {number}\n")
        desk.push("promote")
        desk.repo.pushed("promote", login)
    desk.repo.open_pull("promote", user="alice")
    desk.repo.review(1, "bob")
    desk.repo.merge(1, "squash", by="carol")
    sha = desk.pull()
    assert desk.asked().of_merged(sha, FILE).by == ()

    def alter(method: str, target: str, status: int, answer: Any) -> Any:
        for entry in answer if "/activity" in target else []:
            if entry["actor"]["login"] == "bob":
                entry["actor"] = None
        return answer

    desk.api.alter = alter
    with pytest.raises(ForgeFailure, match="does not name the account that pushed"):
        desk.asked().of_merged(sha, FILE)


@pytest.mark.parametrize(
    ("where", "field"),
    [
        ("head", "sha"),
        ("head", "ref"),
        ("repo", "full_name"),
        ("user", "type"),
        ("commits", "sha"),
    ],
)
def test_a_pull_request_without_what_shows_its_makers_is_no_answer(
    desk: Desk, where: str, field: str
) -> None:
    desk.branch("promote", "second\n")
    desk.repo.pushed("promote", "bob")
    desk.repo.open_pull("promote", user="alice")
    desk.repo.review(1, "bob")
    desk.repo.merge(1, "squash", by="carol")
    sha = desk.pull()
    desk.refuse_graphql()

    def alter(method: str, target: str, status: int, answer: Any) -> Any:
        if where == "commits" and "/pulls/1/commits" in target:
            return without(field)(answer)
        for entry in answer if isinstance(answer, list) else [answer]:
            if isinstance(entry, dict) and "merge_commit_sha" in entry:
                parts = {"head": entry["head"], "user": entry["user"]}
                parts["repo"] = parts["head"]["repo"]
                if where in parts:
                    parts[where][field] = None
        return answer

    desk.api.alter = alter
    with pytest.raises(ForgeFailure, match="did not answer as GitHub does"):
        desk.asked().of_merged(sha, FILE)


@pytest.mark.parametrize("body", ["[{}]", '[{"number": "x"}]', '[{"url": null}]'])
def test_an_answer_without_addresses_is_none_of_github(desk: Desk, body: str) -> None:
    sha = from_a_fork(desk)
    desk.refuse_graphql()
    desk.api.send("/commits/[0-9a-f]+/pulls", body, times=10)
    with pytest.raises(ForgeFailure, match="did not answer as GitHub does"):
        desk.asked().of_merged(sha, FILE)
