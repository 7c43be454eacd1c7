"""The script that asks GitHub itself, run on the GitHub of the tests, and what it recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.recorded.probes import BRANCH, CHECK, STATUS, WORKFLOWS
from tests.recorded.record import (
    ASSUMED,
    OPEN,
    TOPIC,
    NotForThis,
    RealRun,
    differences,
    main,
    write,
)
from tests.support.act import BOT
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository

RECORDED = sorted(Path(__file__).parent.glob("*.json"))


class Runs:
    """What GitHub runs while the script waits: the workflow `probe`, with its own token."""

    def __init__(self, hub: Repository) -> None:
        self.hub = hub

    def __call__(self, seconds: float) -> None:
        while self.hub.dispatched:
            assert self.hub.dispatched.pop(0)["workflow"] == "probe.yml"
            self._probe()

    def _probe(self) -> None:
        hub = self.hub
        tree = hub.git("rev-parse", "main^{tree}")
        head = hub.git("commit-tree", tree, "-p", hub.tip("main"), "-m", "Probe")
        hub.git("update-ref", f"refs/heads/{BRANCH}", head)
        hub.open_pull(BRANCH, "Probe", user=BOT)
        at_head = {"head_sha": head, "head_branch": BRANCH}
        hub.run("checked", "pull_request", BOT, conclusion="action_required", **at_head)
        hub.run("checked", "workflow_dispatch", BOT, **at_head)
        hub.checks.append((head, CHECK, "workflow_dispatch"))
        hub.statuses[head] = [{"context": STATUS, "state": "success"}]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubAPI]:
    hub = Repository(tmp_path)
    hub.user("ada", "admin")
    tree = hub.git("hash-object", "-t", "tree", "-w", "/dev/null")
    hub.git("update-ref", "refs/heads/main", hub.git("commit-tree", tree, "-m", "First"))
    with GitHubAPI(hub).serving() as served:
        yield served


def test_the_script_asks_what_the_page_lists(api: GitHubAPI, tmp_path: Path) -> None:
    hub, token = api.repository, api.token("ada")
    hub.topics = [TOPIC]
    api.fail("POST .*/dispatches", 404, "Not Found", times=2)  # right after the workflow's push
    run = RealRun(hub.full_name, token, api.url, wait=Runs(hub))
    answers = run.run()
    assert set(answers) == {*ASSUMED, *OPEN}
    assert differences(answers) == []

    # It leaves no protection and no branch, and keeps no token.
    assert "branches/main/protection" not in hub.settings and not hub.tip(f"refs/heads/{BRANCH}")
    recorded = write(run, answers, tmp_path)
    assert json.loads(recorded.read_text())["answers"] == answers
    assert token not in recorded.read_text()

    # A GitHub that does otherwise is reported.
    other = answers | {"1 a dispatched run's check lets merge": True}
    assert len(differences(other)) == 1


def test_it_touches_no_other_repository(api: GitHubAPI) -> None:
    hub = api.repository
    for topics, private in (([], False), ([TOPIC], True)):
        hub.topics, hub.private = topics, private
        with pytest.raises(NotForThis):
            RealRun(hub.full_name, api.token("ada"), api.url, wait=Runs(hub)).run()
    assert {method for method, _ in api.requests} == {"GET"}


def test_what_goes_wrong_is_a_sentence(
    api: GitHubAPI, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["record"])
    monkeypatch.setenv("GITHUB_API_URL", api.url)
    monkeypatch.setenv("GITHUB_TOKEN", api.token("ada"))
    assert main() == 64
    monkeypatch.setattr("sys.argv", ["record", api.repository.full_name])
    assert main() == 1
    monkeypatch.setattr("sys.argv", ["record", "acme/nothing"])
    assert main() == 1
    printed = capsys.readouterr().err
    assert "error: acme/models is not public, or lacks" in printed and ": 404 " in printed


def test_its_workflows_can_be_read() -> None:
    for name, text in WORKFLOWS.items():
        workflow = yaml.safe_load(text)
        assert workflow["name"] == name.removesuffix(".yml") and " uses:" not in text


def test_what_was_recorded_is_as_assumed() -> None:
    for file in RECORDED:
        assert differences(json.loads(file.read_text(encoding="utf-8"))["answers"]) == [], file
