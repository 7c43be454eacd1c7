"""The whole way of a change by the workflows, run by act: proposed, planned, approved, merged,
applied, rolled back."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from markdown_it import MarkdownIt

from mlflow_gitops.core.audit.receipts import Receipt
from tests.support.act import Run
from tests.support.github.job_tokens import APP_PERMISSIONS
from tests.support.github_state import Comment
from tests.support.receipts import receipts_in
from tests.workflows.repository import POLICY, WorkflowRepository

pytestmark = pytest.mark.real

CONTEXT = "mlflow-gitops/plan"


def the_run(runs: list[Run], workflow: str) -> Run:
    [found] = [run for run in runs if run.workflow == workflow]
    return found


def the_comment(repo: WorkflowRepository, number: int) -> Comment:
    [found] = repo.hub.issues[number].comments
    return found


def planned(repo: WorkflowRepository, number: int) -> str | None:
    """What the required check says of a pull request's head."""
    return repo.hub.status(repo.hub.pull(number).head, CONTEXT)


def receipts(repo: WorkflowRepository) -> list[Receipt]:
    """Those that reached GitHub."""
    return receipts_in(repo.hub.path)


def deployed(run: Run) -> list[tuple[str, str, int]]:
    return sorted(
        (job.matrix["model"], job.matrix["stage"], int(job.matrix["version"]))
        for job in run.named("deploy")
    )


def merged(repo: WorkflowRepository, number: int, method: Any) -> Run:
    """Merge, and let the push start what it starts."""
    before = repo.hub.tip("main")
    repo.hub.merge(number, method, by="edsger")
    return the_run(repo.actions.push(before, "edsger"), "reconcile")


def test_from_a_failing_gate_to_production_and_back(repo: WorkflowRepository) -> None:
    version = repo.register(validated=False)
    number = repo.propose("promote", f"{{Production: {version}}}")

    # A gate fails: the status says so, the comment says why.
    plan = the_run(repo.actions.pull_request(number, "opened"), "plan")
    assert planned(repo, number) == "failure", plan.log
    comment = the_comment(repo, number)
    assert "validation" in comment.body and "❌" in comment.body

    # Corrected and pushed again: the same comment, and a plan that waits for an approval alone.
    repo.client.set_model_version_tag(repo.model, str(version), "validation", "passed")
    repo.push_again(f"{{Production: {version}, Staging: []}}")
    plan = the_run(repo.actions.pull_request(number), "plan")
    assert planned(repo, number) == "success", plan.log
    again = the_comment(repo, number)
    assert again.id == comment.id and "❌" not in again.body and "⏳" in again.body
    assert repo.model in plan.job("plan").summary

    # Reviewed: planned again.
    plan = the_run(repo.actions.review(number, "grace"), "plan")
    assert (
        planned(repo, number) == "success"
        and "approved by @grace" in the_comment(repo, number).body
    ), plan.log

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

    # Rolled back from the Actions page by ada. The pull request is the workflow's, the change is
    # hers.
    runs = repo.actions.dispatch(
        "promote.yml",
        "ada",
        inputs={"action": "rollback", "model": repo.model, "why": "False alarms"},
    )
    assert [(run.workflow, run.event, run.ok) for run in runs] == [
        ("promote", "workflow_dispatch", True),
        ("plan", "workflow_dispatch", True),
    ], runs[0].log
    pull = repo.hub.pulls()[-1]
    assert repo.actions.mergeable(pull.number)
    assert not repo.actions.mergeable(pull.number, ("validate",)), "its run waits for approval"
    assert (pull.user, pull.head_ref.rpartition("-")[0]) == (
        "github-actions[bot]",
        "mlflow-gitops/rollback",
    )
    assert (
        repo.hub.git("show", "-s", "--format=%an %b", pull.head).startswith("ada ")
        and "False alarms" in pull.body
    )
    assert planned(repo, pull.number) == "success", runs[-1].log

    # So her own approval does not count, and once merged it is refused.
    repo.actions.review(pull.number, "ada")
    assert "@ada is an author of it" in the_comment(repo, pull.number).body, the_comment(
        repo, pull.number
    ).body
    run = merged(repo, pull.number, "rebase")
    assert (
        not run.ok and deployed(run) == [] and repo.stages() == {1: "Archived", 2: "Production"}
    ), run.log

    # An approval after the merge does not count: it has to be made anew.
    repo.hub.review(pull.number, "grace")
    [run] = repo.actions.dispatch("reconcile.yml", "edsger")
    assert not run.ok and deployed(run) == [], run.log
    assert repo.stages() == {1: "Archived", 2: "Production"}


