"""The whole way of a change by the workflows, run by act: proposed, planned, approved, merged, applied, rolled back."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_gitops.core.receipts import Receipt
from mlflow_gitops.edges.git import Git
from mlflow_gitops.edges.notes import Notes
from tests.support.act import Run
from tests.support.github_state import Comment
from tests.workflows.conftest import Repo

pytestmark = pytest.mark.real

CONTEXT = "mlflow-gitops/plan"


def the_run(runs: list[Run], workflow: str) -> Run:
    [found] = [run for run in runs if run.workflow == workflow]
    return found


def the_comment(repo: Repo, number: int) -> Comment:
    [found] = repo.hub.issues[number].comments
    return found


def planned(repo: Repo, number: int) -> str | None:
    """What the required check says of a pull request's head."""
    return repo.hub.status(repo.hub.pull(number).head, CONTEXT)


def receipts(repo: Repo) -> list[Receipt]:
    """Those that reached GitHub."""
    return Notes.of(Git(repo.hub.path)).receipts()


def deployed(run: Run) -> list[tuple[str, str, int]]:
    return sorted((job.matrix["model"], job.matrix["stage"], int(job.matrix["version"])) for job in run.named("deploy"))


def merged(repo: Repo, number: int, method: Any) -> Run:
    """Merge, and let the push start what it starts."""
    before = repo.hub.tip("main")
    repo.hub.merge(number, method, by="edsger")
    return the_run(repo.actions.push(before, "edsger"), "reconcile")


def test_from_a_failing_gate_to_production_and_back(repo: Repo) -> None:
    version = repo.register(validated=False)
    number = repo.propose("promote", f"{{Production: {version}}}")

    # A gate fails: the status says so, the comment says why.
    plan = the_run(repo.actions.pull_request(number, "opened"), "plan")
    assert planned(repo, number) == "failure", plan.log
    comment = the_comment(repo, number)
    assert "validation" in comment.body and "❌" in comment.body

    # Mended and pushed again: the same comment, and a plan that waits for an approval alone.
    repo.client.set_model_version_tag(repo.model, str(version), "validation", "passed")
    repo.push_again(f"{{Production: {version}, Staging: []}}")
    plan = the_run(repo.actions.pull_request(number), "plan")
    assert planned(repo, number) == "success", plan.log
    again = the_comment(repo, number)
    assert again.id == comment.id and "❌" not in again.body and "⏳" in again.body
    assert repo.model in plan.job("plan").summary

    # Reviewed: planned again.
    plan = the_run(repo.actions.review(number, "grace"), "plan")
    assert planned(repo, number) == "success" and "approved by @grace" in the_comment(repo, number).body, plan.log

    # Merged: MLflow has it, it is deployed, stamps and receipt say who.
    run = merged(repo, number, "squash")
    assert run.ok and deployed(run) == [(repo.model, "Production", version)], run.log
    assert repo.stages() == {version: "Production"}
    assert_recorded(repo, version, number, "@grace")

    # A second one, merged in another way.
    version = repo.register()
    number = repo.propose("second", f"{{Production: {version}}}")
    repo.hub.review(number, "edsger")
    run = merged(repo, number, "merge")
    assert run.ok and repo.stages() == {1: "Archived", 2: "Production"}, run.log
    assert_recorded(repo, version, number, "@edsger")

    # Rolled back from the Actions page by ada. The pull request is the workflow's, the change is hers.
    runs = repo.actions.dispatch(
        "promote.yml", "ada", inputs={"action": "rollback", "model": repo.model, "why": "False alarms"}
    )
    assert [(run.workflow, run.ok) for run in runs] == [("promote", True), ("validate", True), ("plan", True)], runs[
        0
    ].log
    pull = repo.hub.pulls()[-1]
    assert (pull.user, pull.head_ref.rpartition("-")[0]) == ("github-actions[bot]", "mlflow-gitops/rollback")
    assert repo.hub.git("show", "-s", "--format=%an %b", pull.head).startswith("ada ") and "False alarms" in pull.body
    assert planned(repo, pull.number) == "success", runs[-1].log

    # So her own approval does not count, and once merged it is refused.
    repo.actions.review(pull.number, "ada")
    assert "@ada is an author of it" in the_comment(repo, pull.number).body, the_comment(repo, pull.number).body
    run = merged(repo, pull.number, "rebase")
    assert not run.ok and deployed(run) == [] and repo.stages() == {1: "Archived", 2: "Production"}, run.log

    # Approved by another, after the fact, and reconciled by hand.
    repo.hub.review(pull.number, "grace")
    [run] = repo.actions.dispatch("reconcile.yml", "edsger")
    assert run.ok and deployed(run) == [(repo.model, "Production", 1)], run.log
    assert repo.stages() == {1: "Production", 2: "Archived"}
    assert_recorded(repo, 1, pull.number, "@grace")


def assert_recorded(repo: Repo, version: int, number: int, approved_by: str) -> None:
    """The version's stamps and the newest receipt on GitHub name the commit, the pull request and who approved it."""
    tip = repo.hub.tip("main")
    tags = repo.version(version).tags
    assert (tags["gitops.commit"], tags["gitops.pr"], tags["gitops.approved_by"]) == (tip, str(number), approved_by)
    receipt = receipts(repo)[-1]
    assert receipt.commit == tip and receipt.applied() == {repo.model}, receipt.line
    [people] = receipt.models()[0]["people"]
    assert (people["pr"], people["pr_source"], people["approved_by"]) == (number, "api", [approved_by]), receipt.line
    assert repo.client.get_registered_model(repo.model).tags["gitops.receipt"] == receipt.digest
