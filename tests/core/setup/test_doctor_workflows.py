"""The workflows' files, read and judged: all that can be missing, one by one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mlflow_gitops.core.setup.doctor_workflows import (
    EnvironmentPair,
    WorkflowFacts,
    check_workflows,
)
from mlflow_gitops.core.setup.workflow_files import app_needs, read_workflows
from tests.support.doctor import SHA, WORKFLOWS, checks_of

FILES: dict[str, tuple[str, str, str, set[str]]] = {
    "an action by its tag": ("validate", f"checkout@{SHA} # v7", "checkout@v7", {"pinned"}),
    "a job without permissions": (
        "reconcile",
        "permissions: {contents: read}\n",
        "",
        {"permissions"},
    ),
    "a job that may do all": ("reconcile", "{contents: read}", "write-all", {"permissions"}),
    "a secret without an environment": (
        "plan",
        "    environment: mlflow-read\n",
        "",
        {"secrets", "plan-environment"},
    ),
    "secrets for a pull request": (
        "plan",
        "workflow_run: {workflows: [validate], types: [completed]}",
        "pull_request: null",
        {"secrets"},
    ),
    "a push that a rest disables": (
        "reconcile",
        "{push: {branches: [main]}}",
        "{push: {branches: [main]}, schedule: [{cron: 0 * * * *}]}",
        {"schedule"},
    ),
    "a dispatch that a rest disables": (
        "reconcile",
        "{push: {branches: [main]}}",
        "{repository_dispatch: {types: [x]}, schedule: [{cron: 0 * * * *}]}",
        {"schedule"},
    ),
    "a stranger's code beside secrets": (
        "validate",
        "pull_request: null",
        "pull_request_target: null",
        {"target"},
    ),
    "another environment": (
        "reconcile",
        "name: mlflow-write",
        "name: production",
        {"reconcile-environment"},
    ),
    "plan may write": (
        "plan",
        "environment: mlflow-read",
        "environment: mlflow-write",
        {"plan-environment"},
    ),
    "a shallow checkout": ("reconcile", "fetch-depth: 0, ", "", {"depth"}),
    "a workflow that is none": ("plan", "on: {", "on: [{", {"readable", "plan"}),
    "a command in a comment": (
        "plan",
        "          mlflow-gitops",
        "          # mlflow-gitops",
        {"plan"},
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_missing_in_workflows(case: str) -> None:
    name, old, new, expected = FILES[case]
    assert old in WORKFLOWS[name]
    texts = {
        f"{one}.yml": text.replace(old, new) if one == name else text
        for one, text in WORKFLOWS.items()
    }
    assert checks_of(check_workflows(WorkflowFacts(*read_workflows(texts))), "missing") == expected


@pytest.mark.parametrize(
    "line",
    [
        "mlflow-gitops plan",
        "mlflow-gitops -q --main main plan --onto x",
        '"$bin/mlflow-gitops" plan',
        'mlflow-gitops github plan "$HEAD_SHA"',
        "mlflow-gitops --registry-dir live \\\n  plan --format json | tee x",
    ],
)
def test_which_command_a_step_runs(line: str) -> None:
    text = json.dumps({"on": "push", "jobs": {"a": {"steps": [{"run": line}]}}})
    [job], unread = read_workflows({"w.yml": text})
    assert not unread and job.commands == {"plan"} and job.triggers == ("push",)


def test_pinned_files_are_compared_while_they_are_served() -> None:
    texts = {f"{name}.yml": text for name, text in WORKFLOWS.items()}
    jobs, unread = read_workflows(texts)
    for pins_digests in (True, False):
        facts = WorkflowFacts(jobs, unread, pins_digests=pins_digests)
        missing = checks_of(check_workflows(facts), "missing")
        assert ("verify" in missing) is pins_digests


def test_the_workflow_that_proposes_is_held_to_its_environment() -> None:
    text = (Path(__file__).parents[3] / ".github/workflows/propose.yml").read_text()
    [job], _ = read_workflows({"propose.yml": text})
    assert job.commands == {"propose"} and app_needs([job]) is not None
    for wanted, environment in (("ok", "mlflow-read"), ("missing", "mlflow-write")):
        texts = {
            "propose.yml": text.replace("environment: mlflow-read", f"environment: {environment}")
        }
        assert "propose-environment" in checks_of(
            check_workflows(WorkflowFacts(*read_workflows(texts))), wanted
        )


@pytest.mark.parametrize(
    ("branch", "name", "status"),
    [
        ("mlflow-gitops/receipts", "mlflow-gitops/receipts", "ok"),
        ("audit/receipts", "mlflow-gitops/receipts", "missing"),
        ("mlflow-gitops/receipts", "mlflow-gitops/receipts-2", "missing"),
        ("receipts", "mlflow-gitops/receipts", "missing"),
        ("audit/receipts", "audit/receipts", "ok"),
        ("audit/receipts", "$MLFLOW_GITOPS_RECEIPTS_BRANCH", "ok"),
    ],
)
def test_receipts_are_taken_from_the_branch_that_is_set(
    branch: str, name: str, status: str
) -> None:
    text = (Path(__file__).parents[3] / ".github/workflows/reconcile.yml").read_text()
    jobs, _ = read_workflows({"reconcile.yml": text.replace("mlflow-gitops/receipts", name)})
    facts = WorkflowFacts(jobs, receipts_branch=branch)
    [result] = [one for one in check_workflows(facts) if one.check == "receipts"]
    assert result.status == status
    assert status == "ok" or f"Write {branch} as" in result.fix


def test_each_environment_is_planned_and_reconciled() -> None:
    """One that was added to the list, and not yet to the workflows: nobody would make the plan that
    the check waits for."""
    places = [EnvironmentPair(), EnvironmentPair("mlflow-read-eu", "mlflow-write-eu")]
    found = {
        one.check: one
        for one in check_workflows(WorkflowFacts(*read_workflows(WORKFLOWS), places))
        if one.status == "missing"
    }
    assert set(found) == {"plan-environment", "reconcile-environment"}
    assert (
        "runs reconcile in the environment mlflow-write-eu" in found["reconcile-environment"].detail
    )
    assert "init --update" in found["plan-environment"].fix


@pytest.mark.parametrize(
    "text",
    ["", "[]", "jobs: 1", "on: x\njobs: {a: b}", "{", "a: *b", "on: x\njobs: {a: {steps: [1]}}"],
)
def test_a_workflow_that_cannot_be_read(text: str) -> None:
    jobs, unread = read_workflows({"w.yml": text})
    assert jobs == [] and any(
        one.status == "missing" for one in check_workflows(WorkflowFacts(jobs, unread))
    )


def test_the_shipped_workflows() -> None:
    """This repository's own."""
    folder = Path(__file__).parents[3] / ".github" / "workflows"
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.yml")}
    facts = WorkflowFacts(*read_workflows(texts), proposed=["Staging"], pins_digests=True)
    judged = list(check_workflows(facts))
    assert {"propose", "verify", "verify-environment"} <= checks_of(judged, "ok")
    missing = [one for one in judged if one.status == "missing"]
    assert missing == [], os.linesep.join(map(str, missing))