def test_a_group_of_two_of_which_one_is_refused(repo: WorkflowRepository) -> None:
    other = f"{repo.model}-b"
    for name in (repo.model, other):
        repo.register(name)
    numbers = [
        repo.propose("one", "{Production: 1}"),
        repo.propose("two", "{Production: 1}", author="edsger", model=other),
    ]
    repo.hub.review(numbers[0], "grace")

    # The queue tests both together, and the plan reports on the group's commit, too.
    merges, runs = repo.actions.merge_group(*numbers)
    assert [(run.workflow, run.ok) for run in runs] == [("validate", True), ("plan", True)], runs[
        -1
    ].log
    assert repo.hub.status(merges[-1], CONTEXT) == "success", runs[-1].log
    assert other in runs[-1].job("plan").summary and not any(
        repo.hub.issues[number].comments for number in numbers
    )

    # Nobody has approved the other: it is refused, the run is red, and what was applied is deployed
    # and recorded.
    run = the_run(repo.actions.merge_queued(numbers, merges), "reconcile")
    assert run.job("reconcile").result == "failure" and deployed(run) == [
        (repo.model, "Production", 1)
    ], run.log
    assert (repo.stages(), repo.stages(other)) == ({1: "Production"}, {1: "None"})
    assert_recorded(repo, 1, numbers[0], "@grace", commit=merges[0])

    # An approval after the merge does not count.
    repo.hub.review(numbers[1], "ada")
    [run] = repo.actions.dispatch("reconcile.yml", "edsger")
    assert not run.ok and deployed(run) == [] and repo.stages(other) == {1: "None"}, run.log
    assert len(receipts(repo)) == 1


def test_drift_is_healed_or_told_as_the_policy_says(repo: WorkflowRepository) -> None:
    repo.register()
    repo.register()
    number = repo.propose("one", "{Production: 1}")
    repo.hub.review(number, "grace")
    merged(repo, number, "squash")

    # Somebody clicks in MLflow: the schedule finds it, and a job with the right to write heals it.
    repo.client.transition_model_version_stage(repo.model, "2", "Production")
    heal, run = repo.actions.schedule()
    assert (heal.workflow, run.workflow, heal.ok) == ("heal", "reconcile", True), heal.log
    assert run.ok and repo.stages() == {1: "Production", 2: "Archived"}, run.log
    assert deployed(run) == [] and len(receipts(repo)) == 2
    [run] = repo.actions.schedule()
    assert [job.id for job in run.jobs] == ["drift"], "nothing to heal"

    # Who wants the page says so.
    repo.actions.variables["MLFLOW_GITOPS_PAGES"] = "true"
    [run] = repo.actions.dispatch("pages.yml", "edsger")
    page = (repo.actions.folder / "artifacts/site/index.html").read_text()
    assert run.ok and repo.model in page and "@grace" in page, run.log
    del repo.actions.variables["MLFLOW_GITOPS_PAGES"]

    # Where the policy only reports, there is one issue, which goes when the drift does.
    repo.team.git("checkout", "-q", "main")
    repo.team.git("pull", "-q")
    repo.team.write("policy.yaml", f"drift: report\n{POLICY}")
    repo.team.commit("Drift is reported")
    repo.team.git("push", "-q")
    repo.client.transition_model_version_stage(repo.model, "2", "Staging")
    [run] = repo.actions.schedule()
    assert [job.id for job in run.jobs] == ["drift"] and run.ok, run.log
    [issue] = [one for one in repo.hub.issues.values() if one.number != number]
    assert repo.model in issue.body and issue.state == "open"
    repo.client.transition_model_version_stage(repo.model, "2", "Archived")
    repo.actions.schedule()
    assert issue.state == "closed"


