"""Promotion without approval, as people would try it. Each attack is stopped or shown by real
commands on real git, a real registry and a GitHub with state; `.github/SECURITY.md` names the same
attacks, and says what stops each."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from mlflow_gitops.core.setup.doctor_workflows import WorkflowFacts, check_workflows
from mlflow_gitops.core.setup.workflow_files import read_workflows
from mlflow_gitops.edges.git.repository import Git
from tests.support.attacks.company import MODEL, POLICY, Company, settings
from tests.support.github_state import Method, Review
from tests.support.receipts import delete_receipt, edit_receipt, receipts_in, rewrite_receipts
from tests.support.team import GIT_ENVIRONMENT

ROOT = Path(__file__).parents[2]
METHODS = pytest.mark.parametrize("method", ["squash", "merge"])
PIN = "versions: {1: {source: 'dbfs:/models/1'}}\n"


def test_an_honest_promotion(company: Company) -> None:
    """No attack: what each of them imitates."""
    number = company.propose()
    company.github.review(number, "bob")
    company.merge(number)
    assert (
        company.reconcile().code == 0
        and company.production() == {2}
        and company.found_by_verify() == set()
    )


# -- approvals that are none -----------------------------------------------------------------------


@METHODS
def test_no_approval(company: Company, method: Method) -> None:
    company.merge(company.propose(), method)
    assert "0 of 1 approval: nobody has reviewed #1" in company.refused()


@METHODS
def test_fork(company: Company, method: Method) -> None:
    """A stranger's fork brings a manifest and a policy without gates; a second stranger approves
    it."""
    for login in ("mallory", "mallet"):
        company.github.user(login, mails=(f"{login}@example.org",))
    company.team.write("policy.yaml", "stages: {Production: {alias: production}}\n")
    company.write(2)
    company.commit("Promote", "mallory")
    company.team.git(
        "push", "-q", str(company.github.fork_path("mallory")), "HEAD:refs/heads/promote"
    )
    head = company.team.git("rev-parse", "HEAD")
    number = company.github.open_pull("promote", user="mallory", fork="mallory").number
    company.github.review(number, "mallet")
    company.main()
    assert company.team.run("github", "plan", head).code == 0
    [comment] = company.github.pull(number).comments
    assert "needs 1 approval, has 0: @mallet has no write permission" in comment.body, (
        "main's policy judges it"
    )
    company.merge(number, method)
    assert "@mallet has no write permission (none)" in company.refused()


@METHODS
def test_outsiders_approval(company: Company, method: Method) -> None:
    number = company.propose()
    company.github.user("reader", "read")
    company.github.review(number, "reader")
    company.merge(number, method)
    assert "@reader has no write permission (read)" in company.refused()


@METHODS
def test_own_approval(company: Company, method: Method) -> None:
    """GitHub takes no approval of who opened a pull request. Opened through another account, the
    commits still name one."""
    number = company.propose(by="carol", author="alice")
    company.github.review(number, "alice")
    company.github.pull(number).reviews.append(
        Review(99, "carol", "APPROVED", company.github.pull(number).head, "", company.github.now())
    )
    company.merge(number, method)
    why = company.refused()
    assert "@alice is an author of it" in why and "@carol opened the pull request" in why


@METHODS
def test_bot(company: Company, method: Method) -> None:
    number = company.propose()
    company.github.user("helper[bot]", "write", kind="Bot")
    company.github.review(number, "helper[bot]")
    company.github.review(number, "github-actions[bot]")
    company.merge(number, method)
    assert "@helper[bot] is no person" in company.refused()


@METHODS
def test_co_committer(company: Company, method: Method) -> None:
    """A co-author of Alice's pull request approves it."""
    carol = f"{company.github.users['carol'].id}+carol@users.noreply.github.com"
    number = company.propose(message=f"Promote\n\nCo-authored-by: Carol <{carol}>")
    company.team.write("README.md", "Mine\n")
    company.commit("A word", "bob")
    company.push("promote")
    for who in ("bob", "carol"):
        company.github.review(number, who)
    company.merge(number, method, by="alice")
    why = company.refused()
    assert "@bob is an author of it" in why and "@carol is a co-author of it" in why


