"""A run that nobody started: GitHub names the person who changed the schedule last."""

from __future__ import annotations

import json

import pytest

from tests.support.attacks.company import MODEL, Company
from tests.support.receipts import receipts_in


@pytest.mark.parametrize(
    ("actor", "triggering"), [("alice", "alice"), ("alice", ""), ("github-actions", "alice")]
)
def test_schedule_that_names_a_person(
    company: Company, monkeypatch: pytest.MonkeyPatch, actor: str, triggering: str
) -> None:
    """Alice edited the cron line; she neither healed anything nor saw it."""
    company.client.set_registered_model_alias(MODEL, "production", "3")
    monkeypatch.setenv("GITHUB_ACTOR", actor)
    monkeypatch.setenv("GITHUB_TRIGGERING_ACTOR", triggering)
    monkeypatch.setenv("GITHUB_EVENT_NAME", "schedule")
    assert company.reconcile("--push-receipts").code == 0

    content = receipts_in(company.team.folder)[-1].content
    assert content["by"] == "schedule" and "actor" not in content.get("run", {})
    log = company.team.run("log", "--format", "json")
    [drift] = [event for event in log.json if event["type"] == "drift"]
    shown = json.dumps(drift) + company.team.run("show", MODEL).out
    assert "by the run of schedule" in shown and "@alice" not in shown
