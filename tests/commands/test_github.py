"""Pull requests as the approval workflow, on a real repository, a real registry and the GitHub of
the tests: `github plan`, `github drift`, `github summary`, and approvals at reconcile with what is
recorded of them (RULES R3, R6, R7, R9)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.github.job import as_a_job
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Method, Repository
from tests.support.receipts import receipts_in
from tests.support.team import Ran, Team

POLICY = """\
stages:
  Staging: {alias: staging}
  Production: {alias: production, approvals: 1, require: {tags: {validation: passed}}}
"""
CONTEXT = "mlflow-gitops/plan"
STAGES = "name: churn\nstages: {{Production: {}}}\n"


class Hub:
    """The team `acme`, its GitHub and its MLflow, with `churn` 1 in Production and 2 and 3 beside
    it."""

    def __init__(self, folder: Path, api: GitHubAPI) -> None:
        from mlflow import MlflowClient

        uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.api, self.repo, self.client = api, api.repository, MlflowClient(uri)
        self.team = Team(folder / "clone", uri)
        self.team.git("remote", "set-url", "origin", str(self.repo.path))
        self.team.git("fetch", "-q", "origin")
        for login in ("alice", "bob", "carol"):
            self.repo.user(login, "write", mails=(f"{login}@example.org",))

    def push(self, branch: str) -> str:
        self.team.git("push", "-q", "-f", "origin", f"HEAD:refs/heads/{branch}")
        self.team.git("fetch", "-q", "origin")
        return self.team.git("rev-parse", "HEAD")

    def propose(
        self, branch: str, manifest: str, author: str = "alice", **more: Any
    ) -> tuple[int, str]:
        """A pull request of one commit: its number and head."""
        self.team.git("checkout", "-q", "-B", branch, "origin/main")
        self.team.write("models/churn.yaml", manifest)
        self.team.git("add", "-A")
        self.team.git(
            "commit",
            "-q",
            "--author",
            f"{author} <{author}@example.org>",
            "-m",
            f"Change of {branch}",
        )
        head = self.push(branch)
        return (
            self.repo.open_pull(branch, f"The title of {branch}", user=author, **more).number,
            head,
        )

    def main(self) -> str:
        self.team.git("fetch", "-q", "origin")
        self.team.git("checkout", "-q", "-B", "main", "origin/main")
        return self.team.git("rev-parse", "HEAD")

    def status(self, sha: str) -> tuple[str, str]:
        newest = [one for one in self.repo.statuses[sha] if one["context"] == CONTEXT][-1]
        return newest["state"], newest["description"]

    def comment(self, number: int) -> str:
        [one] = self.repo.pull(number).comments
        return one.body

    def plan(self, head: str) -> Ran:
        """What the workflow runs: on a checkout of main, which has not fetched the pull request."""
        self.main()
        return self.team.run("github", "plan", head)

    def reconcile(self) -> Ran:
        return self.team.run("reconcile", "--yes", "--format", "json")

    def recorded(self, sha: str) -> dict[str, Any]:
        """What the newest receipt on a commit says of churn."""
        on_commit = [r for r in receipts_in(self.team.folder) if r.commit == sha]
        recorded: dict[str, Any] = on_commit[-1].content["models"][0]
        return recorded

    def tags(self, version: int) -> dict[str, str]:
        return dict(self.client.get_model_version("churn", str(version)).tags)

    def production(self) -> int:
        return int(self.client.get_model_version_by_alias("churn", "production").version)


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> Path:
    """What each test has a copy of."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("hub")
    uri = blank_registry(folder / "mlflow.db")
    client = MlflowClient(uri)
    client.create_registered_model("churn")
    for _ in range(3):
        client.create_model_version(
            "churn", "s3://models/x", tags={"validation": "passed"}, await_creation_for=0
        )
    team = Team(folder / "clone", uri)
    team.write(
        "policy.yaml", "stages: {Staging: {alias: staging}, Production: {alias: production}}\n"
    )
    team.commit("First", churn=STAGES.format(1))
    team.write("policy.yaml", POLICY)
    team.commit("Approvals")
    team.reconcile()
    team.git("remote", "add", "origin", str(Repository(folder / "hub").path))
    team.git("push", "-q", "origin", "main")
    return folder


