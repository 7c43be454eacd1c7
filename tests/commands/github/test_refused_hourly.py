"""Refusals that begin without a push: the hourly run sends each once, and none that a push made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.support.github.hub import STAGES, Hub
from tests.support.github_state import Repository
from tests.support.notifying.inbox import Inbox, webhook_server
from tests.support.team import Ran, Team

VARIABLE = "MLFLOW_GITOPS_NOTIFY_RISK"
POLICY = """\
stages:
  Staging: {alias: staging, require: {tags: {validation: passed}}}
  Production:
    alias: production
    from: [Staging]
    soak: 1h
    require: {tags: {validation: passed}}
"""
NOTIFY = f"""\
channels: {{risk: {{env: {VARIABLE}}}}}
rules: [{{to: [risk], events: [refused]}}]
"""
STAGED = "name: churn\nstages: {Staging: 2, Production: 1}\n"
PROMOTED = "name: churn\nstages: {Production: 2}\n"


class Hourly:
    """The team with the workflow `heal`, and a channel that gets refusals."""

    def __init__(self, hub: Hub, inbox: Inbox, patch: pytest.MonkeyPatch) -> None:
        self.hub, self.inbox, self._patch = hub, inbox, patch

    def drift(self) -> Ran:
        """What `heal.yml` runs, as a run of its own."""
        run = self.hub.repo.run(
            "heal", "schedule", "github-actions[bot]", status="in_progress", conclusion=None
        )
        self._patch.setenv("GITHUB_RUN_ID", str(run.id))
        ran = self.hub.team.run("github", "drift")
        assert ran.code == 0, ran.out + ran.err
        run.status, run.conclusion = "completed", "success"
        return ran

    def push(self, subject: str, manifest: str) -> None:
        """A push, and the reconcile that it starts."""
        before = self.hub.main()
        self.hub.team.commit(subject, churn=manifest)
        self.hub.push("main")
        self.hub.team.run("reconcile", "--yes", "--since", before)

    def later(self, hours: float) -> None:
        later = datetime.now(timezone.utc) + timedelta(hours=hours)
        settings = replace(self.hub.team.settings, now=lambda: later)
        self._patch.setattr(self.hub.team, "settings", settings)

    def messages(self) -> list[str]:
        return [message["message"] for message in self.inbox.take()]


@pytest.fixture(scope="module")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> Path:
    """What `hub` copies: 1 is in Production, and nothing needs an approval."""
    folder = tmp_path_factory.mktemp("hourly")
    uri = blank_registry(folder / "mlflow.db")
    client = MlflowClient(uri)
    client.create_registered_model("churn")
    tags = {"validation": "passed"}
    for _ in range(3):
        client.create_model_version("churn", "s3://models/x", tags=tags, await_creation_for=0)
    team = Team(folder / "clone", uri)
    team.write("policy.yaml", "stages: {Production: {alias: production}}\n")
    team.commit("First", churn=STAGES.format(1))
    team.reconcile()
    team.write("policy.yaml", POLICY)
    team.write("notify.yaml", NOTIFY)
    team.commit("Gates")
    team.git("remote", "add", "origin", str(Repository(folder / "hub").path))
    team.git("push", "-q", "origin", "main")
    return folder


@pytest.fixture
def hourly(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hourly]:
    with webhook_server() as inbox:
        monkeypatch.setenv(VARIABLE, inbox.address())
        made = Hourly(hub, inbox, monkeypatch)
        made.drift()
        assert made.messages() == []
        yield made


def test_what_fails_when_a_soak_is_over_is_sent_once(hourly: Hourly) -> None:
    hub = hourly.hub
    hourly.push("Stage 2", STAGED)
    hourly.push("Promote 2", PROMOTED)
    hourly.drift()
    assert hourly.messages() == [], "the soak keeps it back"

    hub.client.delete_model_version_tag("churn", "2", "validation")
    hourly.later(2)
    hourly.inbox.status = 503
    assert "its server answered 503" in hourly.drift().err
    hourly.inbox.status = 200
    hourly.drift()
    [message] = hourly.messages()
    assert message.startswith("refused:\n- churn: ") and "validation" in message
    hourly.drift()
    hourly.push("Description", PROMOTED + "description: New.\n")
    hourly.drift()
    assert hourly.messages() == [], "the same refusal, whatever else is pushed"

    hub.client.set_model_version_tag("churn", "2", "validation", "passed")
    hourly.drift()
    hub.client.delete_model_version_tag("churn", "2", "validation")
    hourly.drift()
    assert len(hourly.messages()) == 1, "it had ended, and began again"


def test_what_is_missing_in_mlflow_since_is_sent_once(hourly: Hourly) -> None:
    hourly.push("Stage 2", STAGED)
    hourly.drift()
    hourly.hub.client.delete_model_version("churn", "2")
    hourly.hub.api.fail("GET .*/workflows/[0-9]+/runs", 403, "Forbidden")
    assert "nobody was notified of new refusals: " in hourly.drift().err
    assert hourly.messages() == []
    for _ in range(2):
        hourly.drift()
    [message] = hourly.messages()
    assert message.startswith("refused:\n- churn: ") and "2" in message


def test_what_a_push_made_is_not_sent_again_until_more_refuses(hourly: Hourly) -> None:
    hub = hourly.hub
    hourly.push("Stage 2", STAGED)
    hourly.push("Promote 3", STAGED.replace("1}", "3}"))
    assert len(hourly.messages()) == 1, "by the reconcile of the push"
    for _ in range(2):
        hourly.drift()
    assert hourly.messages() == []

    hub.client.delete_model_version("churn", "2")
    for _ in range(2):
        hourly.drift()
    assert len(hourly.messages()) == 1, "no push made that"