def test_a_hostile_manifest_makes_a_harmless_comment(repo: WorkflowRepository) -> None:
    repo.register()
    bad = (
        "@ada <img src=x onerror=y> [a](http://x.example)"
        " #1\n::error::pwned\n```\n</details><!--\n::set-output name=a::b\n"
    )
    text = json.dumps(bad * 40)  # as long as a value may be
    tags = "".join(f"  {key}: {text}\n" for key in ("a", *(f"tag-{i}" for i in range(14))))
    manifest = f"{{Staging: 1}}\ndescription: {text}\ntags:\n{tags}"
    number = repo.propose("hostile", manifest, message="Hi\n\n::error::pwned")
    assert len(manifest) > 60_000
    validate, plan = repo.actions.pull_request(number, "opened")
    assert validate.ok and plan.ok and planned(repo, number) == "success", plan.log
    assert not validate.job("validate").annotations and not plan.job("plan").annotations
    body = the_comment(repo, number).body
    assert len(body) <= 65_536 and "Staging" in body and "@ada <img" in body
    page = MarkdownIt("gfm-like", {"linkify": True}).parse(body)
    parts = [child for token in page for child in token.children or ()]
    assert "image" not in {token.type for token in parts}
    links = [str(token.attrs["href"]) for token in parts if token.type == "link_open"]
    # MLflow and GitHub are on this machine; text of others makes no link.
    assert all(urlsplit(link).hostname in ("127.0.0.1", "localhost") for link in links), links
    assert not any("@" in token.content for token in parts if token.type == "text")
    html = {
        token.content.strip()
        for token in (*page, *parts)
        if token.type in ("html_block", "html_inline")
    }
    assert html <= {"<!-- mlflow-gitops:plan -->", "<sub>", "</sub>", "</details>"}, html


def test_a_plan_that_cannot_be_made_is_a_failure(repo: WorkflowRepository) -> None:
    number = repo.propose("one", "{Staging: 1}")
    # Not even the command is there.
    repo.actions.variables["MLFLOW_GITOPS_ENVIRONMENT"] = "/nowhere"
    plan = the_run(repo.actions.review(number, "grace"), "plan")
    assert not plan.ok and planned(repo, number) == "failure", plan.log


def test_a_pull_request_of_an_app_starts_its_checks_itself(repo: WorkflowRepository) -> None:
    repo.register()
    repo.actions.environment.variables["MLFLOW_GITOPS_APP_CLIENT_ID"] = "Iv1.app"
    repo.hub.user("our-app[bot]", kind="Bot")
    repo.actions.app_token = repo.api.token(
        "our-app[bot]", installation=True, permissions=APP_PERMISSIONS
    )
    runs = repo.actions.dispatch(
        "promote.yml",
        "ada",
        inputs={
            "model": repo.model,
            "version": "1",
            "stage": "Staging",
            "why": 'Say "$(date)"; `id`',
        },
    )
    assert [(run.workflow, run.event, run.ok) for run in runs] == [
        ("promote", "workflow_dispatch", True),
        ("validate", "pull_request", True),
        ("plan", "workflow_run", True),
    ], runs[0].log
    [pull] = repo.hub.pulls()
    assert repo.actions.mergeable(pull.number, ("validate", CONTEXT))
    assert pull.user == "our-app[bot]" and 'Say "$(date)"; `id`' in pull.body
    assert "Staging: 1" in repo.hub.git("show", f"{pull.head}:registry/models/{repo.model}.yaml")
    # Nothing to change: no branch, no pull request, and nothing to start.
    repo.hub.merge(pull.number, "squash", by="edsger")
    repo.actions.app_token, repo.actions.environment.variables = (
        "",
        {"MLFLOW_TRACKING_URI": repo.team.uri},
    )
    runs = repo.actions.dispatch(
        "promote.yml", "ada", inputs={"model": repo.model, "version": "1", "stage": "Staging"}
    )
    assert [(run.workflow, run.ok) for run in runs] == [("promote", True)] and len(
        repo.hub.pulls()
    ) == 1, runs[0].log


def assert_recorded(
    repo: WorkflowRepository,
    version: int,
    number: int,
    approved_by: str,
    *,
    model: str | None = None,
    commit: str | None = None,
) -> None:
    """The version's stamps and the newest receipt on GitHub name the commit, the pull request and
    who approved it."""
    name, tip = model or repo.model, repo.hub.tip("main")
    tags = repo.version(version, name).tags
    assert (tags["gitops.pr"], tags["gitops.approved_by"]) == (str(number), approved_by)
    receipt = receipts(repo)[-1]
    assert receipt.commit == tip and receipt.applied() == {name}, receipt.text
    [recorded] = [model for model in receipt.models() if model.model == name]
    [people] = recorded.content["people"]
    assert (people["pr"], people["pr_source"], people["approved_by"]) == (
        number,
        "api",
        [approved_by],
    ), receipt.text
    assert commit in (None, people["commit"])
    assert repo.client.get_registered_model(name).tags["gitops.receipt"] == receipt.digest