@pytest.fixture
def hub(tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    with GitHubAPI(Repository(tmp_path / "hub")).serving() as api:
        made = Hub(tmp_path, api)
        as_a_job(api, tmp_path, monkeypatch)
        monkeypatch.setenv("GITHUB_RUN_ID", "77")
        yield made


# -- github plan -----------------------------------------------------------------------------------


def test_a_good_pull_request_is_planned(hub: Hub, tmp_path: Path) -> None:
    number, head = hub.propose("promote", STAGES.format(2))
    hub.team.git("checkout", "-q", "main")
    hub.team.git("branch", "-q", "-D", "promote")
    ran = hub.plan(head)
    assert ran.code == 0, ran.err
    assert [one["state"] for one in hub.repo.statuses[head]] == ["pending", "success"]
    assert (
        hub.repo.statuses[head][-1]["target_url"]
        == "https://github.test/acme/models/actions/runs/77"
    )
    body = hub.comment(number)
    assert "`churn`" in body and "1 → 2" in body and "needs 1 approval" in body
    assert body.partition("\n")[2].strip() == (tmp_path / "STEP_SUMMARY").read_text().strip()
    assert (
        hub.team.git("status", "--porcelain") == ""
        and hub.team.git("branch", "--list", "promote") == ""
    )
    assert hub.production() == 1


def test_what_counts_already_is_shown_and_the_comment_is_kept(hub: Hub) -> None:
    number, head = hub.propose("promote", STAGES.format(2))
    hub.plan(head)
    hub.repo.review(number, "bob")
    hub.repo.user("reader", "read")
    hub.repo.review(number, "reader")
    hub.plan(head)
    assert "approved by @bob; counts once it is merged" in hub.comment(number)
    hub.team.git("checkout", "-q", "promote")
    hub.team.commit("Rather 3", churn=STAGES.format(3))
    again = hub.push("promote")
    hub.plan(again)
    said = hub.comment(number)
    assert "1 → 3" in said and "@bob approved an older version of this manifest" in said
    assert "@reader has no write permission (read)" in said
    assert hub.status(again)[0] == "success" and hub.status(head)[0] == "success"


def test_a_failing_gate_is_a_failure_with_its_reason(hub: Hub) -> None:
    hub.client.delete_model_version_tag("churn", "2", "validation")
    number, head = hub.propose("promote", STAGES.format(2))
    assert hub.plan(head).code == 0
    assert hub.status(head) == ("failure", "Plan: 1 model, 3 changes, 1 refused.")
    assert "validation" in hub.comment(number)


def test_invalid_files_and_a_conflict(hub: Hub) -> None:
    number, head = hub.propose("broken", "name: churn\nstages: {Production: 2, Produktion: 3}\n")
    assert hub.plan(head).code == 0
    assert hub.status(head) == ("failure", "Invalid files: 1 problem.")
    assert "stage" in hub.comment(number)
    number, head = hub.propose("conflict", STAGES.format(2))
    hub.main()
    hub.team.commit("Meanwhile", churn=STAGES.format(3))
    hub.push("main")
    assert hub.plan(head).code == 0
    state, why = hub.status(head)
    assert state == "failure" and "conflicts with" in why and "churn.yaml" in hub.comment(number)


def test_what_is_invalid_on_main_does_not_stop_other_pull_requests(hub: Hub) -> None:
    hub.main()
    hub.team.commit("Broken", other="name: other\nstages: {Produktion: 3}\n")
    hub.push("main")
    number, head = hub.propose("well", STAGES.format(2))
    assert hub.plan(head).code == 0
    state, why = hub.status(head)
    assert state == "success" and "invalid" not in why
    assert "Invalid on" in hub.comment(number) and "stage-unknown" in hub.comment(number)

    number, head = hub.propose("ill", STAGES.format(2) + "oops: 1\n")
    assert hub.plan(head).code == 0
    assert hub.status(head) == ("failure", "Invalid files: 1 problem.")
    assert "unknown-field" in hub.comment(number)


def test_drift_is_reported_beside_an_invalid_file(hub: Hub, tmp_path: Path) -> None:
    hub.main()
    hub.team.commit("Broken", other="name: other\nstages: {Produktion: 3}\n")
    hub.push("main")
    hub.client.set_registered_model_alias("churn", "production", "3")
    assert hub.team.run("github", "drift").code == 3
    [issue] = hub.repo.issues.values()
    assert "stage-unknown" in issue.body
    assert (tmp_path / "OUTPUT").read_text() == "heal=true\n"


def test_a_pull_request_about_something_else_has_a_status_and_no_comment(hub: Hub) -> None:
    hub.team.git("checkout", "-q", "-B", "words", "origin/main")
    (hub.team.folder / "README.md").write_text("Words\n")
    hub.team.commit("Words")
    head = hub.push("words")
    number = hub.repo.open_pull("words", user="alice").number
    assert hub.plan(head).code == 0
    assert (
        hub.status(head) == ("success", "Plan: 0 models, nothing to change.")
        and not hub.repo.pull(number).comments
    )
    hub.team.git("checkout", "-q", "words")
    hub.team.commit("Promote", churn=STAGES.format(2))
    assert hub.plan(hub.push("words")).code == 0 and "1 → 2" in hub.comment(number)
    hub.team.git("checkout", "-q", "words")
    hub.team.commit("Rather not", churn=STAGES.format(1))
    assert hub.plan(hub.push("words")).code == 0 and "nothing to change" in hub.comment(number), (
        "what is there is kept"
    )


def test_a_huge_manifest_makes_a_comment_that_github_takes(hub: Hub) -> None:
    tags = "".join(f"  t{i}: '@everyone <b>`{'x' * 200}'\n" for i in range(250))
    number, head = hub.propose("huge", f"{STAGES.format(2)}tags:\n{tags}")
    assert hub.plan(head).code == 0 and hub.status(head)[0] == "success"
    body = hub.comment(number)
    assert len(body) <= 65_536 and "cut here" not in body, "a cut could leave Markdown open"
    assert "1 → 2" in body and "changes, 0 refused" in body


def test_a_crash_is_a_failure(hub: Hub) -> None:
    _, head = hub.propose("promote", STAGES.format(2))
    hub.main()
    ran = hub.team.run("github", "plan", head, uri="sqlite:////nowhere/mlflow.db")
    assert ran.code == 1 and "error:" in ran.err
    assert hub.status(head) == ("failure", "The plan could not be made; its run says why.")
    hub.api.fail("POST .*/comments", 403, "Resource not accessible by integration")
    ran = hub.plan(head)
    assert ran.code == 1 and "may not comment" in ran.err and hub.status(head)[0] == "failure"
    assert "actions-token" not in ran.out + ran.err


def test_the_head_comes_from_the_event_and_the_number_does_not(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, head = hub.propose("promote", STAGES.format(2))
    other, _ = hub.propose("other", STAGES.format(3))
    event = {
        "workflow_run": {
            "head_sha": head,
            "event": "pull_request",
            "pull_requests": [{"number": other}],
        }
    }
    (tmp_path / "event.json").write_text(json.dumps(event))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    hub.main()
    assert hub.team.run("github", "plan").code == 0
    assert hub.comment(number) and not hub.repo.pull(other).comments
    event["workflow_run"]["head_sha"] = "$(touch pwned)"
    (tmp_path / "event.json").write_text(json.dumps(event))
    assert hub.team.run("github", "plan").code == 64


def dispatched(folder: Path, monkeypatch: pytest.MonkeyPatch, head: str) -> None:
    """Make this process a run that was dispatched for a head."""
    event = {"inputs": {"head": head}, "ref": "refs/heads/main"}
    (folder / "event.json").write_text(json.dumps(event))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(folder / "event.json"))


def test_a_dispatched_head_is_planned_if_it_is_an_open_pull_requests(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, head = hub.propose("promote", STAGES.format(2))
    dispatched(tmp_path, monkeypatch, head)
    hub.main()
    assert hub.team.run("github", "plan").code == 0 and hub.comment(number)
    assert hub.status(head)[0] == "success"

    # A branch without a pull request, a commit of main, a closed one, text that is no commit.
    hub.team.git("checkout", "-q", "-B", "alone", "origin/main")
    hub.team.commit("Alone", churn=STAGES.format(3))
    alone = hub.push("alone")
    closed, gone = hub.propose("closed", STAGES.format(3))
    hub.repo.close(closed)
    for other in (alone, hub.main(), gone):
        dispatched(tmp_path, monkeypatch, other)
        ran = hub.team.run("github", "plan")
        assert ran.code == 1 and f"has the head {other[:12]}" in ran.err
        assert other not in hub.repo.statuses
    dispatched(tmp_path, monkeypatch, "../../issues")
    assert hub.team.run("github", "plan").code == 64


def test_a_dispatched_head_is_waited_for(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub may not list a pull request that was opened a moment ago."""
    _, head = hub.propose("promote", STAGES.format(2))
    dispatched(tmp_path, monkeypatch, head)
    hub.main()
    hub.api.send("GET .*/pulls[?]", "[]", times=2)
    assert hub.team.run("github", "plan").code == 0 and hub.status(head)[0] == "success"


REFUSED = {
    "an owner without a line": ("models/churn.yaml", STAGES.format(2) + "owners: ['@bob']\n"),
    "an owner of the policy": ("policy.yaml", POLICY + "owners: ['@bob']\n"),
    "a list of environments": ("environments.yaml", "prod: {tracking_uri: 3, oops: 1}\n"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_validate_refuses_fails_the_status(hub: Hub, case: str) -> None:
    """The status is the one required check, so it includes what `validate` reads besides manifests
    and the policy."""
    hub.main()
    hub.team.write("../.github/CODEOWNERS", "* @alice\n")
    hub.team.commit("Owners")
    hub.push("main")
    hub.team.git("checkout", "-q", "-B", "stale", "origin/main")
    hub.team.write(*REFUSED[case])
    hub.team.commit(case)
    head = hub.push("stale")
    refused = hub.team.run("validate", "--format", "json")
    assert refused.code == 3
    number = hub.repo.open_pull("stale", user="alice").number
    assert hub.plan(head).code == 0
    state, why = hub.status(head)
    assert state == "failure" and why.startswith("Invalid files: "), why
    for error in refused.json["errors"]:
        assert error["code"] in hub.comment(number)


def test_a_stale_codeowners_on_main_stops_no_other_pull_request(hub: Hub) -> None:
    hub.main()
    hub.team.write("../.github/CODEOWNERS", "* @alice\n")
    hub.team.commit("Owners", churn=STAGES.format(1) + "owners: ['@bob']\n")
    hub.push("main")
    _, head = hub.propose("other", STAGES.format(1) + "owners: ['@bob']\ndescription: x\n")
    assert hub.plan(head).code == 0 and hub.status(head)[0] == "success"


def test_what_is_no_open_pull_request_into_main_is_left(hub: Hub) -> None:
    number, head = hub.propose("promote", STAGES.format(2))
    hub.repo.close(number)
    assert hub.plan(head).code == 0 and head not in hub.repo.statuses
    hub.team.git("push", "-q", "origin", "origin/main:refs/heads/release")
    number, head = hub.propose("to-release", STAGES.format(2), base="release")
    assert hub.plan(head).code == 0 and head not in hub.repo.statuses
    into_main = hub.repo.open_pull("to-release", user="alice").number
    hub.repo.close(number)
    number = hub.repo.open_pull("to-release", user="alice", base="release").number
    assert number > into_main and hub.plan(head).code == 0
    assert (
        hub.status(head)[0] == "success"
        and hub.comment(into_main)
        and not hub.repo.pull(number).comments
    )


def test_a_merge_queues_group_is_planned_by_its_commit(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.team.git("checkout", "-q", "-B", "group", "origin/main")
    hub.team.commit("Group of two", churn=STAGES.format(2))
    head = hub.push("gh-readonly-queue/main/pr-7-abc")
    hub.main()
    event = {"workflow_run": {"head_sha": head, "event": "merge_group"}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    assert hub.team.run("github", "plan", head).code == 0
    assert hub.status(head)[0] == "success"


def test_a_fork_is_planned_like_any_other(hub: Hub) -> None:
    hub.repo.user("outsider", mails=("outsider@example.org",))
    fork = hub.repo.fork_path("outsider")
    hub.team.git("checkout", "-q", "-B", "promote", "origin/main")
    head = hub.team.commit("From a fork", churn=STAGES.format(2))
    hub.team.git("push", "-q", str(fork), "HEAD:refs/heads/promote")
    number = hub.repo.open_pull("promote", user="outsider", fork="outsider").number
    hub.main()
    hub.team.git("branch", "-q", "-D", "promote")
    assert hub.plan(head).code == 0
    assert hub.status(head)[0] == "success" and "1 → 2" in hub.comment(number)


# -- approvals at reconcile, and what is recorded of them ------------------------------------------


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_an_approved_pull_request_is_reconciled_and_recorded(hub: Hub, method: Method) -> None:
    number, _ = hub.propose("promote", STAGES.format(2))
    hub.repo.review(number, "bob")
    hub.repo.merge(number, method, by="carol")
    sha = hub.main()
    ran = hub.reconcile()
    assert ran.code == 0, ran.out + ran.err
    assert hub.production() == 2
    people = [
        {
            "commit": sha,
            "pr": number,
            "pr_source": "api",
            "merged_by": "@carol",
            "approved_by": ["@bob"],
        }
    ]
    recorded = hub.recorded(sha)["people"]
    assert [review["by"] for review in recorded[0].pop("reviews")] == ["@bob"]
    took_part = [(person["part"], person["by"]) for person in recorded[0].pop("participants")]
    assert took_part == [("opened", "@alice"), ("merged", "@carol")]
    assert recorded == people
    tags = hub.tags(2)
    assert (tags["gitops.pr"], tags["gitops.approved_by"], tags["gitops.commit"]) == (
        str(number),
        "@bob",
        sha,
    )
    asked = len(hub.api.requests)
    assert hub.reconcile().json["summary"]["unchanged"] == 1
    assert len(hub.api.requests) == asked, "nothing depends on GitHub any more"
    assert hub.tags(2) == tags
    [event] = [
        one for one in hub.team.run("log", "churn", "--format", "json").json if one["commit"] == sha
    ]
    assert (event["pr"], event["approved_by"], event["approved_by_source"]) == (
        number,
        ["@bob"],
        "receipt",
    )


@pytest.mark.parametrize(
    ("reviewer", "why"),
    [
        (None, "0 of 1 approval: nobody has reviewed #1"),
        ("reader", "0 of 1 approval: @reader has no write permission (read)"),
        ("robot[bot]", "0 of 1 approval: @robot[bot] is no person"),
    ],
)
def test_without_an_approval_that_counts_it_is_refused(
    hub: Hub, reviewer: str | None, why: str
) -> None:
    number, _ = hub.propose("promote", STAGES.format(2))
    hub.repo.user("reader", "read")
    hub.repo.user("robot[bot]", "write", kind="Bot")
    if reviewer:
        hub.repo.review(number, reviewer)
    hub.repo.merge(number, "squash", by="carol")
    hub.main()
    ran = hub.reconcile()
    assert ran.code == 4 and why in ran.json["models"][0]["refusals"][0]["detail"]
    assert hub.production() == 1


def test_a_direct_push_with_the_number_of_another_is_refused(hub: Hub) -> None:
    number, _ = hub.propose("harmless", STAGES.format(1) + "description: Words\n")
    hub.repo.review(number, "bob")
    hub.repo.merge(number, "squash", by="carol")
    hub.main()
    pushed = hub.team.commit(f"Promote (#{number})", churn=STAGES.format(2))
    hub.push("main")
    ran = hub.reconcile()
    assert ran.code == 4
    assert (
        f"no pull request merged into main made {pushed[:7]}"
        in ran.json["models"][0]["refusals"][0]["detail"]
    )


def test_a_merge_made_by_hand_that_says_something_else_is_refused(hub: Hub) -> None:
    number, _ = hub.propose("promote", STAGES.format(2))
    hub.repo.review(number, "bob")
    hub.main()
    hub.team.git("merge", "-q", "--no-ff", "--no-commit", "promote")
    hub.team.commit("Merge pull request #1 from acme/promote", churn=STAGES.format(3))
    hub.push("main")
    ran = hub.reconcile()
    assert ran.code == 4 and hub.production() == 1
    why = f"the commit that merged #{number} puts 3 in Production, which #{number} does not"
    assert why in ran.json["models"][0]["refusals"][0]["detail"]


def test_a_branch_behind_main_is_merged_with_what_main_has(hub: Hub) -> None:
    text = "name: churn\ndescription: {}\ntags:\n  a: b\n  c: d\nstages:\n  Production: {}\n"
    hub.main()
    hub.team.commit("Longer", churn=text.format("Old", 1))
    hub.push("main")
    number, _ = hub.propose("promote", text.format("Old", 2))
    hub.repo.review(number, "bob")
    hub.main()
    hub.team.commit("Meanwhile", churn=text.format("New", 1))
    hub.push("main")
    hub.repo.merge(number, "merge", by="carol")
    hub.main()
    assert hub.reconcile().code == 0 and hub.production() == 2


def test_a_silent_github_refuses_and_what_it_said_before_stays(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, _ = hub.propose("promote", STAGES.format(2))
    hub.repo.review(number, "bob")
    hub.repo.merge(number, "squash", by="carol")
    hub.main()
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    ran = hub.reconcile()
    assert (
        ran.code == 4 and "could not be reached" in ran.json["models"][0]["refusals"][0]["detail"]
    )
    monkeypatch.setenv("GITHUB_API_URL", hub.api.url)
    assert hub.reconcile().code == 0
    before = hub.tags(2)
    # Something moves again, and GitHub is silent: the stamps of the commit that it vouched for are
    # as they were.
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    hub.team.commit("Words", churn=STAGES.format(2) + "description: Words\n")
    hub.push("main")
    assert hub.reconcile().code == 0
    assert hub.tags(2) == before and before["gitops.approved_by"] == "@bob"
    # A model that is taken as new needs its approvals again: a silent GitHub refuses it, and the
    # stamps stay.
    silent = hub.team.run("reconcile", "churn", "--adopt", "--yes")
    assert silent.code == 4 and "could not be reached" in silent.out, silent.out
    assert hub.tags(2) == before and hub.production() == 2
    monkeypatch.setenv("GITHUB_API_URL", hub.api.url)
    assert hub.team.run("reconcile", "churn", "--adopt", "--yes").code == 0
    assert {k: v for k, v in hub.tags(2).items() if "held" not in k} == {
        k: v for k, v in before.items() if "held" not in k
    }


def test_without_github_the_message_is_all_there_is(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    sha = hub.team.commit(
        "Stage it (#41)", churn="name: churn\nstages: {Production: 1, Staging: 2}\n"
    )
    hub.push("main")
    assert hub.reconcile().code == 0
    [known] = hub.recorded(sha)["people"]
    assert known == {
        "commit": sha,
        "pr": 41,
        "pr_source": "message",
        "merged_by": None,
        "approved_by": [],
    }
    assert hub.tags(2)["gitops.pr"] == "41" and "gitops.approved_by" not in hub.tags(2)
    hub.team.commit("Promote", churn=STAGES.format(2))
    hub.push("main")
    ran = hub.reconcile()
    assert ran.code == 4
    detail = ran.json["models"][0]["refusals"][0]["detail"]
    assert "the forge is not configured" in detail


def test_approvals_from_messages_are_claims(hub: Hub) -> None:
    hub.team.git("checkout", "-q", "-b", "messages")
    hub.team.write(
        "policy.yaml", POLICY.replace("approvals: 1", "approvals: {count: 1, from: message}")
    )
    hub.team.commit("Believe messages")
    hub.push("messages")
    number = hub.repo.open_pull("messages", "Believe messages", user="alice").number
    hub.repo.review(number, "bob")
    hub.repo.merge(number, "squash", by="carol")
    hub.main()
    assert hub.reconcile().code == 0
    hub.team.commit("Promote\n\nApproved-by: A Person <a@example.org>", churn=STAGES.format(2))
    hub.push("main")
    ran = hub.reconcile()
    assert (
        ran.code == 4 and "took part in making it" in ran.json["models"][0]["refusals"][0]["detail"]
    )
    hub.team.git("checkout", "-q", "-b", "work")
    hub.team.commit("The work\n\n* Approved-by: B Person <b@example.org>", churn=STAGES.format(3))
    hub.team.git("checkout", "-q", "main")
    hub.team.git("merge", "-q", "--no-ff", "-m", "Merge the work", "work")
    hub.push("main")
    ran = hub.reconcile()
    assert ran.code == 0, ran.out
    [gate] = [one for one in ran.json["models"][0]["gates"] if one["gate"] == "approvals"]
    assert gate["detail"] == "claimed in the message: approved by B Person <b@example.org>"
    assert hub.production() == 3 and "gitops.approved_by" not in hub.tags(3)


# -- github drift and github summary ---------------------------------------------------------------


def test_drift_that_is_only_reported_is_kept_in_one_issue(hub: Hub, tmp_path: Path) -> None:
    hub.team.write("policy.yaml", POLICY + "drift: report\n")
    hub.team.commit("Report")
    hub.push("main")
    output = tmp_path / "OUTPUT"
    assert hub.team.run("github", "drift").code == 0
    assert not hub.repo.issues and output.read_text() == "heal=false\n"
    hub.client.set_registered_model_alias("churn", "production", "3")
    for _ in range(2):
        assert hub.team.run("github", "drift").code == 0
    [issue] = hub.repo.issues.values()
    assert (
        issue.title == "MLflow differs from git: 1 model"
        and "`churn`" in issue.body
        and issue.state == "open"
    )
    assert output.read_text() == "heal=false\n" * 3 and hub.production() == 3
    hub.client.set_registered_model_alias("churn", "production", "1")
    assert hub.team.run("github", "drift").code == 0
    assert issue.state == "closed"


def test_drift_that_is_healed_needs_no_issue(hub: Hub, tmp_path: Path) -> None:
    hub.client.set_registered_model_alias("churn", "production", "3")
    assert hub.team.run("github", "drift").code == 0
    assert not hub.repo.issues and (tmp_path / "OUTPUT").read_text() == "heal=true\n"
    assert hub.production() == 3, "looking changes nothing"


@pytest.mark.parametrize("refusal", ["disabled", 403, 422, 502])
def test_healing_does_not_wait_for_an_issue(hub: Hub, tmp_path: Path, refusal: int | str) -> None:
    hub.client.set_registered_model_alias("churn", "production", "3")
    hub.team.write("models/other.yaml", "name: other\nstages: {Staging: 9}\n")
    hub.team.commit("A version that does not exist")
    hub.push("main")
    if refusal == "disabled":
        hub.repo.has_issues = False
    else:
        hub.api.fail("POST .*/issues$", int(refusal), "Refused", times=9)
    ran = hub.team.run("github", "drift")
    assert ran.code == 1 and "issue" in ran.err, ran.err
    assert (tmp_path / "OUTPUT").read_text() == "heal=true\n"
    assert "`other`" in (tmp_path / "STEP_SUMMARY").read_text()


def test_without_drift_disabled_issues_are_no_failure(hub: Hub, tmp_path: Path) -> None:
    hub.repo.has_issues = False
    assert hub.team.run("github", "drift").code == 0
    assert (tmp_path / "OUTPUT").read_text() == "heal=false\n"


def test_a_plan_and_a_reconcile_ask_for_nothing_twice(hub: Hub) -> None:
    """The requests for one approved pull request; GitHub allows a job's token 1,000 an hour."""
    hub.repo.user("ada", "write", mails=("a@example.org",))
    number, head = hub.propose("promote", STAGES.format(2))
    hub.repo.review(number, "bob")
    hub.main()
    hub.api.requests.clear()
    assert hub.plan(head).code == 0
    planned = list(hub.api.requests)
    assert len(planned) <= 6, planned
    reads = [request for request in planned if request[0] == "GET"]
    assert len(reads) == len(set(reads)), reads
    hub.repo.merge(number, "squash", by="carol")
    hub.main()
    hub.api.requests.clear()
    assert hub.reconcile().code == 0
    assert len(hub.api.requests) <= 6, hub.api.requests
    assert len(hub.api.requests) == len(set(hub.api.requests)), hub.api.requests


def test_in_a_locked_conversation_the_status_shows_the_plan(hub: Hub, tmp_path: Path) -> None:
    number, head = hub.propose("promote", STAGES.format(2))
    hub.repo.pull(number).locked = True
    ran = hub.plan(head)
    assert ran.code == 0 and f"#{number} is locked" in ran.err, ran.err
    assert hub.status(head)[0] == "success" and "Plan" in hub.status(head)[1], hub.status(head)
    assert "churn" in (tmp_path / "STEP_SUMMARY").read_text()


def test_a_reconcile_is_told_to_the_workflow(hub: Hub, tmp_path: Path) -> None:
    hub.team.commit("Stage", churn="name: churn\nstages: {Production: 1, Staging: 2}\n")
    hub.push("main")
    (tmp_path / "done.json").write_text(hub.reconcile().out)
    assert hub.team.run("github", "summary", str(tmp_path / "done.json")).code == 0
    name, _, value = (tmp_path / "OUTPUT").read_text().strip().partition("=")
    assert name == "changed" and json.loads(value) == [
        {"model": "churn", "stage": "Staging", "version": 2}
    ]
    assert "✅ `churn` applied: `Staging` 2" in (tmp_path / "STEP_SUMMARY").read_text()


def test_what_a_reconcile_changed_is_split_and_hostile_text_is_inert(
    hub: Hub, tmp_path: Path
) -> None:
    changed = [{"model": f"m{i}", "stage": "Production", "version": 1} for i in range(450)]
    evil = "x\n@everyone <img src=x> [a](b) ::error::x"
    refusal = {"code": "gate", "detail": evil, "way_out": "`" + evil}
    done = {
        "commit": "a" * 40,
        "models": [{"model": evil, "result": "refused", "refusals": [refusal], "error": None}],
        "changed": changed,
        "refusals": [],
        "summary": {"models": 1, "changes": 450},
    }
    (tmp_path / "done.json").write_text(json.dumps(done))
    assert hub.team.run("github", "summary", str(tmp_path / "done.json")).code == 0
    outputs = dict(line.split("=", 1) for line in (tmp_path / "OUTPUT").read_text().splitlines())
    assert {name: len(json.loads(value)) for name, value in outputs.items()} == {
        "changed": 200, "changed-2": 200, "changed-3": 50
    }  # fmt: skip
    page = (tmp_path / "STEP_SUMMARY").read_text()
    assert "\n@everyone" not in page and "`x\\n@everyone <img src=x> [a](b) ::error::x`" in page
    (tmp_path / "OUTPUT").unlink()
    (tmp_path / "done.json").write_text(json.dumps({**done, "changed": []}))
    hub.team.run("github", "summary", str(tmp_path / "done.json"))
    assert not (tmp_path / "OUTPUT").exists()
    for bad in ("[]", "{}", "no json"):
        (tmp_path / "done.json").write_text(bad)
        ran = hub.team.run("github", "summary", str(tmp_path / "done.json"))
        assert ran.code == 1 and "is not what reconcile --format json prints" in ran.err
