"""The alert rules and the dashboard ask for metrics that the loop really has, and alerts fire when
they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from mlflow_gitops.app.reconciling.figures import RoundFigures
from mlflow_gitops.core.health.verdict import HealthVerdict
from mlflow_gitops.core.plan.fingerprint import Fingerprint
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.edges.system.metrics.loop import (
    DRIFT_KINDS,
    FAILURE_ORIGINS,
    Metrics,
    Round,
    serve,
)
from tests.support.console.system_programs import program_or_skip

DEPLOY = Path(__file__).parent.parent.parent / "tools" / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "alerts.yaml").read_text("utf-8"))
DASHBOARD = json.loads((DEPLOY / "dashboard.json").read_text("utf-8"))
UNIT_TESTS = Path(__file__).parent / "alerts-test.yaml"
SCRAPE_LABELS = {"job", "instance"}
"""What Prometheus adds to every series."""


@pytest.fixture
def promtool() -> str:
    return program_or_skip("promtool", package="prometheus")


def alerts() -> list[dict[str, Any]]:
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    """Every query of the rules and the dashboard."""
    yield from (rule["expr"] for rule in alerts())
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


def selectors(expression: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each metric of ours in a query, with the labels that it is selected by."""
    for name, labels in re.findall(r"\b(mlflow_gitops_\w+)(?:\{([^}]*)\})?", expression):
        yield name, dict(re.findall(r'(\w+)\s*[!=]~?\s*"([^"]*)"', labels))


@pytest.fixture(scope="module")
def served() -> dict[str, dict[str, set[str]]]:
    """The series at `/metrics` after a round: for each its labels, and their values."""
    metrics = Metrics(60)
    sync_states = RoundFigures().of("sha", Plan("sha", (), Fingerprint({}))).models
    model = {"churn": "Drifted"}
    metrics.record_round(Round("sha", sync_states, sync=model, refusals={"gate": 1}), 1.0)
    unhealthy = HealthVerdict("churn", "Production", 2, "unhealthy", "", "", "", "", ())
    metrics.health_gauges.record([unhealthy])
    with serve(metrics, "127.0.0.1", 0) as server:
        try:
            address = f"http://127.0.0.1:{server.server_port}/metrics"
            with urllib.request.urlopen(address, timeout=60) as answer:
                text = answer.read().decode()
        finally:
            server.shutdown()
    series: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values = series.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                values.setdefault(label, set()).add(value)
    return series


def faults(expression: str, served: dict[str, dict[str, set[str]]]) -> list[str]:
    """What a query asks for and nothing serves."""
    found = []
    grouped = {
        label.strip()
        for labels in re.findall(r"\bby\s*\(([^)]*)\)", expression)
        for label in labels.split(",")
    }
    for name, selected in selectors(expression):
        if name not in served:
            found.append(name)
            continue
        unknown = (selected.keys() | grouped) - served[name].keys() - SCRAPE_LABELS
        found += [f"{name}{{{label}}}" for label in unknown]
        for label in selected.keys() & {"sync", "where", "kind", "result"}:
            values = set(selected[label].split("|"))
            found += [f"{label}={value}" for value in values - served[name].get(label, set())]
        if name == "mlflow_gitops_watched_versions" and "state" in selected:
            found += {selected["state"]} - served[name]["state"]
    return found


def test_each_metric_and_label_is_served(served: dict[str, dict[str, set[str]]]) -> None:
    assert [fault for expression in expressions() for fault in faults(expression, served)] == []


@pytest.mark.parametrize(
    "expression",
    [
        "mlflow_gitops_model > 0",
        'mlflow_gitops_models{state="Synced"}',
        'mlflow_gitops_models{sync="Drift"}',
        'mlflow_gitops_watched_versions{state="sick"} > 0',
        "sum by (code) (mlflow_gitops_models)",
        'increase(mlflow_gitops_failures_total{where=~"mlflow|server"}[5m])',
    ],
)
def test_what_is_not_served_is_found(
    expression: str, served: dict[str, dict[str, set[str]]]
) -> None:
    assert faults(expression, served)


def test_every_metric_is_on_the_dashboard(served: dict[str, dict[str, set[str]]]) -> None:
    """All but the time at which a counter was made, which the client library adds."""
    shown = {name for panel in DASHBOARD["panels"] for target in panel["targets"]
             for name, _ in selectors(target["expr"])}  # fmt: skip
    hidden = {re.sub(r"_(bucket|sum|count)$", "", name) for name in served} - {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in shown
    }
    assert {name for name in hidden if not name.endswith("_created")} == set()
    assert served["mlflow_gitops_failures_total"]["where"] == set(FAILURE_ORIGINS)
    assert served["mlflow_gitops_drift_found_total"]["kind"] == set(DRIFT_KINDS)


def test_panels_have_places_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells


def test_each_alert_is_explained_and_tested() -> None:
    tested = yaml.safe_load(UNIT_TESTS.read_text("utf-8"))["tests"]
    cases = [case for test in tested for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in alerts()}
    assert {case["alertname"] for case in cases if "exp_alerts" in case} == names
    assert {case["alertname"] for case in cases if "exp_alerts" not in case} == names
    for rule in alerts():
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["labels"]["severity"] in {"warning", "critical"}


@pytest.mark.real
def test_promtool_accepts_the_rules(promtool: str) -> None:
    ran = subprocess.run(
        [promtool, "check", "rules", str(DEPLOY / "alerts.yaml")], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.real
def test_alerts_fire_when_they_should(promtool: str, tmp_path: Path) -> None:
    """Without annotations, which the unit tests would have to repeat."""
    rules = {
        "groups": [
            {
                "name": group["name"],
                "rules": [
                    {key: value for key, value in rule.items() if key != "annotations"}
                    for rule in group["rules"]
                ],
            }
            for group in ALERTS["groups"]
        ]
    }
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(rules))
    shutil.copy(UNIT_TESTS, tmp_path)
    ran = subprocess.run(
        [promtool, "test", "rules", UNIT_TESTS.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
