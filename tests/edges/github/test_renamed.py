"""A repository that was renamed or transferred, while the job and the remote know its old name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_gitops.edges.forge import CommitStatus
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.forge import GitHub
from mlflow_gitops.errors import ForgeFailure
from tests.support.github.desk import FILE, Desk

OLD = "acme/models"
NEW_NAMES = ("acme/registry", "acme-new/models", "other/thing.x")


def by_its_old_name(desk: Desk) -> GitHub:
    return GitHub(GitHubConnection(OLD, "actions-token", desk.api.url))


@pytest.fixture(params=NEW_NAMES)
def renamed(desk: Desk, request: pytest.FixtureRequest) -> Desk:
    desk.branch("promote", "two\n")
    stranger = desk.repo.open_pull("promote", "A promotion", user="alice", body="by alice")
    assert stranger.number == 1
    desk.branch("ours", "three\n")
    desk.repo.rename(request.param)
    desk.api.requests.clear()
    return desk


def test_our_pull_request_is_opened_and_no_other_is_touched(renamed: Desk) -> None:
    github = by_its_old_name(renamed)
    url = github.open_pull_request("ours", "Ours", "text", "main")
    assert url == f"https://github.test/{renamed.repo.full_name}/pull/2"
    assert github.open_pull_request("ours", "Ours again", "text", "main") == url
    assert (renamed.repo.pull(2).title, renamed.repo.pull(2).head_ref) == ("Ours again", "ours")
    assert (renamed.repo.pull(1).title, renamed.repo.pull(1).body) == ("A promotion", "by alice")


def test_what_is_written_arrives(renamed: Desk) -> None:
    github = by_its_old_name(renamed)
    head = renamed.repo.pull(1).head
    github.set_status(head, "mlflow-gitops/plan", "success", "2 changes", "https://x.test/1")
    assert github.statuses(head) == {
        "mlflow-gitops/plan": CommitStatus("success", "https://x.test/1")
    }
    assert github.comment(1, "plan", "page") and len(renamed.repo.pull(1).comments) == 1
    assert github.issue("drift", "Drift", "page")
    assert github.issue("drift", "Drift", None) is None
    assert [issue.state for issue in renamed.repo.issues.values()][-1] == "closed"


def test_pull_requests_are_ours(renamed: Desk) -> None:
    github = by_its_old_name(renamed)
    assert set(github.open_pull_requests("prom", "main")) == {"promote"}
    head = renamed.repo.pull(1).head
    found = github.pull_request_at(head, "main")
    assert found is not None and found.number == 1
    renamed.repo.close(1)
    assert [pull.number for pull in github.closed_pull_requests("promote", "main")] == [1]


def test_approvals_count(renamed: Desk) -> None:
    renamed.repo.review(1, "bob")
    renamed.repo.merge(1, "squash", by="carol")
    tip = renamed.pull()
    approved = renamed.asked(repository=OLD).of_merged(tip, FILE)
    assert (approved.pull_request, approved.by) == (1, ("@bob",))


def test_a_fork_of_the_old_name_is_another_repository(desk: Desk, tmp_path: Path) -> None:
    fork = desk.repo.fork_path("mallory")
    desk.branch("promote", "two\n")
    desk.git("push", "-q", str(fork), "HEAD:refs/heads/promote")
    desk.repo.open_pull("promote", "Mallory's", user="mallory", fork="mallory")
    desk.repo.rename("acme/registry")
    github = by_its_old_name(desk)
    assert github.open_pull_requests("promote", "main") == {}
    github.open_pull_request("promote", "Ours", "text", "main")
    assert desk.repo.pull(1).title == "Mallory's"


@pytest.mark.parametrize("listed", ["another branch", "a fork"])
def test_a_pull_request_that_is_not_ours_is_never_edited(desk: Desk, listed: str) -> None:
    """GitHub ignores a filter that it does not understand, and lists all open pull requests."""
    fork = "mallory" if listed == "a fork" else None
    branch = "ours" if fork else "theirs"
    desk.branch(branch, "two\n")
    if fork:
        desk.git("push", "-q", str(desk.repo.fork_path(fork)), f"HEAD:refs/heads/{branch}")
    desk.repo.open_pull(branch, "Theirs", user="alice", fork=fork)
    desk.branch("ours", "three\n")
    desk.api.ignored_filters = {"head"}
    desk.github().open_pull_request("ours", "Ours", "text", "main")
    assert [pull.title for pull in desk.repo.pulls()] == ["Theirs", "Ours"]


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (301, {"Location": "https://other.example/repos/x/statuses/1"}),
        (307, {"Location": "ftp://127.0.0.1/"}),
        (307, {}),
        (304, {}),
        (302, {"Location": "{url}/repos/acme/models/statuses/loop"}),
        (300, {}),
    ],
)
def test_a_write_that_is_not_done_is_a_failure(
    desk: Desk, status: int, headers: dict[str, str]
) -> None:
    headers = {key: value.replace("{url}", desk.api.url) for key, value in headers.items()}
    desk.api.fail("POST .*/statuses/", status, "Moved", **headers)
    loop = f"{desk.api.url}/repos/acme/models/statuses/loop"
    desk.api.fail("POST .*/loop", 302, "Moved", times=9, Location=loop)
    with pytest.raises(ForgeFailure) as failed:
        desk.github().set_status(desk.repo.tip("main"), "plan", "success", "done")
    assert "Set GITHUB_API_URL" in str(failed.value) or "Check GITHUB_API_URL" in str(failed.value)
    assert not desk.repo.statuses


def test_a_redirect_without_a_query_keeps_it(desk: Desk) -> None:
    desk.branch("promote", "two\n")
    desk.repo.open_pull("promote", "One", user="alice")
    moved = f"{desk.api.url}/repos/{OLD}/pulls"
    desk.api.fail(r"GET .*/pulls\?", 301, "Moved Permanently", Location=moved)
    assert desk.github().open_pull_requests("promote", "other") == {}
    assert "base=other" in desk.api.requests[-1][1]
