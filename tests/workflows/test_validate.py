"""validate.yml, run by act: what it says of a pull request, on the pull request and in the job's
summary."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflows.repository import WorkflowRepository

pytestmark = pytest.mark.real


def test_a_bad_manifest_is_red_with_annotations(repo: WorkflowRepository) -> None:
    number = repo.propose("bad", "{Production: three, Staging: 1}\nunknown: 1")
    run = repo.actions.pull_request(number, "opened")[0]
    assert (run.workflow, run.event, run.ok) == ("validate", "pull_request", False), run.log
    file = f"registry/models/{repo.model}.yaml"
    told = {
        (annotation["level"], annotation["file"], annotation["line"], annotation["title"])
        for annotation in run.job("validate").annotations
        if "file" in annotation
    }
    assert told == {("error", file, "2", "wrong-type"), ("error", file, "3", "unknown-field")}


def test_good_ones_are_green_and_their_stage_changes_are_told(repo: WorkflowRepository) -> None:
    one, two = (
        repo.propose("one", "{Staging: 1}"),
        repo.propose("two", "{Production: 1}", model="fraud"),
    )
    run = repo.actions.pull_request(one, "opened")[0]
    job = run.job("validate")
    assert run.ok and job.annotations == [], run.log
    assert repo.model in job.summary and "Staging" in job.summary and "fraud" not in job.summary
    _, runs = repo.actions.merge_group(one, two)
    assert (runs[0].workflow, runs[0].event, runs[0].ok) == ("validate", "merge_group", True), runs[
        0
    ].log
    assert (
        repo.model in runs[0].job("validate").summary and "fraud" in runs[0].job("validate").summary
    )


def test_a_forks_own_code_runs_without_anything_to_steal(repo: WorkflowRepository) -> None:
    """It may change the action and the workflows: what runs with its changes has no credentials,
    what has them runs main's."""
    repo.actions.environment.secrets["MLFLOW_TRACKING_TOKEN"] = "hunter2"
    number = repo.fork("mallory", "theirs", "{Staging: 1}", model="fraud", edit=_print_everything)
    validate, plan = repo.actions.pull_request(number, "opened")
    assert "caught: ." in validate.log and repo.team.uri not in validate.log, validate.log
    assert "fraud" in validate.job("validate").summary, "and yet it is checked"
    # The plan reads the fork's objects: MLflow has no such version. None of the fork's code ran.
    assert plan.ok and "caught" not in plan.log, plan.log
    assert repo.hub.status(repo.hub.pull(number).head, "mlflow-gitops/plan") == "failure"
    [comment] = repo.hub.issues[number].comments
    assert "missing_version" in comment.body


def _print_everything(folder: Path) -> None:
    action = folder / ".github/actions/mlflow-gitops/action.yml"
    step = "    - {shell: bash, run: 'echo \"caught: $MLFLOW_TRACKING_URI$LOOT.\"'}\n"
    action.write_text(action.read_text().replace("  steps:\n", f"  steps:\n{step}", 1))
    workflow = folder / ".github/workflows/validate.yml"
    loot = (
        "    env: {LOOT: '${{ vars.MLFLOW_TRACKING_URI }}${{ secrets.MLFLOW_TRACKING_TOKEN }}'}\n"
    )
    workflow.write_text(workflow.read_text().replace("    steps:\n", f"{loot}    steps:\n", 1))
