"""`doctor`'s checks of what live health needs: the address of a Prometheus that answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlflow_gitops.core.health.rule import HealthRule
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.setup.doctor import Area, CheckResult, run_checks

HEALTH = Area("health")


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """Whether the policy asks for values of Prometheus, and for which stages; where Prometheus is.

    `fault` says why it gives no values, None if it does.
    """

    stages: tuple[str, ...] = ()
    address: str = ""
    fault: str | None = None
    fix: str = ""


def check_health(facts: HealthFacts) -> Iterator[CheckResult]:
    """Run all checks of live health."""
    return run_checks(CHECKS, facts)


def _prometheus(facts: HealthFacts) -> Iterator[CheckResult]:
    if not facts.stages:
        return
    watched = f"health of {', '.join(facts.stages)}"
    if facts.fault is None:
        yield HEALTH.ok("prometheus", f"{facts.address} answers, for {watched}")
    else:
        yield HEALTH.missing("prometheus", f"{facts.fault}; {watched} asks for it", facts.fix)


CHECKS: tuple[Callable[[HealthFacts], Iterator[CheckResult]], ...] = (_prometheus,)
"""All checks, in the order in which their results are printed."""


def stages_with_queries(policy: Policy) -> tuple[str, ...]:
    """The stages for which the policy, or an exception of it, asks for values of Prometheus."""
    exceptions = range(len(policy.raw.get("models") or ()))
    rules = [policy.with_exceptions(()), *(policy.with_exceptions((i,)) for i in exceptions)]
    stages = {
        stage.name: None
        for rule in rules
        for stage in rule.stages.values()
        if stage.health is not None and _has_query(stage.health)
    }
    return tuple(stages)


def _has_query(rule: HealthRule) -> bool:
    sources = [check.source for check in rule.checks.values()]
    if rule.samples is not None:
        sources.append(rule.samples)
    return any(source.kind == "prometheus" for source in sources)
