"""Who had a hand in a pull request: what cannot be read does not count as nobody."""

from __future__ import annotations

import pytest

from mlflow_gitops.edges.github import contributors
from mlflow_gitops.errors import ForgeFailure
from tests.support.github.desk import FILE, Desk


def approved_after(desk: Desk, fork: str | None = None) -> tuple[str, ...]:
    """Whose approval counts of a pull request that bob pushed under alice's name and approves."""
    head = desk.branch("promote", "two\n")
    if fork:
        desk.git("push", "-q", str(desk.repo.fork_path(fork)), "HEAD:refs/heads/promote")
    pull = desk.repo.open_pull("promote", user="alice", fork=fork)
    desk.repo.pushed("promote", "bob")
    desk.repo.review(pull.number, "bob")
    return desk.asked().of_open(head, FILE).by


@pytest.mark.parametrize("status", [403, 404, 409, 410, 422, 500])
def test_pushes_that_cannot_be_read_approve_nothing(desk: Desk, status: int) -> None:
    desk.api.fail("GET .*/activity", status, "Not Found", times=99)
    with pytest.raises(ForgeFailure, match="who pushed promote"):
        approved_after(desk)


@pytest.mark.parametrize("version", ["3.9.4", "3.0", "2.22.0"])
def test_an_old_enterprise_server_lists_no_pushes(desk: Desk, version: str) -> None:
    desk.api.fail("GET .*/activity", 404, times=9, X_GitHub_Enterprise_Version=version)
    assert approved_after(desk) == ("@bob",)


@pytest.mark.parametrize("version", ["3.10.0", "3.19.1", "4.0", "", "x"])
def test_a_newer_enterprise_server_must_list_them(desk: Desk, version: str) -> None:
    desk.api.fail("GET .*/activity", 404, times=9, X_GitHub_Enterprise_Version=version)
    with pytest.raises(ForgeFailure, match="who pushed promote"):
        approved_after(desk)


@pytest.mark.parametrize("status", [403, 404])
def test_a_fork_may_be_hidden(desk: Desk, status: int) -> None:
    desk.api.fail("GET /repos/mallory/models/activity", status, "Not Found", times=9)
    assert approved_after(desk, fork="mallory") == ("@bob",)


@pytest.mark.parametrize("others", [0, 3, 5, 8])
def test_a_dispatch_behind_many_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    """GitHub gives a thousand results for a search; here it is three."""
    monkeypatch.setattr(contributors, "MAX_RESULTS", 3)
    desk.api.largest_search = 3
    desk.repo.run("propose", "workflow_dispatch", "bob", began=500.0, lasts=1000.0)
    for age in range(others):
        desk.repo.run("other", "workflow_dispatch", "carol", began=400.0 - 20 * age, lasts=1.0)
    head = desk.branch("promote", "two\n")
    pull = desk.repo.open_pull("promote", user="github-actions[bot]")
    desk.repo.review(pull.number, "bob")
    approved = desk.asked().of_open(head, FILE)
    assert approved.not_counted == ("@bob started the workflow that opened it",)


def test_more_dispatches_than_are_read_approve_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contributors, "MAX_RESULTS", 2)
    monkeypatch.setattr(contributors, "MAX_SEARCHES", 2)
    desk.api.largest_search = 2
    for age in range(9):
        desk.repo.run("other", "workflow_dispatch", "carol", began=400.0 - 20 * age, lasts=1.0)
    head = desk.branch("promote", "two\n")
    pull = desk.repo.open_pull("promote", user="github-actions[bot]")
    desk.repo.review(pull.number, "bob")
    with pytest.raises(ForgeFailure, match="runs of workflow_dispatch"):
        desk.asked().of_open(head, FILE)
