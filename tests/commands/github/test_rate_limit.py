"""A job's token has 1,000 requests an hour for a repository. When they are spent, each command
stops in words, and nobody's approval is taken for missing, or for given, because of it (RULES R3,
R9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.github.hub import STAGES, Hub
from tests.support.github_api import REQUESTS_OF_A_JOB
from tests.support.team import Ran

WORDS = "GitHub's rate limit is used up until 20"


def approvals_of(models: list[dict[str, Any]]) -> list[str]:
    """The status of each gate `approvals`. Raises AssertionError if one has failed, or gives
    another reason than the limit."""
    gates = [gate for model in models for gate in model["gates"] if gate["gate"] == "approvals"]
    for gate in gates:
        assert gate["status"] in ("passed", "unknown"), gate
        assert gate["status"] == "passed" or WORDS in gate["detail"], gate
    return [gate["status"] for gate in gates]


def test_a_jobs_token_has_a_thousand_requests(hub: Hub) -> None:
    path = f"/repos/{hub.repo.full_name}"
    for token, limit in (("actions-token", 1_000), (hub.api.token("ada"), 5_000)):
        answers = [hub.api.answer("GET", path, token, {}) for _ in range(1_001)]
        assert [status for status, _, _ in answers].count(200) == min(limit, 1_001)
        assert answers[0][1]["X-RateLimit-Limit"] == str(limit)
    status, _, content = hub.api.answer("POST", "/graphql", "actions-token", {"query": "{viewer}"})
    assert (status, type(content)) != (403, bytes), "GraphQL has a limit of its own"


def test_a_reconcile_whose_requests_are_spent_at_any_point(hub: Hub) -> None:
    number, _ = hub.propose("promote", STAGES.format(2))
    hub.repo.review(number, "bob")
    hub.repo.merge(number, "squash", by="carol")
    hub.main()
    for left in range(12):
        hub.api.limit(left)
        ran = hub.reconcile()
        [status] = approvals_of(ran.json["models"])
        if status == "passed":
            assert ran.code == 0 and hub.production() == 2, ran
            return
        assert ran.code == 4 and hub.production() == 1, ran
        assert "Traceback" not in ran.err
    pytest.fail("twelve requests are too few")


@pytest.mark.parametrize(
    "pulls", [5, pytest.param(60, marks=[pytest.mark.real, pytest.mark.weekly])]
)
def test_a_plan_of_many_pull_requests(hub: Hub, pulls: int) -> None:
    """Half of them are judged when the requests are spent, and the rest is not asked for."""
    for number in range(pulls):
        _promote(hub, f"m{number:02}")
    hub.api.fail("POST /graphql", 403, "Resource not accessible by integration", times=10**6)
    plan = ("plan", "--format", "json")
    hub.api.requests.clear()
    assert approvals_of(hub.team.run(*plan).json["models"]) == ["passed"] * pulls
    needed = len(hub.api.requests)

    hub.api.spent["github-actions[bot]", "core"] = REQUESTS_OF_A_JOB - needed // 2
    hub.api.requests.clear()
    ran = hub.team.run(*plan)
    statuses = approvals_of(ran.json["models"])
    assert ran.code == 4 and 0 < statuses.count("unknown") < pulls, ran
    assert len(hub.api.requests) <= needed, "what is refused is not asked for more often"


def _promote(hub: Hub, model: str) -> None:
    """A pull request that puts a new model into Production, approved and merged."""
    hub.client.create_registered_model(model)
    tags = {"validation": "passed"}
    hub.client.create_model_version(model, "s3://models/x", tags=tags, await_creation_for=0)
    hub.team.git("checkout", "-q", "-B", model, "origin/main")
    manifest = f"name: {model}\nstages: {{Production: 1}}\n"
    hub.team.commit(f"Promote {model}", **{model: manifest})
    hub.push(model)
    pull = hub.repo.open_pull(model, model, user="alice")
    hub.repo.review(pull.number, "bob")
    hub.repo.merge(pull.number, "squash", by="carol")
    hub.main()


def drift(hub: Hub) -> Ran:
    return hub.team.run("github", "drift")


def verify(hub: Hub) -> Ran:
    return hub.team.run("github", "verify")


def propose(hub: Hub) -> Ran:
    return hub.team.run("github", "propose")


def promote(hub: Hub) -> Ran:
    return hub.team.run("promote", "churn", "3", "Production", "--branch", "promote-3", "--pr")


def doctor(hub: Hub) -> Ran:
    return hub.team.run("doctor")


@pytest.mark.parametrize("command", [drift, verify, propose, promote, doctor])
def test_a_command_whose_requests_are_spent(hub: Hub, command: Callable[[Hub], Ran]) -> None:
    hub.main()
    hub.client.set_registered_model_alias("churn", "production", "3")
    hub.api.limit(0)
    ran = command(hub)
    assert "Traceback" not in ran.err and "internal" not in ran.out + ran.err, ran
    assert WORDS in ran.out + ran.err, ran
