"""The workflows that `init` writes where a repository keeps several environments, read as YAML."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from mlflow_gitops.app.setup.scaffold_files import shipped_files
from mlflow_gitops.core.manifests.environments import Environment, read_environments
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.setup.doctor_workflows import (
    EnvironmentPair,
    WorkflowFacts,
    check_workflows,
)
from mlflow_gitops.core.setup.scaffold import ScaffoldTarget, for_github, is_unedited
from mlflow_gitops.core.setup.workflow_files import read_workflows, recording_environments

LISTED = b"""\
staging: {tracking_uri: https://mlflow.staging.example}
prod: {tracking_uri: https://mlflow.example, github: {read: look, write: act}}
"""


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    known, _ = read_environments(LISTED, "ml/registry")
    assert known is not None
    place = ScaffoldTarget("ml/registry", "main", "mlflow-gitops==1", "1", tuple(known.values()))
    made = list(for_github(shipped_files(), place))
    assert all(is_unedited(one.data) for one in made if one.renewal == "unedited"), (
        "or init --update renews none of them"
    )
    return {one.path.removeprefix(".github/workflows/"): one.data.decode() for one in made}


def jobs(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(text, yaml.BaseLoader)
    return found


def test_one_reconcile_for_each_environment(files: dict[str, str]) -> None:
    assert (
        "reconcile.yml" not in files
        and not {"pages.yml", "promote.yml"} & files.keys()
        and not {"propose.yml", "propose-hourly.yml"} & files.keys()
    )
    for name, read, write in (
        ("staging", "mlflow-read-staging", "mlflow-write-staging"),
        ("prod", "look", "act"),
    ):
        workflow = jobs(files[f"reconcile-{name}.yml"])
        assert workflow["name"] == f"reconcile-{name}"
        assert workflow["concurrency"]["group"] == f"mlflow-registry-{name}", (
            "one writer a registry"
        )
        assert workflow["env"] == {
            "MLFLOW_GITOPS_ENV": name,
            "MLFLOW_GITOPS_REGISTRY_DIR": "ml/registry",
        }
        environments = {id: job.get("environment") for id, job in workflow["jobs"].items()}
        assert environments == {"reconcile": write, "receipts": None, "deploy": None}
        health = jobs(files[f"health-{name}.yml"])
        assert health["concurrency"]["group"] == f"health-{name}"
        assert {job.get("environment") for job in health["jobs"].values()} == {read}
        heal = jobs(files[f"heal-{name}.yml"])
        assert heal["concurrency"]["group"] == f"mlflow-registry-{name}"
        environments = {id: job.get("environment") for id, job in heal["jobs"].items()}
        assert environments == {"drift": read, "heal": None}
        assert f"/reconcile-{name}.yml/dispatches" in heal["jobs"]["heal"]["steps"][0]["run"]


def test_deployments_of_all_environments_are_on_one_branch(files: dict[str, str]) -> None:
    workflow = jobs(files["deployments.yml"])
    assert workflow["on"]["workflow_run"]["workflows"] == [
        *("reconcile-staging", "heal-staging", "reconcile-prod", "heal-prod")
    ]
    step = workflow["jobs"]["render"]["steps"][-1]
    assert step["env"]["ENVIRONMENTS"] == "staging prod"
    assert step["run"].count("mlflow-gitops ") == 1
    assert '--env "$environment" render "$template" --effective --prune --to' in step["run"]


def test_each_job_has_the_credentials_of_where_versions_come_from(files: dict[str, str]) -> None:
    workflow = jobs(files["reconcile-prod.yml"])
    [step] = [one for one in workflow["jobs"]["reconcile"]["steps"] if one.get("id") == "reconcile"]
    assert (
        step["env"]["MLFLOW_TRACKING_TOKEN_STAGING"]
        == "${{ secrets.MLFLOW_TRACKING_TOKEN_STAGING }}"
    )
    assert "MLFLOW_TRACKING_TOKEN_PROD" not in step["env"]
    assert "_STAGING" not in repr([workflow["jobs"][id] for id in ("receipts", "deploy")])


def test_jobs_that_only_need_secrets_are_no_deployments() -> None:
    """GitHub.com knows that form; an Enterprise Server takes such a file for invalid."""
    known, _ = read_environments(LISTED, "ml/registry")
    assert known is not None
    for environments in ((), tuple(known.values())):
        plain = ScaffoldTarget("registry", "main", "mlflow-gitops==1", "1", environments)
        target = replace(plain, may_skip_deployments=True)
        files = {
            made.path: made.data.decode()
            for made in for_github(shipped_files(), target)
            if made.path.startswith(".github/workflows/")
        }
        for path, text in files.items():
            for job in jobs(text)["jobs"].values():
                environment = job.get("environment", "github-pages")
                if environment != "github-pages":
                    assert environment["deployment"] == "false", path
        # doctor reads both forms alike.
        pairs = [EnvironmentPair(one.read, one.write) for one in environments]
        facts = WorkflowFacts(*read_workflows(files), environments=pairs or [EnvironmentPair()])
        assert not [found for found in check_workflows(facts) if found.status == "missing"]
        assert not any("deployment: false" in one.data.decode("utf-8", "replace")
                       for one in for_github(shipped_files(), plain))  # fmt: skip


def test_the_plan_is_one_workflow_with_a_job_for_each(files: dict[str, str]) -> None:
    workflow = jobs(files["plan.yml"])
    job = workflow["jobs"]["plan"]
    assert job["strategy"] == {
        "fail-fast": "false",
        "matrix": {
            "include": [
                {"name": "staging", "read": "mlflow-read-staging"},
                {"name": "prod", "read": "look"},
            ]
        },
    }
    assert (
        job["environment"] == "${{ matrix.read }}"
        and job["env"]["MLFLOW_GITOPS_ENV"] == "${{ matrix.name }}"
    )
    assert list(workflow["jobs"]) == ["plan"]


def test_validate_tells_what_changes_in_each(files: dict[str, str]) -> None:
    job = jobs(files["validate.yml"])["jobs"]["validate"]
    assert job["name"] == "validate" and "strategy" not in job, "the required check has this name"
    [step] = [one for one in job["steps"] if "$GITHUB_STEP_SUMMARY" in one.get("run", "")]
    assert step["env"]["ENVIRONMENTS"] == "staging prod"
    assert 'mlflow-gitops --env "$name" --main HEAD log --since' in step["run"]


def test_a_check_asks_for_the_environment(files: dict[str, str]) -> None:
    workflow = jobs(files["check.yml"])
    chosen = workflow["on"]["workflow_dispatch"]["inputs"]["environment"]
    assert (chosen["type"], chosen["options"]) == ("choice", ["staging", "prod"])
    assert workflow["env"]["MLFLOW_GITOPS_ENV"] == "${{ inputs.environment }}"
    assert workflow["concurrency"]["group"] == "check-${{ inputs.environment }}-${{ inputs.model }}"
    assert {id: job.get("environment") for id, job in workflow["jobs"].items()} == {
        "download": (
            "${{ inputs.environment == 'staging' && 'mlflow-read-staging'"
            " || inputs.environment == 'prod' && 'look' }}"
        ),
        "run": None,  # the model runs without credentials
        "record": (
            "${{ inputs.environment == 'staging' && 'mlflow-check-staging'"
            " || inputs.environment == 'prod' && 'mlflow-check-prod' }}"
        ),
    }
    assert "'act'" not in files["check.yml"] and "mlflow-write" not in files["check.yml"]

    found, _ = read_workflows({"check.yml": files["check.yml"]})
    assert recording_environments(found) == {"mlflow-check-staging", "mlflow-check-prod"}


def test_doctor_finds_nothing_amiss(files: dict[str, str]) -> None:
    found, unread = read_workflows(
        {f".github/workflows/{name}": text for name, text in files.items() if "/" not in name}
    )
    places = [
        EnvironmentPair("mlflow-read-staging", "mlflow-write-staging"),
        EnvironmentPair("look", "act"),
    ]
    wrong = [
        (one.check, one.detail)
        for one in check_workflows(WorkflowFacts(found, unread, places))
        if one.status == "missing"
    ]
    assert wrong == []
    other = [
        one.check
        for one in check_workflows(WorkflowFacts(found, unread, places[:1]))
        if one.status == "missing"
    ]
    assert {"plan-environment", "reconcile-environment"} <= set(other)


def test_where_there_is_one_mlflow_nothing_is_different() -> None:
    plain = {
        one.path
        for one in for_github(
            shipped_files(), ScaffoldTarget("registry", "main", "mlflow-gitops==1", "1")
        )
    }
    assert {".github/workflows/reconcile.yml", ".github/workflows/promote.yml"} <= plain


@pytest.mark.parametrize(("name", "read"), [("staging", "mlflow-read-staging"), ("prod", "look")])
def test_one_verify_for_each_environment(files: dict[str, str], name: str, read: str) -> None:
    assert "verify.yml" not in files
    workflow = jobs(files[f"verify-{name}.yml"])
    assert workflow["name"] == f"verify-{name}"
    assert workflow["concurrency"]["group"] == f"verify-{name}"
    assert workflow["env"]["MLFLOW_GITOPS_ENV"] == name
    [job] = workflow["jobs"].values()
    assert job["environment"] == read


@pytest.mark.parametrize(
    ("addresses", "packages"),
    [
        (("https://one.example", "http://two.example"), ""),
        (("https://one.example", "postgresql+psycopg2://db/mlflow"), "mlflow"),
        (("sqlite:///mlflow.db",), "mlflow"),
        (("databricks",), ""),
    ],
)
def test_the_action_installs_what_the_listed_addresses_need(
    addresses: tuple[str, ...], packages: str
) -> None:
    environments = tuple(
        Environment(f"e{number}", RegistryFolder("registry"), address)
        for number, address in enumerate(addresses)
    )
    target = ScaffoldTarget("registry", "main", "mlflow-gitops==1", "1", environments)
    [action] = [file for file in for_github(shipped_files(), target) if "action.yml" in file.path]
    assert jobs(action.data.decode())["inputs"]["packages"]["default"] == packages
