"""What every forge must do, on GitHub (its API of the tests) and on a second forge that is one
folder of tests/support. A new forge joins by a line in `people_on`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlflow_gitops.edges.forge import CommitStatus
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import ForgeFailure
from tests.support.forge_worlds import FILE, MANIFEST, ForgeWorld, people_on

CONTEXT = "mlflow-gitops/plan"


@pytest.fixture(params=["github", "local"])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ForgeWorld]:
    with people_on(request.param, tmp_path, monkeypatch) as people:
        yield ForgeWorld(people, tmp_path / "clone")


# -- approvals --------------------------------------------------------------------------------


def test_an_approval_is_found_by_the_commit_that_was_merged(world: ForgeWorld) -> None:
    number, _ = world.propose("promote", 2)
    world.people.review(number, "bob")
    merge = world.people.merge(number, "carol")
    world.main()
    approvals = world.approvals().of_merged(merge, FILE)
    assert (approvals.by, approvals.pull_request) == (("@bob",), number)
    assert approvals.merged_by == "@carol" and approvals.reviewed is None


def test_a_commit_that_was_pushed_has_no_pull_request(world: ForgeWorld) -> None:
    world.commit(3)
    pushed = world.push("main")
    approvals = world.approvals().of_merged(pushed, FILE)
    assert approvals.by == () and approvals.pull_request is None
    assert approvals.not_counted == (f"no pull request merged into main made {pushed[:7]}",)


def test_an_open_pull_request_has_what_it_has_so_far(world: ForgeWorld) -> None:
    number, head = world.propose("promote", 2)
    assert world.approvals().of_open(head, FILE).not_counted == (f"nobody has reviewed #{number}",)
    world.people.review(number, "bob")
    world.people.review(number, "reader")
    approvals = world.approvals().of_open(head, FILE)
    assert approvals.by == ("@bob",)
    assert approvals.not_counted == ("@reader has no write permission (read)",)
    world.people.review(number, "bob", "CHANGES_REQUESTED")
    assert "@bob asks for changes" in world.approvals().of_open(head, FILE).not_counted


def test_nobody_approves_what_they_made(world: ForgeWorld) -> None:
    number, _ = world.propose("promote", 2)
    world.team.git("checkout", "-q", "promote")
    world.commit(3, "bob")
    head = world.push("promote")
    world.people.review(number, "bob")
    approvals = world.approvals().of_open(head, FILE)
    assert approvals.by == () and approvals.not_counted == ("@bob is an author of it",)


def test_an_approval_of_another_manifest_does_not_count(world: ForgeWorld) -> None:
    number, _ = world.propose("promote", 2)
    world.people.review(number, "bob")
    world.team.git("checkout", "-q", "promote")
    world.commit(3)
    head = world.push("promote")
    outdated = "@bob approved an older version of this manifest"
    assert world.approvals().of_open(head, FILE).not_counted == (outdated,)


def test_a_file_at_a_commit_that_only_the_forge_has(world: ForgeWorld) -> None:
    from mlflow_gitops.edges.forge import ClonedMainBranch

    _, head = world.propose("promote", 2)
    facts = world.forge.review_facts(ClonedMainBranch(Git(world.folder), "origin/main", dict))
    blob_id = facts.blob_id(head, FILE)
    assert blob_id is not None and facts.blob(blob_id, FILE).decode() == MANIFEST.format(2)
    assert facts.blob_id(head, "registry/models/none.yaml") is None


@pytest.mark.parametrize("team", ["@acme/validation", "@acme/empty"])
def test_the_members_of_a_team(world: ForgeWorld, team: str) -> None:
    members = {"bob", "carol"} if team == "@acme/validation" else set()
    world.people.team(team, *members)
    assert world.forge.team_members(team) == members
    with pytest.raises(ForgeFailure) as caught:
        world.forge.team_members("@acme/nobody")
    assert caught.value.status == 404 and "@acme/nobody" in str(caught.value)


# -- pull requests ----------------------------------------------------------------------------


def test_a_pull_request_is_opened_once_and_kept(world: ForgeWorld) -> None:
    world.team.git("checkout", "-q", "-B", "propose/churn", "origin/main")
    world.commit(2)
    head = world.push("propose/churn")
    url = world.forge.open_pull_request("propose/churn", "Promote 2", "Why", "main", key="p 2")
    pull = world.forge.pull_request_at(head, "main")
    assert pull is not None and (pull.branch, pull.url, pull.is_merged) == (
        "propose/churn",
        url,
        False,
    )
    assert pull.body == "<!-- mlflow-gitops:p 2 -->\nWhy"
    assert world.people.opener(pull.number) == "command"
    again = world.forge.open_pull_request("propose/churn", "Promote 2", "Why not", "main")
    assert again == url
    assert world.forge.open_pull_requests("propose/", "main")["propose/churn"].body == "Why not"
    assert world.forge.open_pull_requests("other/", "main") == {}
    assert world.forge.open_pull_requests("propose/", "release") == {}
    fetched = world.team.git("ls-remote", "origin", pull.ref)
    assert fetched.split()[0] == head


def test_a_closed_pull_request_is_remembered(world: ForgeWorld) -> None:
    number, head = world.propose("promote", 2)
    world.forge.close_pull_request(number, "A new text", "No longer needed")
    [closed] = world.forge.closed_pull_requests("promote", "main")
    assert (closed.number, closed.head, closed.is_merged) == (number, head, False)
    assert closed.body == "A new text" and world.people.comments(number) == ["No longer needed"]
    assert world.forge.pull_request_at(head, "main") is None
    second = world.people.open("promote", "alice")
    world.people.merge(second, "bob")
    pulls = world.forge.closed_pull_requests("promote", "main")
    assert [(pull.number, pull.is_merged) for pull in pulls] == [(second, True), (number, False)]


def test_a_branch_that_is_not_there(world: ForgeWorld) -> None:
    with pytest.raises(ForgeFailure):
        world.forge.open_pull_request("nowhere", "Title", "Body", "main")


# -- statuses, comments, issues ---------------------------------------------------------------


def test_statuses_by_context(world: ForgeWorld) -> None:
    _, head = world.propose("promote", 2)
    assert world.forge.statuses(head) == {}
    world.forge.set_status(head, CONTEXT, "pending", "Planning", "https://run.test/1")
    world.forge.set_status(head, CONTEXT, "failure", "1 refused", "https://run.test/1")
    world.forge.set_status(head, "other", "success", "Fine")
    assert world.forge.statuses(head) == {
        CONTEXT: CommitStatus("failure", "https://run.test/1"),
        "other": CommitStatus("success", None),
    }
    assert world.people.status(head, CONTEXT) == ("failure", "1 refused")


def test_one_comment_of_each_key(world: ForgeWorld) -> None:
    number, _ = world.propose("promote", 2)
    world.people.comment(number, "bob", "<!-- mlflow-gitops:plan -->\nNot ours")
    assert world.forge.comment(number, "plan", "A plan", create=False) is None
    url = world.forge.comment(number, "plan", "A plan")
    assert url is not None and world.forge.comment(number, "plan", "Another plan") == url
    world.forge.comment(number, "drift", "Another matter")
    assert [body.splitlines()[-1] for body in world.people.comments(number)] == [
        "Not ours",
        "Another plan",
        "Another matter",
    ]


def test_one_open_issue_of_each_key(world: ForgeWorld) -> None:
    assert world.forge.issue("drift", "", None) is None
    url = world.forge.issue("drift", "1 model", "churn")
    assert url is not None and world.forge.issue("drift", "2 models", "churn, fraud") == url
    assert world.people.issues() == [("2 models", "open")]
    assert world.forge.issue("drift", "", None) is None
    assert world.people.issues() == [("2 models", "closed")]
    assert world.forge.issue("drift", "1 model", "churn") != url
    assert world.people.issues()[-1] == ("1 model", "open")
