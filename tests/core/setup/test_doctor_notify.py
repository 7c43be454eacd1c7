"""What `doctor` says of notifications."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.notifying.settings import Channel, NotifyRule, NotifySettings
from mlflow_gitops.core.setup.doctor_notify import NotifyFacts, check_notify

SETTINGS = NotifySettings(
    {"risk": Channel("risk", "MLFLOW_GITOPS_NOTIFY_RISK")}, (NotifyRule(("risk",)),)
)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (NotifyFacts(SETTINGS), ["file ok", "extra ok", "addresses ok"]),
        (NotifyFacts(None, "notify.yaml:1: is wrong"), ["file missing", "extra ok"]),
        (NotifyFacts(SETTINGS, unset=["A"]), ["file ok", "extra ok", "addresses missing"]),
        (
            NotifyFacts(SETTINGS, missing_extra="pip install", unset=["A"], passes_addresses=True),
            ["file ok", "extra unknown", "addresses unknown"],
        ),
        (NotifyFacts(SETTINGS, missing_extra="pip"), ["file ok", "extra missing", "addresses ok"]),
    ],
)
def test_each_check(facts: NotifyFacts, expected: list[str]) -> None:
    results = list(check_notify(facts))
    assert [f"{result.check} {result.status}" for result in results] == expected
    assert all(result.fix for result in results if result.status != "ok")
