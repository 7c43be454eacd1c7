"""GitHub through PyGithub, against the stateful API of the tests: pull requests by commit,
comments, statuses, faults."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mlflow_gitops.app.approvals import PullRequestApprovals
from mlflow_gitops.app.forges import configured_forge, required_forge
from mlflow_gitops.core.gates.change_approvals import Approvals, Reviewed
from mlflow_gitops.edges.forge import ClonedMainBranch, CommitStatus
from mlflow_gitops.edges.git.refs.branches import branch_name
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.github import pull_requests
from mlflow_gitops.edges.github.own_texts import MAX_BODY
from mlflow_gitops.edges.github.provider import repository_of
from mlflow_gitops.errors import ForgeFailure
from tests.support.github.desk import FILE, OTHER, Desk
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Method, Refused


def counted(
    number: int, *people: str, by: str | None = "@carol", against: tuple[str, ...] = ()
) -> Approvals:
    return Approvals(people, against, number, by)


# -- the pull request of a commit ------------------------------------------------------------------


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_merged_pull_request_is_found_by_its_commit(desk: Desk, method: Method) -> None:
    desk.branch("promote", "one\n", "two\n")
    pull = desk.repo.open_pull("promote", "Promote 14", user="alice")
    desk.repo.review(pull.number, "bob")
    desk.repo.merge(pull.number, method, by="carol")
    tip = desk.pull()
    asked = desk.asked()
    assert asked.of_merged(tip, FILE) == counted(pull.number, "@bob")
    if method == "rebase":
        earlier = desk.git("rev-parse", "HEAD~1")
        assert asked.of_merged(earlier, FILE).by == ("@bob",), "each commit of a rebase"
        before = desk.git("rev-parse", "HEAD~2")
        assert asked.of_merged(before, FILE).pull_request is None


def test_a_rebase_that_github_knows_by_its_last_commit(desk: Desk) -> None:
    desk.branch("promote", "one\n", "two\n", "three\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob")
    tip = desk.repo.merge(pull.number, "rebase", by="carol")
    desk.repo.associated = {tip: [pull.number]}
    desk.pull()
    first, before = desk.git("rev-parse", "HEAD~2"), desk.git("rev-parse", "HEAD~3")
    assert desk.asked().of_merged(first, FILE).by == ("@bob",)
    assert desk.asked().of_merged(before, FILE).pull_request is None


@pytest.mark.parametrize("updates", [1, 2])
def test_a_rebase_leaves_merges_out(desk: Desk, updates: int) -> None:
    desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    for number in range(updates):
        desk.branch("main", f"{number}\n", file=OTHER)
        desk.git("fetch", "-q", "origin")
        desk.repo.update_branch(pull.number, "carol")
    desk.git("fetch", "-q", "origin")
    desk.git("checkout", "-q", "-B", "promote", "origin/promote")
    desk.commit("two\n", "Second")
    desk.push("promote")
    desk.repo.review(pull.number, "bob")
    desk.repo.merge(pull.number, "rebase", by="carol")
    desk.pull()
    first, before = desk.git("rev-parse", "HEAD~1"), desk.git("rev-parse", "HEAD~2")
    asked = desk.asked()
    assert asked.of_merged(first, FILE).by == ("@bob",)
    assert asked.of_merged(before, FILE).pull_request is None
    assert asked.first_of_change(desk.git("rev-parse", "HEAD")) == first


@pytest.mark.parametrize("method", ["merge", "squash"])
def test_a_merge_and_a_squash_are_one_commit(desk: Desk, method: Method) -> None:
    desk.branch("promote", "one\n", "two\n", "three\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.merge(pull.number, method, by="carol")
    tip = desk.pull()
    assert desk.asked().first_of_change(tip) == tip
    pushed = desk.commit("four\n", "No pull request")
    desk.push("main")
    desk.git("fetch", "-q", "origin")
    assert desk.asked().first_of_change(pushed) == pushed


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_group_of_two_keeps_each_its_own(desk: Desk, method: Method) -> None:
    desk.branch("one", "one\n")
    desk.branch("two", "two\n", file=OTHER)
    first, second = (desk.repo.open_pull(name, user="alice") for name in ("one", "two"))
    desk.repo.review(first.number, "bob")
    made = [desk.repo.merge(pull.number, method, by="carol") for pull in (first, second)]
    desk.pull()
    asked = desk.asked()
    assert asked.of_merged(made[0], FILE).by == ("@bob",)
    told = asked.of_merged(made[1], OTHER)
    assert told.by == () and told.pull_request == second.number


def test_a_branch_that_somebody_pushed_to_main_is_its_pull_request(desk: Desk) -> None:
    head = desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob")
    desk.push("main")
    desk.pull()
    assert desk.asked().of_merged(head, FILE).by == ("@bob",)
    assert desk.repo.pull(pull.number).merged_at


def test_a_number_in_a_message_is_no_pull_request(desk: Desk) -> None:
    desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob")
    desk.repo.merge(pull.number, "squash", by="carol")
    desk.pull()
    pushed = desk.commit("evil\n", f"Promote (#{pull.number})")
    desk.push("main")
    desk.git("fetch", "-q", "origin")
    told = desk.asked().of_merged(pushed, FILE)
    assert told == Approvals(not_counted=(f"no pull request merged into main made {pushed[:7]}",))


def test_a_direct_push_that_a_pull_request_contains_later_is_not_approved_by_it(desk: Desk) -> None:
    """Pushed first, then part of a branch with a merged pull request: GitHub may list that one."""
    pushed = desk.commit("evil\n", "Evil")
    desk.push("main")
    desk.git("fetch", "-q", "origin")
    desk.branch("harmless", "harmless\n", "more\n", file=OTHER)
    pull = desk.repo.open_pull("harmless", user="alice")
    desk.repo.review(pull.number, "bob")
    desk.repo.merge(pull.number, "squash", by="carol")
    desk.repo.associated[pushed] = [pull.number]
    desk.pull()
    assert desk.asked().of_merged(pushed, FILE).pull_request is None


def test_a_pull_request_into_another_branch_does_not_count(desk: Desk) -> None:
    desk.git("push", "-q", "origin", "HEAD:refs/heads/release")
    head = desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice", base="release")
    desk.repo.review(pull.number, "bob")
    desk.repo.merge(pull.number, "squash", by="carol")
    desk.push("main")
    desk.git("fetch", "-q", "origin")
    assert desk.asked().of_merged(head, FILE).by == ()


@pytest.mark.parametrize(
    ("present_name", "counts"), [("trunk", True), ("other", False), (None, False)]
)
def test_the_base_of_a_pull_request_may_have_been_renamed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, present_name: str | None, counts: bool
) -> None:
    """A merged pull request keeps the old name of its base, which GitHub redirects."""
    desk.branch("promote", "one\n")
    number = desk.repo.open_pull("promote", user="alice").number
    desk.repo.review(number, "bob")
    desk.repo.merge(number, "squash", by="carol")
    sha = desk.pull()
    for name in ("trunk", "other"):
        desk.git("push", "-q", "origin", f"HEAD:refs/heads/{name}")
    desk.repo.git("update-ref", "-d", "refs/heads/main")
    desk.repo.branch = "trunk"
    desk.git("fetch", "-q", "origin")
    answer = GitHubAPI.answer

    def redirecting(
        api: GitHubAPI, method: str, target: str, token: str | None, body: dict[str, Any]
    ) -> tuple[int, dict[str, str], Any]:
        path = target.partition("?")[0]
        if present_name is not None and path.endswith("/branches/main"):
            moved = f"{api.url}{path.removesuffix('main')}{present_name}"
            return 301, {"Location": moved}, {"message": "Moved Permanently", "url": moved}
        return answer(api, method, target, token, body)

    monkeypatch.setattr(GitHubAPI, "answer", redirecting)
    git = Git(desk.folder)
    line = {commit: i for i, commit in enumerate(git.first_parents("origin/trunk"))}
    facts = desk.github().review_facts(ClonedMainBranch(git, "origin/trunk", lambda: line))
    assert bool(PullRequestApprovals(facts, git).of_merged(sha, FILE).by) is counts


def test_a_closed_pull_request_does_not_count(desk: Desk) -> None:
    head = desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob")
    desk.repo.close(pull.number)
    desk.push("main")
    desk.git("fetch", "-q", "origin")
    desk.repo.associated[head] = [pull.number]
    assert desk.asked().of_merged(head, FILE).by == ()


def test_a_commit_that_github_does_not_have(desk: Desk) -> None:
    local = desk.commit("local\n", "Not pushed")
    assert desk.asked().of_merged(local, FILE).by == ()


def test_main_under_another_name(desk: Desk) -> None:
    git = Git(desk.folder)
    assert branch_name(git, "origin/main") == branch_name(git, "main") == "main"
    assert branch_name(git, "HEAD~1") is None


def test_a_merge_commit_made_by_hand_says_what_was_approved(desk: Desk) -> None:
    """GitHub takes any commit for the merge that contains the head; what it says of the manifest
    may be another thing."""
    desk.branch("promote", "name: fraud\nstages: {Production: 14}\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob")
    desk.git("checkout", "-q", "-B", "main", "origin/main")
    desk.git("merge", "-q", "--no-ff", "--no-commit", "promote")
    desk.commit("name: fraud\nstages: {Production: 15}\n", "Merge", who="carol")
    merge = desk.push("main")
    desk.pull()
    told = desk.asked().of_merged(merge, FILE)
    assert told.by == ("@bob",) and told.reviewed == Reviewed({"Production": (14,)})


# -- the facts of R3, as GitHub tells them ---------------------------------------------------------


def test_the_rule_on_what_github_tells(desk: Desk) -> None:
    first = desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob", commit=first)
    desk.repo.review(pull.number, "reader")
    desk.repo.user("robot[bot]", "write", kind="Bot")
    desk.repo.review(pull.number, "robot[bot]")
    desk.repo.user("stranger")
    desk.repo.review(pull.number, "stranger")
    desk.repo.user("dora", "maintain")
    gone = desk.repo.review(pull.number, "dora")
    desk.repo.dismiss(pull.number, gone.id)
    desk.commit("unrelated\n", "Another file", who="carol", file="README.md")
    desk.repo.user("erin", "admin")
    head = desk.push("promote")
    desk.repo.review(pull.number, "carol")
    told = desk.asked().of_open(head, FILE)
    assert told.by == ("@bob",), "the manifest is the same at the head that bob saw"
    assert told.not_counted == (
        "@reader has no write permission (read)",
        "@robot[bot] is no person",
        "@stranger has no write permission (none)",
        "@dora has given a review that was dismissed",
        "@carol is an author of it",
    )
    assert told.pull_request == pull.number and told.merged_by is None
    desk.commit("two\n", "Now the manifest")
    desk.push("promote")
    desk.repo.merge(pull.number, "merge", by="erin")
    told = desk.asked().of_merged(desk.pull(), FILE)
    assert told.by == () and "@bob approved an older version of this manifest" in told.not_counted


def test_a_head_that_was_pushed_away_is_compared_too(desk: Desk) -> None:
    seen = desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob", commit=seen)
    desk.git("commit", "-q", "--amend", "-m", "A better message")
    head = desk.push("promote")
    assert head != seen
    assert desk.asked().of_open(head, FILE).by == ("@bob",)


def test_a_fork(desk: Desk) -> None:
    desk.repo.user("outsider")
    fork = desk.repo.fork_path("outsider")
    desk.git("checkout", "-q", "-B", "promote", "origin/main")
    head = desk.commit("one\n", who="outsider")
    desk.git("push", "-q", str(fork), "HEAD:refs/heads/promote")
    pull = desk.repo.open_pull("promote", user="outsider", fork="outsider")
    desk.repo.review(pull.number, "bob")
    assert desk.asked().of_open(head, FILE).by == ("@bob",)
    desk.repo.merge(pull.number, "merge", by="carol")
    assert desk.asked().of_merged(desk.pull(), FILE) == counted(pull.number, "@bob")


def test_whoever_dispatched_the_workflow(desk: Desk) -> None:
    head = desk.branch("promote", "one\n")
    desk.repo.user("dora", "write")
    desk.repo.run("promote", "workflow_dispatch", "bob")
    desk.repo.run(
        "promote",
        "workflow_dispatch",
        "alice",
        began=86_400 * 3,
        lasts=86_400 * 4,
        again=["carol", "alice"],
    )
    desk.repo.run("promote", "workflow_dispatch", "dora", began=7200, lasts=60)  # over before
    pull = desk.repo.open_pull("promote", user="github-actions[bot]")
    for who in ("bob", "carol", "dora"):
        desk.repo.review(pull.number, who)
    told = desk.asked().of_open(head, FILE)
    why = "started the workflow that opened it"
    assert told.by == ("@dora",) and told.not_counted == (f"@bob {why}", f"@carol {why}")


def test_whoever_pushed_under_another_name(desk: Desk) -> None:
    """A commit says whatever its maker wants; the push shows who it was."""
    desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.pushed("promote", "alice")
    desk.commit("evil\n", "More", who="alice")
    head = desk.push("promote")
    desk.repo.pushed("promote", "bob")
    for who in ("bob", "carol"):
        desk.repo.review(pull.number, who)
    told = desk.asked().of_open(head, FILE)
    assert told.by == ("@carol",) and told.not_counted == ("@bob pushed to it",)
    # What was pushed away again is no part of it.
    desk.git("reset", "-q", "--hard", "HEAD~1")
    desk.commit("better\n", "Better", who="alice")
    head = desk.push("promote")
    desk.repo.pushed("promote", "alice")
    desk.repo.review(pull.number, "bob")
    assert desk.asked().of_open(head, FILE).by == ("@bob",)


def test_each_thing_is_asked_once(desk: Desk) -> None:
    seen = desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob", commit=seen)
    desk.commit("more\n", file=OTHER)
    desk.push("promote")
    desk.repo.merge(pull.number, "merge", by="carol")
    tip = desk.pull()
    asked = desk.asked()
    for file in (FILE, OTHER, FILE):
        asked.of_merged(tip, file)
    assert desk.api.asked("/permission") == 1 and desk.api.asked("/graphql") == 1
    assert desk.api.asked("/pulls") == 0 and desk.api.asked("/git/trees/") == 2, "two heads"
    assert desk.api.asked("/contents/") == 0
    desk.api.largest_tree = 1
    assert desk.asked().of_merged(tip, FILE).by == ("@bob",)
    assert desk.api.asked("/contents/") == 2, (
        "where GitHub does not list all files, each is asked for"
    )


def test_many_reviews_come_in_pages(desk: Desk) -> None:
    head = desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.review(pull.number, "bob")
    for _ in range(130):
        desk.repo.review(pull.number, "carol", "COMMENTED")
    desk.repo.review(pull.number, "bob", "CHANGES_REQUESTED")
    assert desk.asked().of_open(head, FILE).not_counted == ("@bob asks for changes",)
    assert desk.api.asked("/reviews") == 2


# -- faults ----------------------------------------------------------------------------------------


def failing(desk: Desk, token: str = "actions-token") -> str:
    with pytest.raises(ForgeFailure) as caught:
        desk.asked(token).of_merged(desk.git("rev-parse", "HEAD"), FILE)
    assert token not in str(caught.value)
    return str(caught.value)


def test_faults_are_told_in_words(desk: Desk) -> None:
    assert "does not accept the token (401)" in failing(desk, "wrong-token")
    assert "may not see it" in failing(desk, desk.api.token("mallory", blind=True))
    denied = desk.api.token("app[bot]", installation=True, deny=(("GET", "/pulls"),))
    said = failing(desk, denied)
    assert "403: Resource not accessible by integration" in said and "permission" in said
    desk.api.limit(0)
    assert "rate limit is used up until 20" in failing(desk)
    desk.api.remaining = None
    desk.api.fail("/pulls", 429, "Too many requests")
    assert "rate limit is used up" in failing(desk)


def test_a_pull_request_whose_commits_are_not_all_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_requests, "MAX_COMMITS", 2)
    desk.refuse_graphql()
    head = desk.branch("promote", "one\n", "two\n")
    desk.repo.open_pull("promote", user="alice")
    with pytest.raises(ForgeFailure, match="does not list who made the rest"):
        desk.asked().of_open(head, FILE)


def test_an_address_that_is_not_githubs_own(desk: Desk) -> None:
    head = desk.branch("promote", "one\n")
    desk.repo.open_pull("promote", user="alice")
    desk.refuse_graphql()
    asked = desk.asked(url=desk.api.url.replace("127.0.0.1", "localhost"))
    with pytest.raises(ForgeFailure, match="Set GITHUB_API_URL"):
        asked.of_open(head, FILE)


def test_what_fails_in_passing_is_asked_again(desk: Desk) -> None:
    desk.api.fail("GET .*/pulls", 502, times=1)
    desk.api.fail("GET .*/pulls", 0, times=1)
    assert desk.asked().of_merged(desk.git("rev-parse", "HEAD"), FILE).by == ()


def test_a_silent_github_is_asked_once_and_told(desk: Desk) -> None:
    asked = desk.asked("token", "http://127.0.0.1:9")
    begun = time.monotonic()
    for sha in ("a" * 40, "b" * 40, "c" * 40):
        with pytest.raises(ForgeFailure, match="could not be reached"):
            asked.of_merged(sha, FILE)
    assert time.monotonic() - begun < 10


# -- writing ---------------------------------------------------------------------------------------


def test_one_comment_is_kept(desk: Desk) -> None:
    desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    github = desk.github()
    for text in ("A plan", "Another plan", "Another plan"):
        github.comment(pull.number, "plan", text)
    [comment] = pull.comments
    assert comment.user == "github-actions[bot]" and comment.body.endswith("\nAnother plan")
    assert desk.api.asked("PATCH") == 1, "what is the same is not written again"


def test_another_ones_comment_with_our_marker_is_left_alone(desk: Desk) -> None:
    desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.repo.comment(pull.number, "mallory", "<!-- mlflow-gitops:plan -->\nApproved, all is well")
    for _ in range(40):
        desk.repo.comment(pull.number, "bob", "talk")
    github = desk.github()
    github.comment(pull.number, "plan", "A plan")
    github.comment(pull.number, "drift", "Another matter")
    github.comment(pull.number, "plan", "A later plan")
    assert pull.comments[0].body.endswith("all is well")
    ours = [one.body.splitlines()[1] for one in pull.comments if one.user == "github-actions[bot]"]
    assert ours == ["A later plan", "Another matter"]


def test_doubled_comments_become_one(desk: Desk) -> None:
    desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    for text in ("one", "two"):
        desk.repo.comment(
            pull.number, "github-actions[bot]", f"<!-- mlflow-gitops:plan -->\n{text}"
        )
    desk.github().comment(pull.number, "plan", "three")
    assert [one.body.splitlines()[1] for one in pull.comments] == ["three"]


def test_a_comment_fits(desk: Desk) -> None:
    desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    desk.github().comment(pull.number, "plan", "x" * 100_000)
    assert len(pull.comments[0].body) == MAX_BODY and "cut here" in pull.comments[0].body


def test_a_status_is_set(desk: Desk) -> None:
    head = desk.branch("promote", "one\n")
    github = desk.github()
    github.set_status(head, "mlflow-gitops/plan", "pending", "planning")
    github.set_status(
        head, "mlflow-gitops/plan", "failure", "refused: " + "x" * 200, "https://github.test/run/1"
    )
    assert desk.repo.status(head, "mlflow-gitops/plan") == "failure"
    with pytest.raises(ForgeFailure, match="refused to set the status"):
        github.set_status("f" * 40, "mlflow-gitops/plan", "success", "")


def test_a_status_is_found_however_much_was_said_since(desk: Desk) -> None:
    head = desk.branch("promote", "one\n")
    github = desk.github()
    for state in ("pending", "success"):
        github.set_status(head, "mlflow-gitops/plan/dev", state, "", "https://github.test/run/1")
    for number in range(101):
        github.set_status(head, "mlflow-gitops/plan/prod", "pending", str(number))
    assert github.statuses(head) == {
        "mlflow-gitops/plan/dev": CommitStatus("success", "https://github.test/run/1"),
        "mlflow-gitops/plan/prod": CommitStatus("pending", None),
    }


def test_one_issue_is_kept_while_there_is_something_to_tell(desk: Desk) -> None:
    github = desk.github()
    assert github.issue("drift", "Drift", None) is None and not desk.repo.issues
    desk.repo.open_issue("Drift", "<!-- mlflow-gitops:drift -->\nnot ours", "mallory")
    first = github.issue("drift", "Drift: 1 model", "fraud moved")
    assert github.issue("drift", "Drift: 2 models", "churn moved, too") == first
    ours = desk.repo.issues[2]
    assert (
        ours.title == "Drift: 2 models"
        and ours.body.endswith("churn moved, too")
        and ours.state == "open"
    )
    assert github.issue("drift", "", None) is None
    assert ours.state == "closed" and desk.repo.issues[1].state == "open"
    assert github.issue("drift", "Drift", "again") != first, "a closed one stays closed"


def test_the_keys_of_our_open_issues(desk: Desk) -> None:
    github = desk.github()
    assert github.open_issue_keys("health ") == set()
    quoted = "<!-- mlflow-gitops:health churn/Staging -->"
    github.issue("health churn/Production", "Unhealthy", f"A text that quotes {quoted}")
    github.issue("drift", "Drift", "fraud moved")
    desk.repo.open_issue("Unhealthy", f"{quoted}\nnot ours", "mallory")
    assert desk.github().open_issue_keys("health ") == {"health churn/Production"}
    assert desk.github().open_issue_keys("health-prod ") == set()
    desk.repo.has_issues = False
    assert desk.github().open_issue_keys("health ") == set()


def test_whose_pull_request_it_is(desk: Desk) -> None:
    for branch in ("health/ours", "health/theirs", "health/gone"):
        desk.branch(branch, f"{branch}\n")
    github = desk.github()
    github.open_pull_request("health/ours", "Ours", "", "main")
    for branch, user in (("health/theirs", "mallory"), ("health/gone", "ghost")):
        desk.repo.open_pull(branch, user=user)
    pulls = github.open_pull_requests("health/", "main")
    assert {branch for branch, pull in pulls.items() if github.is_ours(pull)} == {"health/ours"}
    desk.repo.close(pulls["health/ours"].number)
    [closed] = github.closed_pull_requests("health/ours", "main")
    assert github.is_ours(closed) and not closed.is_merged


def test_a_pull_request_is_opened_once(desk: Desk) -> None:
    desk.branch("promote-14", "one\n")
    github = desk.github()
    first = github.open_pull_request("promote-14", "Promote 14", "because", "main")
    again = github.open_pull_request("promote-14", "Promote 14", "because of recall", "main")
    assert again == first
    [pull] = desk.repo.pulls()
    assert first == f"https://github.test/acme/models/pull/{pull.number}"
    assert (pull.user, pull.title, pull.body) == (
        "github-actions[bot]",
        "Promote 14",
        "because of recall",
    )
    with pytest.raises(ForgeFailure, match="open a pull request of nowhere"):
        github.open_pull_request("nowhere", "x", "y", "main")
    desk.repo.close(pull.number)
    assert github.open_pull_request("promote-14", "Promote 14", "again", "main") != first


def test_without_a_token_it_says_what_is_missing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    assert configured_forge(Git(desk.folder)) is None
    with pytest.raises(ForgeFailure, match="Set GITHUB_TOKEN"):
        required_forge(Git(desk.folder))
    monkeypatch.setenv("GITHUB_TOKEN", "x")
    monkeypatch.delenv("GITHUB_REPOSITORY")
    with pytest.raises(ForgeFailure, match="GITHUB_REPOSITORY"):
        required_forge(Git(desk.folder))


@pytest.mark.parametrize(
    ("remote", "api", "name"),
    [
        ("https://github.com/acme/models.git", None, "acme/models"),
        ("https://user:pass@github.com/acme/models", None, "acme/models"),
        ("git@github.com:acme/models.git", None, "acme/models"),
        ("ssh://git@github.com/acme/models.git", None, "acme/models"),
        ("ssh://git@github.com:22/acme/models/", None, "acme/models"),
        (
            "https://ghe.example.com/acme/models.git",
            "https://ghe.example.com/api/v3",
            "acme/models",
        ),
        ("ssh://git@ssh.github.com:443/acme/models.git", None, "acme/models"),
        ("git@ssh.github.com:acme/models.git", None, "acme/models"),
        ("git@github.com-work:acme/models.git", None, "acme/models"),
        ("git@GitHub.com-acme_2:acme/models", None, "acme/models"),
        ("ssh://github.com-work/acme/models.git", None, "acme/models"),
        ("git@ghe.example.com-work:acme/models", "https://ghe.example.com/api/v3", "acme/models"),
        ("https://github.com-work/acme/models.git", None, None),
        ("git@github.com-work.example.org:acme/models.git", None, None),
        ("git@ssh.github.com.example.org:acme/models.git", None, None),
        ("git@no-such-alias:acme/models.git", None, None),
        ("https://gitlab.example.com/acme/models.git", None, None),
        ("https://github.com.evil.example/acme/models.git", None, None),
        ("/srv/git/models.git", None, None),
    ],
)
def test_the_repository_by_its_remote(
    desk: Desk, remote: str, api: str | None, name: str | None
) -> None:
    desk.git("remote", "set-url", "origin", remote)
    assert repository_of(Git(desk.folder), *([api] if api else [])) == name


def test_ones_own_pull_request_cannot_be_approved_at_all(desk: Desk) -> None:
    desk.branch("promote", "one\n")
    pull = desk.repo.open_pull("promote", user="alice")
    with pytest.raises(Refused, match="your own pull request"):
        desk.repo.review(pull.number, "alice")
