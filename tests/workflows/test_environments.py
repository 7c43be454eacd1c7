"""A repository that keeps two MLflows, scaffolded by `init`: one pull request for both, its plans
side by side, and after the merge each one's own reconcile, run by act. Staging is a server, prod a
store of its own."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.act import Environment, Run, Workflows
from tests.support.checking.candidates import register, write_model
from tests.support.environments import Teams
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.models import Signed, log_model
from tests.support.receipts import receipts_in

pytestmark = pytest.mark.real

NAMES = ("staging", "prod")
POLICIES = {
    "staging": "stages: {Production: {alias: production}}\ndrift: report\n",
    "prod": (
        "stages: {Production: {alias: production, approvals: 1, require: {tags: {validation:"
        " passed}}}}\n"
    ),
}


class Both:
    """The team's repository, its GitHub, and both registries: staging has two versions of a model,
    prod has none."""

    def __init__(self, folder: Path, api: GitHubAPI, uris: dict[str, str]) -> None:
        from mlflow import MlflowClient

        self.hub = api.repository
        self.model = f"churn-{uuid.uuid4().hex[:8]}"
        self.clients = {name: MlflowClient(uri) for name, uri in uris.items()}
        self.clients["prod"].create_experiment(
            "mlflow-gitops", artifact_location=(folder / "artifacts").as_uri()
        )
        self.clients["staging"].create_registered_model(self.model)
        for _ in range(2):
            log_model(uris["staging"], self.model, Signed(), metrics={"accuracy": 0.9})
        self.clients["staging"].transition_model_version_stage(self.model, "1", "Production")
        for login in ("ada", "grace", "edsger"):
            self.hub.user(login, "write", mails=(f"{login}@example.org",))
        self.team = Teams(folder / "clone", uris)
        self.team.git("remote", "add", "origin", str(self.hub.path))
        for name, policy in POLICIES.items():
            self.team.write(f"{name}/policy.yaml", policy)
        self.team.put("staging", self.model, "stages: {Production: 1}\n")
        self.team.put("prod", self.model, "stages: {}\n")
        self.must(None, "init", "--yes")
        self.must(None, "validate")
        self.team.commit("Two registries")
        self.team.git("push", "-q", "-u", "origin", "main")
        self.actions = Workflows(folder / "actions", api, environment=Environment())

    def must(self, environment: str | None, *args: str) -> None:
        ran = self.team.on(environment, *args)
        assert ran.code == 0, ran.out + ran.err

    def said(self, number: int) -> dict[str, str | None]:
        """What the statuses of a pull request's head say."""
        head = self.hub.pull(number).head
        contexts = ("mlflow-gitops/plan", *(f"mlflow-gitops/plan/{name}" for name in NAMES))
        return {
            context.removeprefix("mlflow-gitops/"): self.hub.status(head, context)
            for context in contexts
        }

    def comments(self, number: int) -> dict[str, Any]:
        """The comments of a pull request, by the environment that they begin with."""
        found = {
            name: comment
            for comment in self.hub.issues[number].comments
            for name in NAMES
            if f"**{name}**" in comment.body
        }
        assert len(found) == len(self.hub.issues[number].comments)
        return found

    def stages(self, environment: str) -> dict[int, str]:
        found = self.clients[environment].search_model_versions(f"name = '{self.model}'")
        return {int(one.version): str(one.current_stage) for one in found}


@pytest.fixture
def both(tmp_path: Path, server: str, blank_registry: Callable[[Path], str]) -> Iterator[Both]:
    with GitHubAPI(Repository(tmp_path / "github")).serving() as api:
        yield Both(tmp_path, api, {"staging": server, "prod": blank_registry(tmp_path / "prod.db")})


def ended(runs: list[Run]) -> list[tuple[str, bool]]:
    return [(run.workflow, run.ok) for run in runs]


