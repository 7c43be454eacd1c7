"""`notify.yaml`: what is refused, where, and which rule fits which event."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.notifying.addresses import secret_in_address
from mlflow_gitops.core.notifying.events import NotifyEvent
from mlflow_gitops.core.notifying.message import routed
from mlflow_gitops.core.notifying.settings import read_notify

FILE = "registry/notify.yaml"
RISK = "channels: {risk: {env: MLFLOW_GITOPS_NOTIFY_RISK}}\n"


def problems(text: str, environments: list[str] | None = None) -> list[tuple[int, int, str]]:
    _, found = read_notify(text.encode(), FILE, environments)
    return [(problem.line, problem.column, problem.code) for problem in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RISK + "rules: [{to: [risk]}]\n", []),
        (RISK + "rules:\n  - {to: [rsik]}\n", [(3, 11, "channel-unknown")]),
        (RISK + "rules: [{to: [risk], environments: [pord]}]\n", [(2, 37, "environment-unknown")]),
        (RISK + "rules: [{to: [risk], events: [aplied]}]\n", [(2, 31, "bad-value")]),
        (RISK + "rules: [{model: [a], to: [risk]}]\n", [(2, 10, "unknown-field")]),
        ("channels: {risk: {}}\nrules: []\n", [(1, 18, "channel-address")]),
        ("channels: {risk: {env: MLFLOW_TRACKING_TOKEN}}\nrules: []\n", [(1, 24, "bad-value")]),
        ("channels: {a: {env: MLFLOW_GITOPS_NOTIFY}}\nrules: []\n", [(1, 21, "bad-value")]),
        ("channels:\n  s:\n    address: slack://a/b/c\nrules: []\n", [(3, 14, "credentials")]),
        ("[]\n", [(1, 1, "wrong-type")]),
    ],
)
def test_each_problem_has_its_place(text: str, expected: list[tuple[int, int, str]]) -> None:
    assert problems(text, ["dev", "prod"]) == expected


def test_without_a_list_of_environments_their_names_are_not_checked() -> None:
    assert problems(RISK + "rules: [{to: [risk], environments: [pord]}]\n") == []


@pytest.mark.parametrize(
    "address",
    [
        "slack://TokenA/TokenB/TokenC",
        "https://hooks.slack.com/services/T0/B0/xyzzy",
        "mailto://me:hunter2@smtp.acme.example?to=a@b",
        "mailto://me@smtp.acme.example",
        "mailto://smtp.acme.example?to=a@b&pass=hunter2",
        "json://me:hunter2@hooks.acme.example/x",
        "json://hooks.acme.example/x?+Authorization=hunter2",
        "jsons://hooks.acme.example/a1B2c3D4e5F6g7H8i9",
        "json://hooks.acme.example/%61%31B2c3D4e5F6g7H8i9",
        "json://hooks.acme.example/x#hunter2",
        "json://me%3Ahunter2%40hooks.acme.example/x",
        "tgram://123456:hunter2/1",
        "JSON://me:hunter2@host/",
    ],
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(address: str) -> None:
    fault = secret_in_address(address)
    assert fault is not None and "hunter2" not in fault and "Token" not in fault
    text = f"channels: {{c: {{address: '{address}'}}}}\nrules: []\n"
    _, found = read_notify(text.encode(), FILE)
    assert [problem.code for problem in found] == ["credentials"]
    assert "hunter2" not in found[0].message and "TokenA" not in found[0].message


@pytest.mark.parametrize(
    "address",
    [
        "mailto://smtp.acme.example?to=ml@acme.example&from=mlflow-gitops@acme.example",
        "mailtos://smtp.acme.example:587?to=ml%40acme.example",
        "json://hooks.acme.example:8080/mlflow/models",
        "form://127.0.0.1:9000/x",
    ],
)
def test_an_address_without_a_secret_may_be_in_the_file(address: str) -> None:
    assert secret_in_address(address) is None


def event(model: str | None, *owners: str, kind: str = "applied") -> NotifyEvent:
    return NotifyEvent(kind, "x", model, owners=owners)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "fitting"),
    [
        ("{to: [risk]}", ["fraud-a", "churn", None]),
        ("{to: [risk], models: ['fraud-*']}", ["fraud-a"]),
        ("{to: [risk], owners: ['@Acme/Sales']}", ["churn"]),
        ("{to: [risk], events: [refused]}", []),
        ("{to: [risk], environments: [dev]}", []),
        ("{to: [risk], environments: [prod, dev], models: ['*n']}", ["churn"]),
    ],
)
def test_a_rule_fits_by_event_model_owner_and_environment(
    rule: str, fitting: list[str | None]
) -> None:
    settings, _ = read_notify((RISK + f"rules: [{rule}]\n").encode(), FILE)
    assert settings is not None
    events = [event("fraud-a", "@acme/risk"), event("churn", "@acme/sales"), event(None)]
    found = routed(settings, events, "prod").get("risk", ())
    assert [chosen.model for chosen in found] == fitting


def test_a_channel_gets_an_event_once_however_many_rules_fit() -> None:
    settings, _ = read_notify((RISK + "rules: [{to: [risk]}, {to: [risk]}]\n").encode(), FILE)
    assert settings is not None
    assert len(routed(settings, [event("a"), event("a")], None)["risk"]) == 1