@pytest.mark.parametrize("event", ["workflow_dispatch", "repository_dispatch"])
def test_dispatcher(company: Company, event: str) -> None:
    """Bob starts the workflow that opens the pull request, and approves what the bot then seems to
    have made."""
    company.github.run("promote", event, "bob")
    number = company.propose(by="github-actions[bot]", author="robot")
    company.github.review(number, "bob")
    company.merge(number)
    assert "@bob started the workflow that opened it" in company.refused()


def test_proposal_taken_over(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock has proposed a version; Bob starts the workflow when another is there, and approves
    what the bot then seems to have made."""
    bob = company.github.users["bob"]
    for number in ("3", "4"):
        if number == "4":
            company.client.create_model_version(MODEL, "dbfs:/models/4", await_creation_for=0)
            # As the workflow sets it, for the person who starts it.
            monkeypatch.setitem(GIT_ENVIRONMENT, "GIT_AUTHOR_NAME", "bob")
            monkeypatch.setitem(
                GIT_ENVIRONMENT, "GIT_AUTHOR_EMAIL", f"{bob.id}+bob@users.noreply.github.com"
            )
        company.client.set_model_version_tag(MODEL, number, "validation", "passed")
        assert company.team.run("github", "propose", "--stage", "Production").code == 0
    [pull] = company.github.pulls()
    assert pull.title == f"Promote {MODEL} 4 to Production" and pull.user == "github-actions[bot]"
    company.github.review(pull.number, "bob")
    company.merge(pull.number)
    assert "@bob is an author of it" in company.refused()


@METHODS
def test_stale_approval(company: Company, method: Method) -> None:
    """Approved with harmless words, changed afterwards."""
    number = company.propose(1, more="description: Words\n")
    company.github.review(number, "bob")
    company.write(2)
    company.commit("And now")
    company.push("promote")
    company.merge(number, method)
    assert "@bob approved an older version of this manifest" in company.refused()


@METHODS
def test_dismissed_approval(company: Company, method: Method) -> None:
    number = company.propose()
    company.github.dismiss(number, company.github.review(number, "bob").id)
    company.merge(number, method)
    assert "@bob has given a review that was dismissed" in company.refused()


@pytest.mark.parametrize("line", ["Approved-by", "Reviewed-by"])
def test_approved_by_line(company: Company, line: str) -> None:
    """A message can claim anything."""
    company.merge(company.propose(message=f"Promote\n\n{line}: Bob <bob@example.org>"))
    assert "nobody has reviewed #1" in company.refused()


# -- ways around the pull request ------------------------------------------------------------------


@pytest.mark.parametrize("message", ["Promote (#1)", "Merge pull request #1 from acme/promote"])
def test_direct_push_with_a_false_number(company: Company, message: str) -> None:
    number = company.propose(1, more="description: Words\n")
    company.github.review(number, "bob")
    company.merge(number)
    company.write(2)
    pushed = company.commit(message)
    company.push("main")
    assert f"no pull request merged into main made {pushed[:7]}" in company.refused()


@METHODS
def test_approved_into_another_branch(company: Company, method: Method) -> None:
    """Approved and merged into a branch that nobody watches, then pushed to main."""
    company.team.git("push", "-q", "origin", "origin/main:refs/heads/quiet")
    company.write(2)
    company.commit("Promote")
    company.push("promote")
    number = company.github.open_pull("promote", user="alice", base="quiet").number
    company.github.review(number, "bob")
    company.github.merge(number, method, by="alice")
    company.team.git("fetch", "-q", "origin")
    company.team.git("push", "-q", "origin", "origin/quiet:refs/heads/main")
    company.main()
    assert "no pull request merged into main made" in company.refused()


def test_merge_made_by_hand(company: Company) -> None:
    """A merge commit of an approved pull request that says something which the pull request does
    not."""
    company.client.set_model_version_tag(MODEL, "3", "validation", "passed")
    number = company.propose(2)
    company.github.review(number, "bob")
    company.main()
    company.team.git("merge", "-q", "--no-ff", "--no-commit", "origin/promote")
    company.write(3)
    company.commit("Merge pull request #1 from acme/promote")
    company.push("main")
    assert "puts 3 in Production, which #1 does not" in company.refused()


@pytest.mark.parametrize("policy", ["stages: {Production: {alias: production}}\n", POLICY])
def test_force_push(company: Company, policy: str) -> None:
    """The main branch is rewritten: what was reconciled to is gone from it."""
    company.team.git("checkout", "-q", "--orphan", "new")
    company.write(2)
    company.team.write("policy.yaml", policy)
    company.commit("A new beginning")
    company.push("main")
    company.main()
    assert re.search("base_unknown|owner", company.refused())
    assert company.found_by_verify()


def test_another_repository(company: Company, tmp_path: Path) -> None:
    """A repository of one's own, with the same credentials."""
    other = company.folder / "other"
    subprocess.run(["git", "init", "-q", "-b", "main", str(other)], check=True)
    company.team.folder = other
    company.write(2)
    company.commit("Mine")
    assert company.refused().startswith("owner: ")


# -- ways around the gates -------------------------------------------------------------------------


@METHODS
def test_policy_in_the_same_pull_request(company: Company, method: Method) -> None:
    company.team.write("policy.yaml", "stages: {Production: {alias: production}}\n")
    number = company.propose(3)
    company.merge(number, method)
    why = company.refused()
    assert "0 of 1 approval" in why and "validation" in why


@pytest.mark.parametrize("entry", ["", "[churn/Production] "])
def test_override_not_allowed(company: Company, entry: str) -> None:
    company.merge(
        company.propose(message=f"Promote\n\nGate-Override: {entry}approvals: in a hurry")
    )
    assert "0 of 1 approval" in company.refused()


@pytest.mark.parametrize("line", [f"/registry/models/{MODEL}.yaml @alice", "* @alice"])
def test_codeowners_edit(company: Company, line: str) -> None:
    """Alice makes herself the owner of the manifest, in the file alone: GitHub asks by main's file,
    in which the file itself is the platform's, and `validate` says that the line is not by the
    owners."""
    place = company.team.folder / ".github/CODEOWNERS"
    lines = [line for line in place.read_text().splitlines() if line and not line.startswith("#")]
    assert lines[-1] == "/.github/ @acme/ml-platform"
    place.write_text(place.read_text() + f"{line}\n")
    ran = company.team.run("validate", "--format", "json")
    assert ran.code == 3 and [error["code"] for error in ran.json["errors"]] == ["codeowners-stale"]


def test_plan_file_edited(company: Company, tmp_path: Path) -> None:
    """A plan that was saved and looked at, with another version written into it."""
    number = company.propose()
    company.github.review(number, "bob")
    company.merge(number)
    plan = tmp_path / "plan.json"
    assert company.team.run("plan", "--out", str(plan)).code == 0
    saved = json.loads(plan.read_text())
    text = json.dumps(saved).replace('"to": 2', '"to": 3').replace('"version": 2', '"version": 3')
    plan.write_text(text)
    ran = company.reconcile("--plan", str(plan))
    assert ran.code == 4 and company.production() == {1}


@METHODS
def test_old_job_re_run(company: Company, method: Method) -> None:
    """A run for a commit that had 2 in Production is started again after the rollback to 1."""
    number = company.propose()
    company.github.review(number, "bob")
    old = company.merge(number, method)
    assert company.reconcile().code == 0
    company.branch("back")
    company.write(1)
    company.commit("Back")
    company.push("back")
    number = company.github.open_pull("back", user="alice").number
    company.github.review(number, "bob")
    company.merge(number, method)
    assert company.reconcile().code == 0 and company.production() == {1}
    assert company.refused("--rev", old).startswith("stale: ")


def test_github_kept_away(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token, or with a GitHub that does not answer, nothing counts as approved."""
    company.merge(company.propose())
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    assert "approvals" in company.refused() or "reached" in company.refused()
    monkeypatch.delenv("GITHUB_TOKEN")
    company.refused()


# -- workflows -------------------------------------------------------------------------------------


def test_workflow_edited_on_a_branch(company: Company) -> None:
    """A workflow on a branch asks for the environment with the credentials. GitHub gives it to the
    branches that the environment names; `doctor` says where those are not main alone, and no
    shipped job has a secret without one."""
    company.github.settings = settings(mlflow_read=["main"], mlflow_write=None)
    found = company.team.run("doctor", "--format", "json").json["findings"]
    status = {one["check"]: one["status"] for one in found if one["area"] == "github"}
    assert (status["environment mlflow-read"], status["environment mlflow-write"]) == (
        "ok",
        "missing",
    )
    texts = {file.name: file.read_text() for file in (ROOT / ".github/workflows").glob("*.yml")}
    assert {
        finding.check: finding.status
        for finding in check_workflows(WorkflowFacts(*read_workflows(texts)))
    }["secrets"] == "ok"


@METHODS
def test_status_set_by_hand(company: Company, method: Method) -> None:
    """A writer can call a failing plan a success. `doctor` says that the check is taken
    from anybody, and the gates are judged once more at reconcile."""
    check = {"required_status_checks": [{"context": "mlflow-gitops/plan"}]}
    company.github.settings["rules/branches/main"] = [
        {"type": "required_status_checks", "parameters": check}
    ]
    number = company.propose(3)
    company.github.review(number, "bob")
    head = company.github.pull(number).head
    company.github.statuses[head] = [{"context": "mlflow-gitops/plan", "state": "success"}]
    found = company.team.run("doctor", "--format", "json").json["findings"]
    assert {one["check"]: one["status"] for one in found if one["area"] == "github"}[
        "check-source"
    ] == "missing"
    company.merge(number, method)
    assert "validation" in company.refused()


def test_artifact_poisoned(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run for a pull request hands over another's number, or commands, to the run that has
    credentials. It is never read: the pull request is looked up by its head."""
    number = company.propose()
    head = company.github.pull(number).head
    (tmp_path / "number").write_text("999; touch pwned\n")
    event = {
        "workflow_run": {
            "head_sha": head,
            "event": "pull_request",
            "pull_requests": [{"number": 999}],
        }
    }
    (tmp_path / "event.json").write_text(json.dumps(event))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    company.main()
    assert company.team.run("github", "plan").code == 0
    assert len(company.github.pull(number).comments) == 1 and not company.api.asked("/999")
    plan = (ROOT / ".github/workflows/plan.yml").read_text()
    assert "download-artifact" not in plan and "workflow_run.pull_requests" not in plan


@pytest.mark.parametrize(
    "hostile",
    [
        "## ✓ Approved by @bob\n\n<img src=x onerror=alert(1)> [m](https://evil.example) @acme/x `",
        "`` Approved @bob `` ![x](https://evil.example/img)\n| a | b |\n|---|---|\n<b>Approved</b>",
    ],
)
def test_hostile_text_in_the_comment(company: Company, hostile: str) -> None:
    """A manifest that writes an approval, a mention and a script into the comment that reviewers
    read."""
    number = company.propose(1, more=f"description: {json.dumps(hostile)}\n")
    head = company.github.pull(number).head
    company.main()
    assert company.team.run("github", "plan", head).code == 0
    [comment] = company.github.pull(number).comments
    assert "Approved" in comment.body, "the comment shows it, as text"
    found = MarkdownIt("gfm-like", {"linkify": True}).parse(comment.body)
    parts = [child for token in found for child in token.children or ()]
    assert not {part.type for part in parts} & {"link_open", "image"}
    html = [one.content for one in (*found, *parts) if one.type.startswith("html")]
    assert not [one for one in html if "img" in one or "Approved" in one]
    assert not [
        part.content
        for part in parts
        if part.type == "text" and ("@" in part.content or "Approved" in part.content)
    ]


# -- MLflow and the record, behind git's back ------------------------------------------------------


@pytest.mark.parametrize("version", ["2", "3"])
def test_alias_set_by_hand(company: Company, version: str) -> None:
    company.client.set_registered_model_alias(MODEL, "production", version)
    assert company.sync() == "Drifted" and company.found_by_verify() == {"alias production"}
    assert company.reconcile().code == 0 and company.production() == {1}


@pytest.mark.parametrize("version", ["2", "3"])
def test_stage_clicked(company: Company, version: str) -> None:
    company.client.transition_model_version_stage(MODEL, version, "Production")
    assert company.sync() == "Drifted" and "stage Production" in company.found_by_verify()
    assert company.reconcile().code == 0 and company.production() == {1}


def test_model_deleted(company: Company) -> None:
    """Made again by the reconciler, it would begin without history."""
    company.client.delete_registered_model(MODEL)
    ran = company.reconcile()
    assert ran.code == 4
    assert [refusal["code"] for refusal in ran.json["models"][0]["refusals"]] == ["deleted"]
    assert not company.client.search_registered_models() and company.sync() == "Missing"


@pytest.mark.parametrize("source", ["dbfs:/models/evil", "dbfs:/models/1/evil"])
def test_version_deleted_and_re_created(company: Company, source: str) -> None:
    """The approved number gets another model behind it."""
    tags = company.client.get_registered_model(MODEL).tags
    company.client.delete_registered_model(MODEL)
    company.client.create_registered_model(MODEL, tags=tags)
    company.client.create_model_version(MODEL, source, await_creation_for=0)
    ran = company.reconcile()
    assert ran.code == 4 and ran.json["models"][0]["refusals"][0]["code"] == "pin"
    assert company.production() == set() and "pin 1 source" in company.found_by_verify()


FORGED_HISTORY = """\
stages:
  Staging: {alias: staging}
  Production: {alias: production, from: [Staging], soak: 1h}
"""


def forge_held_stamp(company: Company, stage: str = "Production") -> int:
    """Write the tag of a version that a reconcile put in a stage."""
    first = company.team.git("rev-list", "--max-parents=0", "HEAD")
    stamp = f"{first}@2026-01-01T00:00:00Z"
    company.client.set_model_version_tag(MODEL, "3", f"gitops.held.{stage}", stamp)
    return 3


def copy_held_stamp(company: Company, stage: str = "Production") -> int:
    """Copy a version that another model has in that stage; MLflow copies its tags."""
    team, client = company.team, company.client
    client.create_registered_model("other")
    client.create_model_version("other", "dbfs:/models/other", await_creation_for=0)
    team.write("models/other.yaml", f"name: other\nstages: {{{stage}: 1}}\n")
    team.git("add", "-A")
    company.commit("Another model")
    company.push("main")
    assert company.reconcile("other", "--adopt").code == 0, "a model of its own"
    return int(client.copy_model_version("models:/other/1", MODEL).version)


@pytest.mark.parametrize("forge", [forge_held_stamp, copy_held_stamp])
def test_held_stamp_forged(company: Company, forge: Callable[..., int]) -> None:
    """A stamp makes a new version look like one that held Production before, so that going to it
    looks like a rollback. Receipts say what held it: the gates are asked, a freeze holds."""
    company.approve_policy(FORGED_HISTORY.replace(", from: [Staging], soak: 1h", ""))
    version = forge(company)
    assert f"held {version} Production" in company.found_by_verify()
    company.team.write("policy.yaml", FORGED_HISTORY)
    company.commit("Gates")
    company.push("main")
    company.merge(company.propose(version))
    assert f"{version} was not in Staging before" in company.refused(MODEL)

    frozen = FORGED_HISTORY + "freeze: {reason: holidays, until: '2099-01-01'}\n"
    company.team.write("policy.yaml", frozen)
    company.commit("Freeze")
    company.push("main")
    assert "frozen: changes are frozen" in company.refused(MODEL)


def show(company: Company, version: int) -> None:
    """Move a version to Production in MLflow, as somebody with EDIT can."""
    company.client.transition_model_version_stage(MODEL, str(version), "Production")
    company.client.transition_model_version_stage(MODEL, "1", "Archived")
    company.client.set_registered_model_alias(MODEL, "production", str(version))


@pytest.mark.parametrize("version", [2, 3])
def test_stamps_taken_away(company: Company, version: int) -> None:
    """Without stamps a model looks as if it had never been reconciled: what MLflow shows would be
    adopted, past every gate. The receipts know better."""
    show(company, version)
    for key in company.client.get_registered_model(MODEL).tags:
        company.client.delete_registered_model_tag(MODEL, key)
    company.merge(company.propose(version))
    ran = company.reconcile()
    [refusal] = ran.json["models"][0]["refusals"]
    assert (
        ran.code == 4
        and refusal["code"] == "base_unknown"
        and "a receipt says" in refusal["detail"]
    )
    assert (
        company.sync() == "Unknown" and {"stage Production", "owner"} <= company.found_by_verify()
    )


@pytest.mark.parametrize("version", [2, 3])
def test_commit_stamp_moved(company: Company, version: int) -> None:
    """A refused promotion is done by hand, and the stamps say that it was reconciled. The next run
    even writes the receipt that seems to be missing; what no receipt says is that its gates were
    passed."""
    sha = company.merge(company.propose(version))
    company.refused("--push-receipts")
    show(company, version)
    company.client.set_registered_model_tag(MODEL, "gitops.commit", sha)
    company.client.set_model_version_tag(MODEL, str(version), "gitops.commit", sha)
    company.client.set_model_version_tag(
        MODEL, str(version), "gitops.held.Production", f"{sha}@2026-01-01T00:00:00Z"
    )
    assert company.reconcile("--push-receipts").code == 0
    assert company.found_by_verify() >= {
        f"gates {version} Production",
        f"held {version} Production",
        f"stamps {version}",
        "recovered",
    }


@pytest.mark.parametrize("way", ["edited", "deleted", "replaced", "gone"])
def test_receipts_rewritten(company: Company, way: str) -> None:
    """The receipt is edited to name an approver, or taken away: by a commit on top, or by another
    branch in the place of theirs."""
    repo = company.team.folder
    [*_, receipt] = receipts_in(repo)
    result = '"result": "applied"'
    if way == "edited":
        edit_receipt(repo, receipt, result, f'{result}, "by": "@bob"')
    elif way == "deleted":
        delete_receipt(repo, receipt)
    else:
        forged = receipt.text.replace(result, f'{result}, "by": "@bob"')
        rewrite_receipts(repo, [forged] if way == "replaced" else [])
    assert company.found_by_verify() & {"receipt", "receipts"}


def test_grafts(company: Company) -> None:
    """A replace ref shows git another history than the approved one; it is ignored."""
    head = company.team.git("rev-parse", "HEAD")
    company.write(3)
    forged = company.commit("Forged")
    company.team.git("reset", "-q", "--hard", head)
    company.team.git("replace", head, forged)
    assert "Production: 3" in company.team.git("show", f"{head}:registry/models/{MODEL}.yaml")
    ran = company.reconcile()
    assert (
        ran.code == 0
        and company.production() == {1}
        and Git(company.team.folder).resolve("HEAD") == head
    )


# -- nothing is left out ---------------------------------------------------------------------------


NO_ATTACKS = ("test_honest", "test_secrets")


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower().replace("'", "").replace("’", "")).strip("_")


def test_security_md_names_the_same_attacks() -> None:
    text = (ROOT / ".github/SECURITY.md").read_text(encoding="utf-8")
    table = text[text.index("| attack |") :].split("\n\n")[0].splitlines()[2:]
    named = [slug(row.split("|")[1].strip()) for row in table]
    tests: list[str] = []
    for module in Path(__file__).parent.rglob("test_*.py"):
        if module.stem in NO_ATTACKS:
            continue
        tests += re.findall(r"^def test_(\w+)", module.read_text("utf-8"), re.MULTILINE)
    not_attacks = {
        "an_honest_adoption",
        "an_honest_plain_alias",
        "an_honest_promotion",
        "an_honest_push_after_a_pull",
        "an_honest_pull_request_after_a_pull_on_main",
        "a_rollback_of_a_plain_alias",
        "members_of_the_team_approve",
        "honest_promotion_of_files",
        "honest_promotion_of_signed_files",
        "honest_promotion_of_a_checked_version",
        "an_honest_promotion_of_a_healthy_version",
        "honest_proposal_of_files",
        "security_md_names_the_same_attacks",
    }
    assert sorted(named) == sorted(set(tests) - not_attacks) and len(named) >= 20
    assert POLICY.count("approvals") == 1
