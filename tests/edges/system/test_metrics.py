"""The watcher's metrics speak of now: no gauge keeps the value of an earlier round."""

from __future__ import annotations

import math
import socket
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mlflow_gitops.edges.system.metrics.loop import (
    FAILURE_ORIGINS,
    MOST_MODELS,
    Metrics,
    Round,
    serve,
)

ROUND = Round(
    "sha", {"Synced": 1, "Drifted": 1}, refused=1, changes=2, invalid_files=1,
    sync={"churn": "Drifted", "odd \"name\"\\\n": "Synced"}, refusals={"gate": 1},
    drift_found={"alias": 2}, drift_healed={"alias": 1},
)  # fmt: skip
README = Path(__file__).parents[3] / "tools" / "deploy" / "README.md"


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What Prometheus reads."""
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name.removeprefix("mlflow_gitops_"), tuple(sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_round_is_shown_model_by_model() -> None:
    metrics = Metrics(60)
    metrics.record_round(ROUND, 1.0)
    shown = samples(metrics)
    assert shown["model_sync", (("model", "churn"), ("state", "Drifted"))] == 1
    assert shown["model_sync", (("model", 'odd "name"\\\n'), ("state", "Synced"))] == 1
    assert shown["main_invalid", ()] == 1 and shown["refusals", (("code", "gate"),)] == 1
    assert shown["drift_found_total", (("kind", "alias"),)] == 2
    assert shown["drift_healed_total", (("kind", "alias"),)] == 1
    assert shown["drift_healed_total", (("kind", "stage"),)] == 0


def test_a_round_that_could_not_look_leaves_no_old_value() -> None:
    metrics = Metrics(60)
    metrics.record_round(ROUND, 1.0)
    metrics.forget_round()
    shown = samples(metrics)
    names = {name for name, _ in shown}
    assert not {"models", "model_sync", "refusals", "commit_info"} & names
    for name in ("main_invalid", "refused_models", "failing_models"):
        assert math.isnan(shown[name, ()])
    assert shown["changes_total", ()] == 2, "a counter goes on"


def test_nothing_is_claimed_before_the_first_round() -> None:
    shown = samples(Metrics(60))
    assert math.isnan(shown["main_invalid", ()]) and math.isnan(shown["refused_models", ()])


def test_a_state_that_a_model_left_is_gone() -> None:
    metrics = Metrics(60)
    metrics.record_round(ROUND, 1.0)
    metrics.record_round(Round("sha", {"Synced": 1}, sync={"churn": "Synced"}), 1.0)
    states = [labels for name, labels in samples(metrics) if name == "model_sync"]
    assert states == [(("model", "churn"), ("state", "Synced"))]


@pytest.mark.parametrize(("count", "series"), [(MOST_MODELS, MOST_MODELS), (MOST_MODELS + 1, 0)])
def test_too_many_models_are_only_counted(count: int, series: int) -> None:
    metrics = Metrics(60)
    models = {f"m{number}": "Synced" for number in range(count)}
    metrics.record_round(Round("sha", {"Synced": count}, sync=models), 1.0)
    shown = samples(metrics)
    assert len([name for name, _ in shown if name == "model_sync"]) == series
    assert shown["models", (("sync", "Synced"),)] == count


def test_it_is_not_healthy_while_healing_cannot_run() -> None:
    metrics = Metrics(patience=-1)  # so that only this very round could make it healthy
    metrics.record_round(Round("sha", {}, can_heal=False), 1.0)
    assert not metrics.healthy
    before = metrics._last_round
    metrics.record_round(Round("sha", {}, can_heal=False), 1.0)
    assert metrics._last_round == before
    metrics.record_round(Round("sha", {}), 1.0)
    assert metrics._last_round > before


def test_every_metric_and_origin_is_documented() -> None:
    metrics = Metrics(60)
    metrics.record_round(ROUND, 1.0)
    page = README.read_text("utf-8")
    for family in metrics.registry.collect():
        assert family.name in page, family.name
    for origin in FAILURE_ORIGINS:
        assert f"`{origin}`" in page


def test_a_connection_that_says_nothing_keeps_nobody_waiting() -> None:
    server = serve(Metrics(60), "127.0.0.1", 0)
    port = server.server_port
    with server, socket.create_connection(("127.0.0.1", port)):
        time.sleep(0.1)
        try:
            assert (
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10).status == 200
            )
        finally:
            ended = threading.Thread(target=server.shutdown, daemon=True)
            ended.start()
            ended.join(10)
        assert not ended.is_alive(), "nor does it keep the process from ending"


def test_a_clock_that_is_set_makes_nothing_well_or_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    now, passed, clock = time.time(), [0.0], [0.0]
    monkeypatch.setattr(time, "time", lambda: now + clock[0])
    monkeypatch.setattr(time, "monotonic", lambda: 1000 + passed[0])
    metrics = Metrics(60)
    metrics.record_round(Round("sha", {}), 1.0)
    clock[0] = 3600.0
    assert metrics.healthy
    clock[0], passed[0] = -3600.0, 61.0
    assert not metrics.healthy and b'"ok": false' in metrics.health()
    metrics.record_round(Round("sha", {}), 1.0)
    assert metrics.healthy


@pytest.mark.parametrize("ill", [{"failed": 1}, {"resting": 1}])
def test_a_model_that_fails_makes_the_process_no_less_healthy(ill: dict[str, int]) -> None:
    metrics = Metrics(60)
    known = metrics.registry.get_sample_value
    metrics.record_round(Round("sha", {}, **ill), 1.0)
    assert metrics.healthy and known("mlflow_gitops_failing_models") == 1
    assert not known("mlflow_gitops_last_success_timestamp_seconds")
    assert known("mlflow_gitops_failures_total", {"where": "model"}) == ill.get("failed", 0)
    metrics.record_round(Round("sha", {}), 1.0)
    assert known("mlflow_gitops_failing_models") == 0 and known(
        "mlflow_gitops_last_success_timestamp_seconds"
    )


def test_an_address_of_the_sixth_version() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    server = serve(Metrics(60), "::1", 0)
    with server:
        assert (
            urllib.request.urlopen(f"http://[::1]:{server.server_port}/healthz", timeout=10).status
            == 200
        )
        server.shutdown()
