"""What act leaves out, read from the workflows themselves: triggers, permissions, environments,
concurrency, pins, scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.act import ROOT, read, triggers

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTION = ROOT / ".github/actions/mlflow-gitops/action.yml"
WORKFLOWS = {file.stem: read(file) for file in FILES}
JOBS = {
    (name, id): job for name, workflow in WORKFLOWS.items() for id, job in workflow["jobs"].items()
}
REQUIRED = ("validate", "plan")
"""What reports on every pull request; branch protection asks for the status that `plan` sets."""
MAIN = {
    "${{ github.event.repository.default_branch }}",
    "${{ github.event.repository.default_branch || github.ref_name }}",
}
"""The tip of the main branch. A schedule's event names no repository, and its ref is main's."""

WRITES = {
    ("plan", "plan"): {"pull-requests", "statuses"},
    ("heal", "drift"): {"issues"},
    ("heal", "heal"): {"actions"},
    ("reconcile", "receipts"): {"contents"},
    ("verify", "verify"): {"issues"},
    ("promote", "promote"): {"contents", "pull-requests", "actions"},
    ("propose", "propose"): {"contents", "pull-requests", "actions"},
    ("propose-hourly", "start"): {"actions"},
    ("health", "health"): {"contents", "pull-requests", "issues", "actions"},
    ("pages", "deploy"): {"pages", "id-token"},
    ("deployments", "render"): {"contents"},
}
"""All that any job may write."""
ENVIRONMENTS = {
    ("plan", "plan"): "mlflow-read",
    ("heal", "drift"): "mlflow-read",
    ("reconcile", "reconcile"): "mlflow-write",
    ("promote", "promote"): "mlflow-read",
    ("propose", "propose"): "mlflow-read",
    ("health", "health"): "mlflow-read",
    ("pages", "report"): "mlflow-read",
    ("verify", "verify"): "mlflow-read",
    ("check", "download"): "mlflow-read",
    ("check", "record"): "mlflow-check",
}
"""All jobs that reach MLflow."""


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for (workflow, id), job in JOBS.items():
        yield from ((f"{workflow}/{id}", step) for step in job["steps"])
    yield from (("action", step) for step in read(ACTION)["runs"]["steps"])


def test_triggers() -> None:
    on = {name: triggers(workflow) for name, workflow in WORKFLOWS.items()}
    assert set(on["validate"]) == {"pull_request", "merge_group"}
    assert on["review"] == {"pull_request_review": {"types": ["submitted", "dismissed"]}}
    assert set(on["plan"]) == {"workflow_run", "workflow_dispatch"}
    assert on["plan"]["workflow_run"] == {
        "workflows": ["validate", "review"],
        "types": ["completed"],
    }
    assert set(on["plan"]["workflow_dispatch"]["inputs"]) == {"head"}
    assert set(on["reconcile"]) == {"push", "workflow_dispatch"}
    assert set(on["heal"]) == set(on["health"]) == {"schedule", "workflow_dispatch"}
    assert on["reconcile"]["push"] == {"branches": ["main"]}
    assert set(on["promote"]) == {"workflow_dispatch"}
    assert set(on["verify"]) == {"workflow_dispatch", "schedule"}
    assert set(on["check"]) == {"workflow_dispatch"}
    assert set(on["propose"]) == {"repository_dispatch", "workflow_dispatch"}
    assert set(on["propose-hourly"]) == {"schedule"}
    assert on["propose"]["repository_dispatch"] == {"types": ["model_version_created"]}
    assert set(on["pages"]) == {"workflow_run", "workflow_dispatch"} and on["pages"][
        "workflow_run"
    ]["workflows"] == ["reconcile", "heal"]
    assert on["deployments"] == on["pages"]
    # It would run a pull request's event with this repository's rights.
    assert all(
        "pull_request_target" not in one and "issue_comment" not in one for one in on.values()
    )


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_check_always_reports(name: str) -> None:
    for filters in triggers(WORKFLOWS[name]).values():
        assert not {"paths", "paths-ignore", "branches", "branches-ignore"} & set(filters or {}), (
            "it would wait for ever"
        )
    for (workflow, id), job in JOBS.items():
        if workflow == "validate":
            assert id == job["name"] == "validate" and "if" not in job and "strategy" not in job


def test_permissions_are_the_least() -> None:
    assert all(workflow["permissions"] == {} for workflow in WORKFLOWS.values())
    for key, job in JOBS.items():
        given = job.get("permissions", {})
        assert {scope for scope, level in given.items() if level == "write"} == WRITES.get(
            key, set()
        ), key


def test_credentials_are_in_environments_of_main_alone() -> None:
    for key, job in JOBS.items():
        assert job.get("environment") == (
            "github-pages" if key == ("pages", "deploy") else ENVIRONMENTS.get(key)
        ), key
        text = repr(job)
        if key not in ENVIRONMENTS:
            assert "secrets." not in text and "MLFLOW_TRACKING" not in text, key
            continue
        # Whatever started it, main's code is what runs, and nothing comes from a cache.
        checkouts = [
            step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")
        ]
        [checkout] = checkouts
        assert checkout["with"]["ref"] in MAIN, key
        assert "cache" not in text, key
    assert "cache" not in str(read(ACTION)["runs"]).replace("--no-cache-dir", "")


def test_the_job_that_pushes_receipts_knows_nothing_of_mlflow() -> None:
    job = JOBS["reconcile", "receipts"]
    assert "environment" not in job and "MLFLOW" not in repr(job) and "secrets" not in repr(job)
    assert not any(step.get("uses", "").startswith("./") for step in job["steps"])


def test_the_job_that_runs_a_model_has_nothing_to_take() -> None:
    """Its token reads the repository, and is not left in the checkout."""
    job = JOBS["check", "run"]
    assert job["permissions"] == {"contents": "read"} and "environment" not in job
    assert "secrets" not in repr(job) and "MLFLOW_TRACKING" not in repr(job)
    assert "github.token" not in repr(job) and "GITHUB_TOKEN" not in repr(job)
    assert job["steps"][0]["with"]["persist-credentials"] is False
    record = JOBS["check", "record"]["steps"][-1]
    assert record["env"]["DIGEST"] == "${{ needs.download.outputs.digest }}"


def test_nothing_that_others_start_has_a_schedule() -> None:
    """In a public repository, 60 days without a commit disable a workflow with a schedule on all of
    its events."""
    for name, workflow in WORKFLOWS.items():
        for event in ("push", "pull_request", "repository_dispatch"):
            assert not {event, "schedule"} <= set(triggers(workflow)), name


def test_propose_is_started_every_hour() -> None:
    [step] = JOBS["propose-hourly", "start"]["steps"]
    assert "/workflows/propose.yml/dispatches" in step["run"]


def test_heal_starts_reconcile_only_if_something_is_to_be_healed() -> None:
    job = JOBS["heal", "heal"]
    assert job["needs"] == "drift"
    assert job["if"] == "${{ !cancelled() && needs.drift.outputs.heal == 'true' }}"
    assert "/workflows/reconcile.yml/dispatches" in job["steps"][0]["run"]


def test_one_writer_a_registry() -> None:
    # Reconcile and heal do not overlap, and the receipts are pushed before the next run begins.
    for writer in ("reconcile", "heal"):
        assert WORKFLOWS[writer]["concurrency"] == {
            "group": "mlflow-registry",
            "cancel-in-progress": False,
        }
    others = [
        workflow["concurrency"]["group"]
        for name, workflow in WORKFLOWS.items()
        if name not in ("reconcile", "heal")
    ]
    assert "mlflow-registry" not in others
    assert all("concurrency" not in job for job in JOBS.values())


def test_what_a_dispatch_says_is_one_argument() -> None:
    """A client payload is text of others: it reaches a script as one variable, behind `--`, and
    nothing else."""
    [step] = [step for step in JOBS["propose", "propose"]["steps"] if step.get("id") == "propose"]
    assert step["env"]["MODEL"] == "${{ github.event.client_payload.model || inputs.model }}"
    assert 'options+=(-- "$MODEL")' in step["run"] and step["run"].count("MODEL") == 2
    told = {
        key: text
        for key, text in step["env"].items()
        if "client_payload" in text or "inputs." in text
    }
    assert set(told) == {"MODEL", "STAGE"}
    rest = repr([one for one in JOBS["propose", "propose"]["steps"] if one is not step])
    assert "client_payload" not in rest and "inputs." not in rest


def test_whoever_starts_it_is_the_author() -> None:
    """The clock starts it by a workflow's own token, so it is the bot's."""
    [step] = [step for step in JOBS["propose", "propose"]["steps"] if step.get("id") == "propose"]
    assert "[bot]" in step["env"]["GIT_COMMITTER_NAME"]
    assert '\nexport GIT_AUTHOR_NAME="$GITHUB_ACTOR" GIT_AUTHOR_EMAIL=' in step["run"]


def test_deploy_runs_for_what_was_applied() -> None:
    job, listed = JOBS["reconcile", "deploy"], "startsWith(needs.reconcile.outputs.changed, '[')"
    assert job["if"] == f"${{{{ !cancelled() && {listed} }}}}"
    assert job["strategy"]["matrix"] == {
        "include": f"${{{{ fromJSON({listed} && needs.reconcile.outputs.changed || '[]') }}}}"
    }
    assert job["strategy"]["fail-fast"] is False and job["permissions"] == {}


def test_scripts() -> None:
    for where, step in steps():
        if "run" in step:
            assert step["shell"] == "bash", where
            assert "${{" not in step["run"], (
                f"{where}: text of others must reach a shell as a variable"
            )
        assert ("run" in step) != ("uses" in step), where


@pytest.mark.parametrize("file", [*FILES, ACTION], ids=lambda file: file.stem)
def test_actions_of_others_are_pinned(file: Path) -> None:
    for line in file.read_text().splitlines():
        if (found := re.match(r"[ -]*uses: *(\S+)(.*)$", line)) and found[
            1
        ] != "./.github/actions/mlflow-gitops":
            assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", found[1]), line
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", found[2]), line


def test_a_run_that_waits_for_approval_gets_no_plan() -> None:
    """A stranger's pull request, of which no workflow runs yet, must not start a job with
    credentials, nor take the place of a plan that waits."""
    waits = "github.event.workflow_run.conclusion == 'action_required'"
    assert JOBS["plan", "plan"]["if"] == f"${{{{ {waits.replace('==', '!=')} }}}}"
    assert f"{waits} && '-waiting'" in WORKFLOWS["plan"]["concurrency"]["group"]


@pytest.mark.parametrize("name", ["promote", "propose", "health"])
def test_what_the_default_token_pushes_is_planned_by_main(name: str) -> None:
    """The status of a dispatched plan counts; a dispatched run's own checks do not. Main's file
    runs, and the head is looked up in git."""
    [step] = [step for step in JOBS[name, name]["steps"] if "/dispatches" in str(step.get("run"))]
    assert step["env"]["MAIN"] in MAIN and "steps.app.outputs.token == ''" in step["if"]
    assert 'ref\\": \\"$MAIN' in step["run"] and "/workflows/plan.yml/" in step["run"]
    assert "git ls-remote origin" in step["run"] and "validate" not in step["run"]


def test_every_job_has_a_name_and_ends() -> None:
    for key, job in JOBS.items():
        assert job["name"] and job["runs-on"] == "ubuntu-latest" and job["timeout-minutes"] <= 60, (
            key
        )


def test_what_is_ignored_has_a_reason() -> None:
    for file in (*FILES, ACTION):
        for line in file.read_text().splitlines():
            if "zizmor: ignore" in line:
                assert re.search(r"zizmor: ignore\[[\w-]+\] \w+\S* \w+ \w+ ", line), line
