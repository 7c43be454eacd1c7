"""Versions that are said to be healthy and are not: Production takes only what does well in
Staging, by a Prometheus that the job's variables name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.settings import utc_now
from tests.support.attacks.company import MODEL, Company
from tests.support.prometheus.stand_in import (
    Reply,
    StandIn,
    always,
    data,
    number,
    stand_in,
    vector,
)
from tests.support.receipts import receipts_in

TOKEN = "sesame-open-2719"
QUERY = 'errors{model="$model",version="$version"}'
RULES = """\
owners: ["@acme/ml-platform"]
stages:
  Staging:
    alias: staging
    health:
      minimum_samples: 10
      samples: {prometheus: 'n{model="$model",version="$version"}[$window]'}
      checks: {errors: {prometheus: 'errors{model="$model",version="$version"}', max: 20}}
  Production: {alias: production, approvals: 1, require: {healthy_in: Staging}}
overrides: [tags]
"""
SERIES = {"metric": {}, "value": [1, "12"]}


@pytest.fixture
def monitor(company: Company, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Version 2 has been in Staging for two days, and does well: 12 samples, 12 errors at most."""
    company.approve_policy(RULES)
    company.team.write(f"models/{MODEL}.yaml", text("{Production: 1, Staging: 2}"))
    company.commit("Stage 2")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0
    later = replace(company.team.settings, now=lambda: utc_now() + timedelta(days=2))
    company.team.settings = later
    with stand_in(number(12)) as serving:
        monkeypatch.setenv("MLFLOW_GITOPS_PROMETHEUS_URL", serving.address)
        monkeypatch.setenv("MLFLOW_GITOPS_PROMETHEUS_TOKEN", TOKEN)
        yield serving


def text(stages: str, more: str = "", name: str = MODEL) -> str:
    return f"name: {json.dumps(name)}\nstages: {stages}\n{more}"


def climb(company: Company, more: str = "", policy: str | None = None) -> None:
    """Alice promotes version 2, bob approves, and it is merged."""
    company.branch("promote")
    company.team.write(f"models/{MODEL}.yaml", text("{Production: 2}", more))
    if policy is not None:
        company.team.write("policy.yaml", policy)
    company.commit("Promote")
    company.push("promote")
    pull = company.github.open_pull("promote", "Promote", user="alice").number
    company.github.review(pull, "bob")
    company.merge(pull)


def test_an_honest_promotion_of_a_healthy_version(company: Company, monitor: StandIn) -> None:
    climb(company)
    ran = company.reconcile()
    assert ran.code == 0 and company.production() == {2}, ran.out + ran.err
    receipt = receipts_in(company.team.folder)[-1].text
    assert 'errors{model=\\"churn\\",version=\\"2\\"}' in receipt, "with its query and numbers"


def test_promotion_of_an_unhealthy_version(company: Company, monitor: StandIn) -> None:
    monitor.reply = number(21)
    climb(company)
    assert "errors in Staging: 21 > 20" in company.refused()


def test_no_data_as_health(company: Company, monitor: StandIn) -> None:
    climb(company)
    for reply, words in (
        (always(vector()), "there is no data"),
        (always(vector(SERIES, SERIES)), "2 series"),
        (number("NaN"), "nan"),
        (always(data("vector", [SERIES], warnings=["partial"])), "warns: partial"),
        (always(Reply({"status": "error", "error": "down"}, 503)), "down"),
        (number(9), "9 of 10 samples"),
    ):
        monitor.reply = reply
        assert words in company.refused()