def test_one_pull_request_for_both_and_each_reconciled_by_itself(both: Both) -> None:
    # Staging goes to 2, and what staging holds goes to prod.
    both.must("staging", "promote", both.model, "2", "Production", "--branch", "onwards")
    both.team.git("checkout", "-q", "onwards")
    both.must("prod", "promote", both.model, "1", "Production", "--from", "staging", "--commit")
    both.team.git("push", "-q", "origin", "onwards")
    number = both.hub.open_pull("onwards", "Onwards", user="ada").number

    # Where no plan can be made, each environment says so.
    both.actions.variables["MLFLOW_GITOPS_ENVIRONMENT"] = "/nowhere"
    runs = both.actions.review(number, "grace", "COMMENTED")
    assert both.said(number) == dict.fromkeys(("plan", "plan/staging", "plan/prod"), "failure"), (
        runs[-1].log
    )
    both.actions.variables["MLFLOW_GITOPS_ENVIRONMENT"] = sys.prefix

    # Prod refuses it, staging does not: neither speaks over the other, and the required check is
    # what both come to.
    runs = both.actions.pull_request(number, "opened")
    assert ended(runs) == [("validate", True), ("plan", True)], runs[0].log
    assert all(f"## {name}" in runs[0].job("validate").summary for name in NAMES)
    assert {job.matrix["name"] for job in runs[-1].named("plan")} == set(NAMES)
    assert both.said(number) == {
        "plan": "failure",
        "plan/staging": "success",
        "plan/prod": "failure",
    }, runs[-1].log
    first = both.comments(number)
    assert "validation" in first["prod"].body and "❌" in first["prod"].body
    assert "1 → 2" in first["staging"].body and "❌" not in first["staging"].body

    # Corrected where the version comes from, and approved: the same comments, and a green check.
    both.clients["staging"].set_model_version_tag(both.model, "1", "validation", "passed")
    runs = both.actions.review(number, "grace")
    assert both.said(number) == dict.fromkeys(("plan", "plan/staging", "plan/prod"), "success"), (
        runs[-1].log
    )
    again = both.comments(number)
    assert {name: one.id for name, one in again.items()} == {
        name: one.id for name, one in first.items()
    }
    assert "approved by @grace" in again["prod"].body

    before = both.hub.tip("main")
    both.hub.merge(number, "squash", by="edsger")
    runs = both.actions.push(before, "edsger")
    assert ended(runs) == [("reconcile-prod", True), ("reconcile-staging", True)], (
        runs[0].log + runs[-1].log
    )
    assert both.stages("staging") == {1: "Archived", 2: "Production"} and both.stages("prod") == {
        1: "Production"
    }
    assert [[one.matrix for one in run.named("deploy")] for run in runs] == [
        [{"model": both.model, "stage": "Production", "version": version}] for version in (1, 2)
    ]

    # Whose each is, and what was done where, is on GitHub; nothing in either is unexplained.
    tip = both.hub.tip("main")
    both.team.git("fetch", "-q", "origin")
    told = {
        str(receipt.content["owner"]).rpartition(":")[2]: receipt
        for receipt in receipts_in(both.hub.path)
    }
    assert told.keys() == set(NAMES)
    for name, receipt in told.items():
        tags = both.clients[name].get_registered_model(both.model).tags
        assert (
            tags["gitops.owner"].endswith(f":registry/{name}:{name}")
            and tags["gitops.receipt"] == receipt.digest
        )
        assert (receipt.commit, receipt.applied()) == (tip, {both.model}), receipt.text
        [people] = receipt.models()[0].content["people"]
        assert (people["pr"], people["merged_by"], people["approved_by"]) == (
            number,
            "@edsger",
            ["@grace"],
        )
        both.must(name, "verify")


@pytest.mark.weekly
def test_a_version_is_checked_in_the_environment_that_has_it(both: Both) -> None:
    """Staging has it, prod has not. The model runs in the environment of the tests (`local`)."""
    client = both.clients["staging"]
    folder = write_model(both.team.folder.parent / "candidate", "staged_model")
    register(client, client.create_experiment(both.model), both.model, folder)
    inputs = {"model": both.model, "version": "3", "env-manager": "local"}

    [run] = both.actions.dispatch("check.yml", "ada", inputs=inputs | {"environment": "prod"})
    assert not run.ok and run.job("download").result == "failure", run.log

    [run] = both.actions.dispatch("check.yml", "ada", inputs=inputs | {"environment": "staging"})
    assert run.ok and ": passed" in run.job("record").summary, run.log
    run_id = client.get_model_version(both.model, "3").tags["gitops.check.run"]
    assert client.get_run(run_id).data.tags["gitops.check.outcome"] == "passed"
