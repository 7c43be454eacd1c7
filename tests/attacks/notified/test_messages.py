"""Notifications: secrets that could leak by them, and text that could mislead who reads them. The
servers are real."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlflow_gitops.core.notifying.events import NotifyEvent
from mlflow_gitops.core.notifying.message import message_for
from mlflow_gitops.edges.notifying.sending import Parcel, send
from mlflow_gitops.edges.system.redaction import redact
from tests.support.attacks.company import MODEL, Company
from tests.support.notifying.inbox import Inbox, mail_server, webhook_server

VARIABLE = "MLFLOW_GITOPS_NOTIFY_RISK"
SECRET = "T0kenOfTheChannel9"
RULES = "rules: [{to: [risk]}]\n"
NOTIFY = f"channels: {{risk: {{env: {VARIABLE}}}}}\n{RULES}"
HOSTILE = "a\r\nBcc: all@acme.example\r\n\r\n<!channel> @everyone [log in](https://evil.example)"


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    with webhook_server() as made:
        monkeypatch.setenv(VARIABLE, made.address(SECRET))
        yield made


@pytest.mark.parametrize(
    "address", [f"slack://{SECRET}/b/c", f"mailto://me:{SECRET}@host", f"json://host/{SECRET}"]
)
def test_address_of_a_channel_in_the_file(company: Company, address: str) -> None:
    text = f"channels:\n  risk: {{address: '{address}'}}\n{RULES}"
    company.team.write("notify.yaml", text)
    ran = company.team.run("validate")
    assert ran.code == 3 and "registry/notify.yaml:2:19: error[credentials]" in ran.out
    assert SECRET not in ran.out + ran.err


@pytest.mark.parametrize("status", [200, 404])
def test_address_of_a_channel_shown(company: Company, inbox: Inbox, status: int) -> None:
    """Its server takes a message about a refusal, or is dead."""
    inbox.status = status
    company.team.write("notify.yaml", NOTIFY)
    company.write(2)
    company.commit("Nobody approved this")
    company.team.git("push", "-q", "origin", "main")
    ran = company.reconcile()
    assert ran.code == 4 and inbox.paths == [f"/{SECRET}"]
    tested = company.team.run("notify", "--test")
    shown = ran.out + ran.err + tested.out + tested.err + company.team.git("log", "-p", "--all")
    assert SECRET not in shown and inbox.paths[-1] == f"/{SECRET}"
    assert SECRET not in redact(f"error at json://127.0.0.1/{SECRET} and {SECRET}")


def test_another_secret_as_the_address_of_a_channel(company: Company) -> None:
    for name in ("MLFLOW_TRACKING_TOKEN", "GITHUB_TOKEN", "MLFLOW_GITOPS_TEAMS_TOKEN"):
        company.team.write("notify.yaml", f"channels: {{risk: {{env: {name}}}}}\n{RULES}")
        ran = company.team.run("validate")
        assert ran.code == 3 and "begins with MLFLOW_GITOPS_NOTIFY_" in ran.out


def test_message_with_headers_of_its_own() -> None:
    """A model's name begins a line of its own in a mail."""
    event = NotifyEvent("applied", HOSTILE, HOSTILE)
    message = message_for("mail", [event], None)
    with mail_server() as inbox:
        address = f"mailto://127.0.0.1:{inbox.port}?to=ml@acme.example&from=gitops@acme.example"
        assert send([Parcel("mail", address, message.title, message.text)]) == [None]
        [mail] = inbox.take()
    assert mail["Bcc"] is None and mail["X-Recipients"] == "ml@acme.example"
    assert len(mail.get_all("Subject")) == 1 and "\n" not in mail["Subject"]


def test_message_that_mentions_or_links(inbox: Inbox) -> None:
    """A model's name, and the reason in a commit, call everybody and link elsewhere."""
    event = NotifyEvent("refused", HOSTILE, HOSTILE, url="https://github.com/acme/models/pull/1")
    message = message_for("risk", [event], None)
    assert send([Parcel("risk", inbox.address(), message.title, message.text)]) == [None]
    [received] = inbox.take()
    text = f"{received['title']}\n{received['message']}".replace(event.url or "", "")
    assert not {"@", "<", "[", "]", "`"} & set(text) and "://" not in text
    assert len(received["message"].splitlines()) == 3


def test_channels_of_a_branch(company: Company, inbox: Inbox) -> None:
    """A pull request sends everything to a channel of its own; until it is merged, main's count."""
    company.team.git("checkout", "-q", "-b", "loud")
    company.team.write("notify.yaml", NOTIFY)
    company.write(2)
    company.commit("Loud")
    assert company.team.run("validate").code == 0
    company.team.git("checkout", "-q", "main")
    company.team.write("notify.yaml", NOTIFY)
    company.reconcile()
    assert inbox.messages == [], MODEL
