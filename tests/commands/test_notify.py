"""Notifications: each thing once, to those whom notify.yaml names, and a dead channel stops
nothing. The servers are real."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mlflow_gitops.edges.notifying.sending import Parcel, send
from tests.support.notifying.inbox import Inbox, mail_server, webhook_server
from tests.support.team import Team
from tests.support.watch.rounds import Rounds

VARIABLE = "MLFLOW_GITOPS_NOTIFY_RISK"
SECRET = "T0kenOfTheChannel9"
NOTIFY = f"channels: {{risk: {{env: {VARIABLE}}}}}\nrules: [{{to: [risk]}}]\n"
OWNED = "owners: ['@acme/risk']\nstages: {{Production: {}}}\n"


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """A webhook whose address, with a token in it, is in the variable of the channel risk."""
    with webhook_server() as made:
        monkeypatch.setenv(VARIABLE, made.address(SECRET))
        yield made


@pytest.fixture
def team(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Team:
    """Two models of two versions, and a repository that notifies the channel risk of all."""
    uri = blank_registry(tmp_path / "mlflow.db")
    client = MlflowClient(uri)
    for name in ("fraud", "churn"):
        client.create_registered_model(name)
        for _ in (1, 2):
            client.create_model_version(name, "s3://bucket/x", await_creation_for=0)
    made = Team(tmp_path / "repo", uri)
    made.write("policy.yaml", "stages: {Production: {alias: production}}\n")
    made.write("notify.yaml", NOTIFY)
    made.commit("First", fraud=OWNED.format(1), churn=OWNED.format(1))
    return made


def test_a_run_sends_one_message_about_all_it_did_and_repeats_nothing(
    team: Team, inbox: Inbox
) -> None:
    assert team.run("reconcile", "--yes").code == 0
    [message] = inbox.take()
    assert message["title"] == "mlflow-gitops: 2 applied"
    assert [line.partition(",")[0] for line in message["message"].splitlines()] == [
        "applied:",
        "- churn: Production — → 1",
        "- fraud: Production — → 1",
    ]
    assert team.run("reconcile", "--yes").code == 0 and inbox.take() == []

    team.commit("Promote @channel <!here>", fraud=OWNED.format(2))
    assert team.run("reconcile", "--yes").code == 0
    [message] = inbox.take()
    assert message["title"] == "mlflow-gitops: fraud: applied"
    assert "@" not in message["message"] and "<" not in message["message"]

    team.commit("Back", fraud=OWNED.format(1))
    MlflowClient(team.uri).transition_model_version_stage("churn", "1", "Archived")
    assert team.run("reconcile", "--yes").code == 0
    [message] = inbox.take()
    assert message["title"] == "mlflow-gitops: 1 rolled back, 1 drift"
    assert "- churn: Production put back to 1: 1 was moved to Archived" in message["message"]

    wrong = team.commit("Wrong", fraud=OWNED.format(9))
    assert team.run("reconcile", "--yes").code == 4
    assert [message["title"] for message in inbox.take()] == ["mlflow-gitops: fraud: refused"]
    assert team.run("reconcile", "--yes").code == 4 and inbox.take() == [], "this clone knows it"
    (team.folder / ".git/mlflow-gitops-notified").rename(team.folder / "forgotten")
    for since in (wrong, ""):
        team.run("reconcile", "--yes", "--since", since)
        assert inbox.take() == [], "nothing new since then; and no push started the run"
    assert team.run("reconcile", "--yes", "--since", f"{wrong}~1").code == 4
    assert len(inbox.take()) == 1


def test_a_dead_channel_changes_no_exit_code_and_shows_no_secret(team: Team, inbox: Inbox) -> None:
    inbox.status = 404
    ran = team.run("reconcile", "--yes")
    assert ran.code == 0
    assert "channel risk did not take the message: its server answered 404" in ran.err
    assert SECRET not in ran.out + ran.err and inbox.paths == [f"/{SECRET}"]
    assert SECRET not in team.git("log", "-p", "--all")

    team.write("notify.yaml", "channels: 7\n")
    team.commit("Broken", fraud=OWNED.format(2))
    ran = team.run("reconcile", "--yes")
    assert ran.code == 0 and "nobody was notified: registry/notify.yaml:1: " in ran.err


def test_the_loop_sends_what_was_not_taken_with_what_is_new(team: Team, inbox: Inbox) -> None:
    inbox.status = 503
    rounds = Rounds(team)
    failures = [news.failure for news in rounds(3) if news.failure]
    assert len(failures) == 1 and "answered 503" in failures[0], "news once, not once a round"
    team.commit("Wrong", fraud=OWNED.format(9))
    inbox.status = 200
    rounds(3)
    assert [message["title"] for message in inbox.take()] == ["mlflow-gitops: 1 refused, 2 applied"]
    again = Rounds(team)
    again(2)
    assert inbox.take() == [], "a loop that is started again remembers"
    team.commit("Right", fraud=OWNED.format(2))
    again(2)
    assert [message["title"] for message in inbox.take()] == ["mlflow-gitops: fraud: applied"]


def test_a_trial_message(team: Team, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = team.run("notify", "--test", "risk", "--format", "json")
    assert ran.code == 0 and ran.json["channels"] == [
        {"channel": "risk", "delivered": True, "fault": None}
    ]
    assert [message["title"] for message in inbox.take()] == ["mlflow-gitops: trial message"]
    inbox.status = 500
    ran = team.run("notify", "--test")
    assert ran.code == 1 and "its server answered 500" in ran.out and SECRET not in ran.out

    monkeypatch.setenv("MLFLOW_GITOPS_NOTIFY", f"{VARIABLE}=nonsense://{SECRET}\n")
    monkeypatch.delenv(VARIABLE)
    ran = team.run("notify", "--test")
    assert ran.code == 1 and "an address that Apprise does not understand" in ran.out
    monkeypatch.delenv("MLFLOW_GITOPS_NOTIFY")
    ran = team.run("notify")
    assert ran.code == 0 and f"neither {VARIABLE} nor a line of" in ran.out
    assert team.run("notify", "--test").code == 1
    assert "did you mean 'risk'" in team.run("notify", "rsk").err
    assert team.run("notify", "--test", "--dry-run").code == 64


def test_who_would_get_what(team: Team) -> None:
    rule = "rules: [{to: [risk], models: ['fr*'], events: [refused, applied]}]\n"
    team.write("notify.yaml", NOTIFY.partition("rules")[0] + rule)
    routes = team.run("notify", "--dry-run", "--format", "json").json["routes"]
    assert routes == [
        {
            "model": "fraud",
            "environment": None,
            "events": ["refused", "applied"],
            "channel": "risk",
        }
    ]


def test_a_channel_that_hangs_is_given_up(inbox: Inbox) -> None:
    inbox.gate = threading.Event()
    parcel = Parcel("risk", inbox.address(), "title", "text")
    assert send([parcel], seconds=0.5) == ["gave no answer within 0.5 seconds"]
    assert "127.0.0.1" not in repr(parcel)


def test_mail_has_the_headers_that_it_is_given_and_no_others() -> None:
    with mail_server() as inbox:
        address = f"mailto://127.0.0.1:{inbox.port}?to=ml@acme.example&from=gitops@acme.example"
        title = "mlflow-gitops: a Bcc: all＠acme.example: applied"
        assert send([Parcel("mail", address, title, "applied:\n- a: Production 1 → 2")]) == [None]
        [message] = inbox.take()
    assert message["Subject"] == title and message["Bcc"] is None
    assert message["X-Recipients"] == "ml@acme.example"
    assert "Production 1 → 2" in message.get_content()
