"""The text of a message: one for many models, and nothing in it is markup."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.notifying.events import NotifyEvent
from mlflow_gitops.core.notifying.message import MOST_CHARACTERS, MOST_LINES, message_for
from mlflow_gitops.core.notifying.plain_text import plain


def applied(model: str, detail: str = "Production 1 → 2") -> NotifyEvent:
    return NotifyEvent("applied", detail, model, "Production", 2)


def test_one_event_is_in_the_title() -> None:
    event = NotifyEvent("refused", "metrics: 61 > 50", "fraud", url="https://forge/pull/1")
    message = message_for("risk", [event], "prod")
    assert message.title == "mlflow-gitops (prod): fraud: refused"
    assert message.text.splitlines() == [
        "refused:", "- fraud: metrics: 61 > 50", "https://forge/pull/1",
    ]  # fmt: skip


def test_many_models_are_one_message_of_bounded_length() -> None:
    events = [applied(f"model-{number}", "x" * 400) for number in range(300)]
    message = message_for("risk", [*events, NotifyEvent("unhealthy", "errors", "z")], None)
    assert message.title == "mlflow-gitops: 1 unhealthy, 300 applied"
    lines = message.text.splitlines()
    assert lines[:2] == ["unhealthy:", "- z: errors"]
    assert lines[-1] == f"- and {300 - (len(lines) - 4)} more"
    assert len(lines) <= MOST_LINES + 4 and len(message.text) < MOST_CHARACTERS + 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!channel> @here @everyone", "‹!channel> ＠here ＠everyone"),
        ("[click](https://evil.example/x)", "(click)(https //evil.example/x)"),
        ("a\r\nBcc: all@acme.example", "a Bcc: all＠acme.example"),
        ("www.evil.example `code` # head", "www evil.example 'code' ＃ head"),
        ("a\u202eb\u200bc\x1b[31m", "a b c (31m"),
        ("postgres://me:hunter2@db/x", "postgres ://…"),
        ("x" * 500, "x" * 159 + "…"),
        ("fraud_detector-v2 0.93 ≥ 0.9", "fraud_detector-v2 0.93 ≥ 0.9"),
    ],
)
def test_text_of_others_means_nothing(text: str, expected: str) -> None:
    if "hunter2" in text:
        assert "hunter2" not in plain(text)
    else:
        assert plain(text) == expected


def test_a_title_is_one_line_whatever_a_model_is_called() -> None:
    title = message_for("c", [applied("a\nBcc: x@y\r\n\r\nbody")], None).title
    assert "\n" not in title and "\r" not in title and "@" not in title
