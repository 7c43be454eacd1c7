"""The job that runs a command: GitHub Actions, or a terminal."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mlflow_gitops.app import runners
from mlflow_gitops.app.runners import current_runner
from mlflow_gitops.edges.github.actions import GitHubActions
from mlflow_gitops.edges.runner import Runner, Terminal, Trigger
from mlflow_gitops.errors import Failure


@pytest.fixture(autouse=True)
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("GITHUB_"):
            monkeypatch.delenv(name)


def test_a_terminal_drops_what_a_job_would_show() -> None:
    runner = current_runner()
    assert isinstance(runner, Terminal)
    runner.add_summary("words")
    runner.set_output("name", "value")
    assert (runner.actor, runner.run_url, runner.trigger()) == (None, None, Trigger())


def test_github_actions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event = {"workflow_run": {"head_sha": "a" * 40, "event": "merge_group"}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    variables = {
        "ACTOR": "alice",
        "EVENT_PATH": str(tmp_path / "event.json"),
        "STEP_SUMMARY": str(tmp_path / "summary"),
        "OUTPUT": str(tmp_path / "output"),
        "SERVER_URL": "https://github.test",
        "REPOSITORY": "acme/models",
        "RUN_ID": "7",
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    runner = current_runner()
    assert isinstance(runner, GitHubActions)
    assert runner.actor == "alice"
    assert runner.run_url == "https://github.test/acme/models/actions/runs/7"
    assert runner.trigger() == Trigger("a" * 40, is_merge_queue=True)
    for text in ("first", "second"):
        runner.add_summary(text)
    runner.set_output("heal", "true")
    assert (tmp_path / "summary").read_text() == "first\nsecond\n"
    assert (tmp_path / "output").read_text() == "heal=true\n"


def test_a_summary_is_cut_before_github_drops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "summary"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    line = "ü" * 99 + "\n"
    for _ in range(2):
        current_runner().add_summary(line * 4_000)
    text = file.read_text()
    assert 990_000 < len(text.encode()) < 2**20
    kept = len(text.partition("\n\n**")[0].encode())
    written = 2 * len((line * 4_000).encode()) + 1  # each text ends with a line break
    assert text.endswith(f"**{written - kept} bytes more do not fit into this page.**\n")


@pytest.mark.parametrize(
    ("event", "started_by", "actor"),
    [
        ("push", None, "alice"),
        ("workflow_dispatch", "carol", "carol"),
        ("schedule", None, None),
        ("schedule", "alice", None),
    ],
)
def test_whoever_started_the_run(
    event: str, started_by: str | None, actor: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GITHUB_ACTOR of a schedule is the user who changed it last; of a run that somebody
    started again, the user who caused the first one."""
    monkeypatch.setenv("GITHUB_ACTOR", "alice")
    monkeypatch.setenv("GITHUB_EVENT_NAME", event)
    if started_by is not None:
        monkeypatch.setenv("GITHUB_TRIGGERING_ACTOR", started_by)
    assert (current_runner().actor, current_runner().event) == (actor, event)


def test_parts_of_a_job_set_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    runner = current_runner()
    runner.add_summary("dropped")
    runner.set_output("changed", "[]")
    assert (tmp_path / "output").read_text() == "changed=[]\n"
    assert (runner.actor, runner.run_url, runner.trigger()) == (None, None, Trigger())


@pytest.mark.parametrize("text", ["{", None])
def test_an_event_that_cannot_be_read(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "event.json"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(file))
    with pytest.raises(Failure, match="event file cannot be read"):
        current_runner().trigger()


def test_another_ci_system_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(Terminal):
        actor = "bob"

    def find() -> Runner:
        return Other()

    monkeypatch.setattr(runners, "RUNNERS", (find, *runners.RUNNERS))
    assert current_runner().actor == "bob"
