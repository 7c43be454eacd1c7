"""What is due to each channel: one message for one thing, and again what was not delivered."""

from __future__ import annotations

from mlflow_gitops.core.notifying.events import NotifyEvent
from mlflow_gitops.core.notifying.outbox import MOST_PENDING, Outbox

APPLIED = NotifyEvent("applied", "x", "a")
REFUSED = NotifyEvent("refused", "x", "a")
DRIFT = NotifyEvent("drift", "x", "a")


def test_what_goes_on_is_due_once_and_again_after_it_ended() -> None:
    outbox = Outbox()
    outbox.add_ongoing({"c": [REFUSED]}, ["refused"])
    assert outbox.due() == {"c": (REFUSED,)}
    outbox.delivered("c")
    outbox.add_ongoing({"c": [REFUSED]}, ["refused"])
    assert outbox.due() == {}
    outbox.add_ongoing({}, ["refused"])
    outbox.add_ongoing({"c": [REFUSED]}, ["refused"])
    assert outbox.due() == {"c": (REFUSED,)}


def test_what_was_not_delivered_comes_with_what_is_new_and_nothing_ended() -> None:
    outbox = Outbox()
    outbox.add_happened({"c": [APPLIED], "d": [APPLIED]})
    outbox.add_ongoing({"c": [REFUSED]}, ["refused"])
    outbox.delivered("d")
    outbox.add_ongoing({"c": [DRIFT]}, ["refused", "drift"])
    assert outbox.due() == {"c": (APPLIED, DRIFT)}


def test_only_the_kinds_that_were_looked_for_end() -> None:
    outbox = Outbox()
    outbox.add_ongoing({"c": [REFUSED]}, ["refused"])
    outbox.delivered("c")
    outbox.add_ongoing({}, ["drift"])
    outbox.add_ongoing({"c": [REFUSED]}, ["refused"])
    assert outbox.due() == {}


def test_what_was_sent_is_remembered_over_a_restart() -> None:
    outbox = Outbox()
    outbox.add_happened({"c": [APPLIED]})
    outbox.add_ongoing({"c": [REFUSED]}, ["refused"])
    outbox.delivered("c")
    assert outbox.sent == {"c": {REFUSED.key: "refused"}}
    after = Outbox(outbox.sent)
    after.add_ongoing({"c": [REFUSED]}, ["refused"])
    assert after.due() == {}


def test_a_dead_channel_keeps_a_bounded_number() -> None:
    outbox = Outbox()
    for number in range(MOST_PENDING + 20):
        outbox.add_happened({"c": [NotifyEvent("applied", "x", f"m{number}")]})
    due = outbox.due()["c"]
    assert len(due) == MOST_PENDING and due[0].model == "m20"
