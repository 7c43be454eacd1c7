"""Which commits `github plan` plans: the heads of open pull requests into main, and the groups of a
merge queue (RULES R7, R9)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.github.hub import STAGES, Hub


def dispatched(folder: Path, monkeypatch: pytest.MonkeyPatch, head: str) -> None:
    """Make this process a run that was dispatched for a head."""
    event = {"inputs": {"head": head}, "ref": "refs/heads/main"}
    (folder / "event.json").write_text(json.dumps(event))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(folder / "event.json"))


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
