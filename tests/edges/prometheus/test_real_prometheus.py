"""Verdicts on values that a real Prometheus scraped from a real process (RULES R13)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from mlflow_gitops.app.health.live_values import Monitoring
from mlflow_gitops.core.health.judge import judge_health
from mlflow_gitops.core.health.looks import WatchedVersion
from mlflow_gitops.core.health.rule import HealthRule, read_health_rule
from mlflow_gitops.core.health.verdict import HealthVerdict
from tests.support.prometheus import Exporter, exporter, prometheus, wait_for

pytestmark = pytest.mark.real

HOSTILE = 'x"} or vector(0) or y{z="\\'
"""A name that would make a query of its own, if it were pasted into one."""

LABELS = 'model="$model",version="$version"'


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Exporter, str]]:
    with (
        exporter(tmp_path / "service") as service,
        prometheus(tmp_path / "prometheus", [service.target]) as address,
    ):
        monkeypatch.setenv("MLFLOW_GITOPS_PROMETHEUS_URL", address)
        yield service, address


def rule(query: str, failures: int = 1, minimum: int = 0) -> HealthRule:
    check = {"prometheus": query, "max": 0.02, "failures": failures, "every": "1s"}
    samples = {"prometheus": f"sum(max_over_time(requests{{{LABELS}}}[$window]))"}
    fields = {"window": "1s", "checks": {"errors": check}, "samples": samples}
    return read_health_rule({**fields, "minimum_samples": minimum})


def judge(asked: HealthRule, model: str, at: datetime | None = None) -> HealthVerdict:
    def no_registry() -> None:
        raise AssertionError("Prometheus alone is asked")

    at = at or datetime.now(timezone.utc)
    watched = WatchedVersion(model, "Production", 2, at - timedelta(minutes=1), at)
    monitoring = Monitoring(None, no_registry)  # type: ignore[arg-type]
    return judge_health(asked, watched, monitoring.of_version(lambda: None))


def verdict_when(state: str, asked: HealthRule, model: str) -> HealthVerdict:
    """The verdict as soon as it has this state: a scrape, and a row of looks, take their time."""
    deadline = time.monotonic() + 60
    while (verdict := judge(asked, model)).state != state:
        assert time.monotonic() < deadline, verdict
        time.sleep(0.2)
    return verdict


def metrics(errors: float, requests: int = 900) -> str:
    hostile = HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
    return (
        "".join(
            f'{name}{{model="{model}",version="{version}",replica="{replica}"}} {value}\n'
            for name, value in (("errors", errors), ("requests", requests))
            for model in ("fraud", hostile)
            for version, replica in (("1", "a"), ("2", "a"))
        )
        + 'two{version="2",replica="a"} 0\ntwo{version="2",replica="b"} 0\n'
    )


def test_a_real_prometheus(live: tuple[Exporter, str]) -> None:
    service, address = live
    service.show(metrics(0.01))
    wait_for(address, 'errors{model="fraud",version="2"}', 0.01)

    errors = rule(f"errors{{{LABELS}}}", minimum=500)
    for model in ("fraud", HOSTILE):
        verdict = verdict_when("healthy", errors, model)
        assert (verdict.samples, verdict.checks[0].value) == (900, 0.01)
    assert judge(errors, "fra").state == "unknown"
    assert judge(errors, ".*").state == "unknown", "no name is a pattern"
    few = judge(rule(f"errors{{{LABELS}}}", minimum=1000), "fraud")
    assert (few.state, few.samples) == ("waiting", 900)

    for query, words in (
        (f"errors{{{LABELS}}} / 0 - errors{{{LABELS}}} / 0", "no measured number"),
        (f"1 / (errors{{{LABELS}}} * 0)", "no measured number"),
        ('two{version="$version"}', "2 series"),
        (f"missing{{{LABELS}}}", "there is no data"),
        (f"errors{{{LABELS}}}[5m]", "reports an error"),
        (f"errors{{{LABELS}}} +", "reports an error"),
        ("sum by (", "reports an error"),
    ):
        [check] = judge(rule(query), "fraud").checks
        assert (check.state, words in check.reason) == ("unknown", True), check.reason

    service.show(metrics(0.5))
    verdict = verdict_when("unhealthy", rule(f"errors{{{LABELS}}}", failures=3), "fraud")
    assert (verdict.checks[0].failures, verdict.checks[0].value) == (3, 0.5)
    moment = verdict.checks[0].at
    assert moment is not None and verdict.checks[0].failing_since is not None
    assert judge(rule(f"errors{{{LABELS}}}"), HOSTILE).state == "unhealthy"
