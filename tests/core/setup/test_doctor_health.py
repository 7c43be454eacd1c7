"""`doctor` reports a policy that asks for values of a Prometheus that is not there."""

from __future__ import annotations

import pytest

from mlflow_gitops.app.health.reachable import health_facts
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.setup.doctor_health import check_health, stages_with_queries
from mlflow_gitops.settings import Settings
from tests.support.prometheus.stand_in import Reply, always, number, stand_in

QUERY = "{prometheus: 'up{version=\"$version\"}', max: 1}"
METRIC = "{metric: m, max: 1, newer_than: 1h}"
WATCHED = f"stages: {{Staging: {{health: {{checks: {{up: {QUERY}}}}}}}}}\n"


def results(policy_text: str) -> list[tuple[str, str]]:
    policy, problems = read_policy(policy_text.encode(), "policy.yaml")
    assert policy is not None, problems
    checked = list(check_health(health_facts(policy, Settings())))
    assert all(result.fix for result in checked if result.status != "ok")
    return [(result.status, result.detail) for result in checked]


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("{}\n", ()),
        (f"stages: {{Staging: {{health: {{checks: {{m: {METRIC}}}}}}}}}\n", ()),
        (WATCHED, ("Staging",)),
        (
            f"models: [{{match: 'a', stages: {{Production: {{health: {{checks: {{m: {METRIC}}},"
            " samples: {prometheus: 'n{version=\"$version\"}'}}}}}]\n",
            ("Production",),
        ),
    ],
)
def test_which_stages_need_it(text: str, stages: tuple[str, ...]) -> None:
    policy, problems = read_policy(text.encode(), "policy.yaml")
    assert policy is not None, problems
    assert stages_with_queries(policy) == stages


def test_a_prometheus_that_answers_or_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_GITOPS_PROMETHEUS_URL", raising=False)
    assert results("{}\n") == []
    [(status, detail)] = results(WATCHED)
    assert status == "missing" and detail == (
        "MLFLOW_GITOPS_PROMETHEUS_URL is not set; health of Staging asks for it"
    )
    with stand_in(number(1)) as serving:
        monkeypatch.setenv("MLFLOW_GITOPS_PROMETHEUS_URL", serving.address)
        assert results(WATCHED) == [("ok", f"{serving.address} answers, for health of Staging")]
        for reply, words in (
            (Reply("<html>"), "no JSON"),
            (Reply("", 401), "refuses the credentials"),
        ):
            serving.reply = always(reply)
            [(status, detail)] = results(WATCHED)
            assert status == "missing" and words in detail
    [(status, detail)] = results(WATCHED)
    assert status == "missing" and "gives no answer" in detail
