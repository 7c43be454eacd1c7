"""Whether the Prometheus that the policy's health needs answers."""

from __future__ import annotations

from mlflow_gitops.core.health.values import NoValue
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.setup.doctor_health import HealthFacts, stages_with_queries
from mlflow_gitops.settings import Settings


def health_facts(policy: Policy, settings: Settings) -> HealthFacts:
    """What `doctor` reports about live health. Makes one request, if the policy asks for values of
    Prometheus."""
    stages = stages_with_queries(policy)
    if not stages:
        return HealthFacts()

    from mlflow_gitops.edges.prometheus.access import URL, WrongAccess, read_access
    from mlflow_gitops.edges.prometheus.client import PrometheusClient

    try:
        client = PrometheusClient(read_access())
    except WrongAccess as wrong:
        return HealthFacts(stages, "", str(wrong), wrong.fix)
    try:
        client.query("vector(1)", settings.now())
    except NoValue as fault:
        fix = f"Compare {URL} and the credentials with those of a Prometheus that runs."
        return HealthFacts(stages, client.shown, f"{client.shown}: {fault}", fix)
    return HealthFacts(stages, client.shown)
