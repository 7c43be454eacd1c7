"""What the workflows notify of: one message for one thing, remembered in the text on the forge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from tests.support.github.hub import POLICY, STAGES, Hub
from tests.support.notifying.inbox import Inbox, webhook_server

VARIABLE = "MLFLOW_GITOPS_NOTIFY_RISK"


@pytest.fixture
def inbox(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """A channel that main's notify.yaml sends everything to."""
    with webhook_server() as made:
        monkeypatch.setenv(VARIABLE, made.address())
        channels = f"channels: {{risk: {{env: {VARIABLE}}}}}\nrules: [{{to: [risk]}}]\n"
        hub.main()
        hub.team.write("notify.yaml", channels)
        hub.team.write("policy.yaml", POLICY + "drift: report\n")
        hub.team.commit("Notify")
        hub.push("main")
        assert hub.team.run("reconcile", "--yes").code == 0
        made.take()
        yield made


def titles(inbox: Inbox) -> list[str]:
    return [message["title"] for message in inbox.take()]


def test_a_pull_request_that_waits_for_approval_is_sent_once(hub: Hub, inbox: Inbox) -> None:
    number, head = hub.propose("promote", STAGES.format(2))
    inbox.status = 503
    ran = hub.plan(head)
    assert ran.code == 0 and "its server answered 503" in ran.err
    inbox.status = 200
    assert hub.plan(head).code == 0
    [message] = inbox.take()
    assert message["title"] == "mlflow-gitops: churn: waiting for approval"
    assert "- churn: Production 1 → 2, needs 1 approval" in message["message"]
    assert f"/pull/{number}" in message["message"].splitlines()[-1]
    assert hub.plan(head).code == 0 and inbox.take() == [], "the comment remembers it"
    hub.repo.review(number, "bob")
    assert hub.plan(head).code == 0 and inbox.take() == []


def test_drift_that_is_left_is_sent_as_its_issue_is_opened(hub: Hub, inbox: Inbox) -> None:
    hub.main()
    assert hub.team.run("github", "drift").code == 0 and inbox.take() == []
    hub.client.set_registered_model_alias("churn", "production", "3")
    for _ in range(2):
        assert hub.team.run("github", "drift").code == 0
    assert titles(inbox) == ["mlflow-gitops: churn: drift"]


def test_what_waits_too_long_for_the_reconciler_is_sent_once(
    hub: Hub, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.main()
    hub.team.commit("Description", churn=STAGES.format(1) + "description: New.\n")
    hub.push("main")
    assert hub.team.run("github", "drift").code == 0 and inbox.take() == [], "not yet"
    later = datetime.now(timezone.utc) + timedelta(hours=3)
    monkeypatch.setattr(hub.team, "settings", replace(hub.team.settings, now=lambda: later))
    for _ in range(2):
        assert hub.team.run("github", "drift").code == 0
    assert titles(inbox) == ["mlflow-gitops: 1 reconciler not running"]
    [issue] = hub.repo.issues.values()
    assert issue.title == "What was merged is not reconciled" and issue.state == "open"
    assert hub.team.run("reconcile", "--yes").code == 0
    assert hub.team.run("github", "drift").code == 0 and issue.state == "closed"