def test_prometheus_that_is_not_named(
    company: Company, monitor: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    climb(company)
    monkeypatch.delenv("MLFLOW_GITOPS_PROMETHEUS_URL")
    assert "MLFLOW_GITOPS_PROMETHEUS_URL is not set" in company.refused()
    monkeypatch.setenv("MLFLOW_GITOPS_PROMETHEUS_URL", "http://metrics.example")
    assert "is not encrypted" in company.refused()


def test_address_of_prometheus_in_a_pull_request(company: Company, monitor: StandIn) -> None:
    """Mallory's own Prometheus finds every version healthy. No file names it with effect."""
    monitor.reply = number(21)
    with stand_in(number(12)) as mallorys:
        settings = company.team.folder / ".mlflow-gitops.toml"
        address = f'"{mallorys.address}"'
        for line in (f"prometheus = {address}", f"MLFLOW_GITOPS_PROMETHEUS_URL = {address}"):
            company.branch("promote")
            settings.write_text(f"{line}\n")
            assert company.team.run("health").code == 3
            settings.unlink()
        for policy in (
            RULES.replace("alias: staging", f"alias: staging\n    prometheus: {address}"),
            RULES.replace("health:", f"health:\n      url: {address}"),
            RULES.replace("prometheus: 'err", f"url: {address}, prometheus: 'err"),
        ):
            company.team.write("policy.yaml", policy)
            ran = company.team.run("validate")
            assert ran.code == 3 and "unknown-field" in ran.out + ran.err
        climb(company, policy=RULES)
        assert "21 > 20" in company.refused()
        assert mallorys.requests == []


def test_health_loosened_in_the_same_change(company: Company, monitor: StandIn) -> None:
    monitor.reply = number(21)
    climb(company, policy=RULES.replace("max: 20", "max: 99"))
    assert "errors in Staging: 21 > 20" in company.refused()


def test_name_that_changes_the_query(company: Company, monitor: StandIn) -> None:
    """Each model of mallory's asks for the health of another one, or of all, by its name."""
    names = ('x"} or vector(0) or y{z="', "x\\y", 'x\\"} #', ".*", "$version", "{__name__=~'.+'}")
    for name in names:
        company.client.create_registered_model(name)
        company.client.create_model_version(name, "dbfs:/models/9", await_creation_for=0)
        pins = "versions: {1: {source: 'dbfs:/models/9'}}\n"
        company.team.write(f"models/{file_stem(name)}.yaml", text("{Staging: 1}", pins, name))
    company.commit("Models")
    company.push("main")
    company.main()
    reconciled = company.reconcile()
    assert reconciled.code == 0, reconciled.out + reconciled.err

    later = replace(company.team.settings, now=lambda: utc_now() + timedelta(days=3))
    company.team.settings = later
    monitor.requests.clear()
    ran = company.team.run("health", "--format", "json")
    assert ran.code == 0, ran.err
    asked = {query for query in monitor.queries if query.startswith("errors")}
    assert asked == {
        'errors{model="churn",version="2"}',
        r'errors{model="x\"} or vector(0) or y{z=\"",version="1"}',
        r'errors{model="x\\y",version="1"}',
        r'errors{model="x\\\"} #",version="1"}',
        'errors{model=".*",version="1"}',
        'errors{model="$version",version="1"}',
        'errors{model="{__name__=~\'.+\'}",version="1"}',
    }


def test_health_written_by_the_manifest(company: Company, monitor: StandIn) -> None:
    """The check reads a tag, and the pull request declares it: reconcile would write it."""
    later = (company.team.settings.now() - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    check = "errors: {tag: monitor.errors, max: 20, newer_than: 2h}"
    rules = RULES.replace(f"errors: {{prometheus: '{QUERY}', max: 20}}", check)
    assert check in rules
    company.push_policy(rules)
    assert company.reconcile().code in (0, 4)
    tag = f"'0@{later}'"
    company.client.set_model_version_tag(MODEL, "2", "monitor.errors", f"0@{later}")
    climb(company, f"versions: {{2: {{tags: {{monitor.errors: {tag}}}}}}}\n")
    assert "the manifest itself declares the tag monitor.errors" in company.refused()


def test_credentials_of_prometheus_shown(company: Company, monitor: StandIn) -> None:
    """Prometheus repeats the token in its errors, and sends it on to mallory."""
    climb(company)
    shown = ""
    with stand_in(number(12)) as mallorys:
        for reply in (
            Reply({"status": "error", "error": f"token {TOKEN} has no right"}, 422),
            data("vector", [SERIES], warnings=[f"Bearer {TOKEN}"]),
            Reply(f"Bearer {TOKEN}", 401),
            Reply("", 302, {"Location": f"{mallorys.address}/{TOKEN}"}),
            Reply("", 307, {"Location": f"{mallorys.address}/api/v1/query"}),
        ):
            monitor.reply = always(reply)
            ran = company.team.run("-v", "health")
            shown += ran.out + ran.err
        for command in ("plan", "doctor"):
            ran = company.team.run(command)
            shown += ran.out + ran.err
        assert company.reconcile().code == 4
        assert mallorys.requests == []
    shown += "".join(receipt.text for receipt in receipts_in(company.team.folder))
    assert f"Bearer {TOKEN}" in monitor.credentials and TOKEN not in shown
    assert "has no right" in shown
