"""Honest work beside the attacks: it passes, and nothing stands in its way."""

from __future__ import annotations

import pytest

from tests.support.attacks.company import MODEL, POLICY, Company
from tests.support.github_state import Method
from tests.support.receipts import receipts_in

LOOSE = POLICY.replace(", require: {tags: {validation: passed}}", "")
OPEN = "stages: {Production: {alias: production}}\n"


def test_policy_tightened(company: Company) -> None:
    """What is promoted after the new rule was reconciled is asked by it."""
    company.branch("tighten")
    company.team.write("policy.yaml", POLICY.replace("passed}", "passed, bias: checked}"))
    company.commit("One more tag")
    company.push("tighten")
    number = company.github.open_pull("tighten", user="alice").number
    company.github.review(number, "bob")
    company.merge(number)
    assert company.reconcile().code == 0
    number = company.propose(2)
    company.github.review(number, "bob")
    company.merge(number)
    assert "bias" in company.refused()
    company.client.set_model_version_tag(MODEL, "2", "bias", "checked")
    assert company.reconcile().code == 0 and company.production() == {2}


@pytest.mark.parametrize("method", ["rebase", "merge", "squash"])
def test_policy_loosened_and_used_afterwards(company: Company, method: Method) -> None:
    company.branch("loosen")
    company.team.write("policy.yaml", POLICY.replace(", require: {tags: {validation: passed}}", ""))
    company.commit("No validation any more")
    company.push("loosen")
    number = company.github.open_pull("loosen", user="alice").number
    company.github.review(number, "bob")
    company.merge(number, method)
    assert company.reconcile().code == 0
    number = company.propose(3)
    company.github.review(number, "bob")
    company.merge(number, method)
    assert company.reconcile().code == 0 and company.production() == {3}


@pytest.mark.parametrize("method", ["rebase", "squash"])
def test_loosened_policy_used_by_the_next_rebase(company: Company, method: Method) -> None:
    """Two pull requests of two commits each, one right after the other: the second does not count
    as a part of the first."""
    company.branch("loosen")
    company.team.write("policy.yaml", POLICY.replace(", require: {tags: {validation: passed}}", ""))
    company.commit("No validation any more")
    company.team.write("README.md", "Why\n")
    company.commit("Why")
    company.push("loosen")
    number = company.github.open_pull("loosen", user="alice").number
    company.github.review(number, "bob")
    company.merge(number, method)
    assert company.reconcile().code == 0
    company.team.write("README.md", "More\n")
    company.commit("Words before the promotion")
    number = company.propose(3)
    company.github.review(number, "bob")
    company.merge(number, method)
    ran = company.reconcile()
    assert ran.code == 0 and company.production() == {3}, ran.out


def test_stage_introduced_and_used_afterwards(company: Company) -> None:
    company.branch("live")
    company.team.write(
        "policy.yaml",
        POLICY.replace("stages:\n", "stages:\n  Live: {alias: live, native: false}\n"),
    )
    company.commit("A stage of our own")
    company.push("live")
    number = company.github.open_pull("live", user="alice").number
    company.github.review(number, "bob")
    company.merge(number)
    assert company.reconcile().code == 0
    company.team.write(
        f"models/{MODEL}.yaml", f"name: {MODEL}\nstages: {{Production: 1, Live: 3}}\n"
    )
    company.commit("Live")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0
    assert company.client.get_registered_model(MODEL).aliases["live"] == 3


@pytest.mark.parametrize("method", ["rebase", "merge", "squash"])
def test_branch_updated_by_the_approver(company: Company, method: Method) -> None:
    """GitHub's button merges main into the branch: that makes nobody an author."""
    number = company.propose()
    company.github.review(number, "bob")
    company.branch("words")
    company.team.write("README.md", "Words\n")
    company.commit("Words", "carol")
    company.push("main")
    company.github.update_branch(number, "bob")
    if method == "rebase":
        method = "merge"  # a merge commit is not rebased
    company.merge(number, method)
    ran = company.reconcile()
    assert ran.code == 0 and company.production() == {2}, ran.out


@pytest.mark.parametrize("method", ["rebase", "merge", "squash"])
def test_branch_rebased_by_its_author(company: Company, method: Method) -> None:
    """GitHub makes the person who presses "Update with rebase" the committer: here, an author."""
    number = company.propose()
    company.github.pushed("promote", "alice")
    company.branch("words")
    company.team.write("README.md", "Words\n")
    company.commit("Words", "carol")
    company.push("main")
    company.github.rebase_branch(number, "alice")
    company.github.review(number, "bob")
    company.merge(number, method)
    ran = company.reconcile()
    assert ran.code == 0 and company.production() == {2}, ran.out


def test_app_that_proposes(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the configured App opens needs no approval more than what a person opens."""
    company.github.user("acme-models[bot]", kind="Bot")
    company.github.apps["acme-models"] = "Iv1.acme"
    monkeypatch.setenv("MLFLOW_GITOPS_APP_CLIENT_ID", "Iv1.acme")
    number = company.propose(by="acme-models[bot]")
    company.github.review(number, "bob")
    company.merge(number)
    assert company.reconcile().code == 0 and company.production() == {2}


def test_objection_withdrawn(company: Company) -> None:
    number = company.propose()
    company.github.review(number, "carol", "CHANGES_REQUESTED")
    company.github.review(number, "bob")
    company.github.review(number, "carol")
    company.merge(number, by="alice")
    assert company.reconcile().code == 0 and company.production() == {2}


def test_receipt_names_the_review(company: Company) -> None:
    number = company.propose()
    review = company.github.review(number, "bob")
    company.merge(number)
    assert company.reconcile().code == 0
    [*_, receipt] = receipts_in(company.team.folder)
    [people] = receipt.content["models"][0]["people"]
    alice, carol = (company.github.users[login].id for login in ("alice", "carol"))
    assert people["participants"] == [
        {"part": "opened", "by": "@alice", "by_id": alice},
        {"part": "merged", "by": "@carol", "by_id": carol},
    ]
    assert people["reviews"] == [
        {
            "by": "@bob",
            "id": review.id,
            "by_id": company.github.users["bob"].id,
            "commit": review.commit,
            "at": review.at,
        }
    ]


@pytest.mark.parametrize("stages", ["{Production: null}", "{}"])
def test_stage_emptied_with_approval(company: Company, stages: str) -> None:
    if stages == "{}":
        company.team.git("rm", "-q", f"registry/models/{MODEL}.yaml")
    else:
        company.team.write(f"models/{MODEL}.yaml", f"name: {MODEL}\nstages: {stages}\n")
    company.commit("Retire")
    company.push("retire")
    number = company.github.open_pull("retire", user="alice").number
    company.github.review(number, "bob")
    company.merge(number)
    more = ("--prune", "--max-changes", "1") if stages == "{}" else ()
    ran = company.reconcile(*more)
    assert ran.code == 0 and company.production() == set(), ran.out


def test_rollback(company: Company) -> None:
    """Back to what held Production before: with an approval, and without the other gates."""
    for version in (2, 1):
        number = company.propose(version)
        company.github.review(number, "bob")
        company.merge(number)
        assert company.reconcile().code == 0 and company.production() == {version}


@pytest.mark.parametrize("method", ["rebase", "merge", "squash"])
@pytest.mark.parametrize("entry", ["", "[churn/Production] "])
def test_hotfix_with_override(company: Company, method: Method, entry: str) -> None:
    """The line is in a commit of the head that was approved, however it is merged."""
    number = company.propose(3, message=f"Hotfix\n\nGate-Override: {entry}tags: INC-42")
    company.github.review(number, "bob")
    head = company.github.pull(number).head
    company.main()
    assert company.team.run("github", "plan", head).code == 0
    [comment] = company.github.pull(number).comments
    assert "INC-42 (written by" in comment.body and "alice" in comment.body
    company.merge(number, method)
    ran = company.reconcile()
    assert ran.code == 0 and company.production() == {3}, ran.out
    [model] = ran.json["models"]
    [gate] = [gate for gate in model.get("gates", ()) if gate["status"] == "overridden"] or [None]
    assert gate is None or "INC-42 (written by @alice)" in gate["detail"]


@pytest.mark.parametrize("way", ["merge", "squash"])
def test_merge_queue(company: Company, way: str) -> None:
    """The queue makes one commit of each pull request on main's tip, and pushes them together."""
    number = company.propose(2)
    company.github.review(number, "bob")
    company.branch("words")
    company.team.write("README.md", "Words\n")
    company.commit("Words", "carol")
    company.push("words")
    words = company.github.open_pull("words", user="carol").number
    company.branch("queue")
    for queued, branch in ((words, "words"), (number, "promote")):
        if way == "merge":
            company.team.git("merge", "-q", "--no-ff", "-m", f"Merge #{queued}", f"origin/{branch}")
        else:
            company.team.git("merge", "-q", "--squash", f"origin/{branch}")
            company.commit(f"{branch} (#{queued})")
        company.github.queue_merged(queued, company.team.git("rev-parse", "HEAD"))
    company.push("main")
    company.main()
    ran = company.reconcile()
    assert ran.code == 0 and company.production() == {2}, ran.out
    event = company.team.run("log", MODEL, "--format", "json").json[-1]
    assert event["pr"] == number and event["approved_by"] == ["@bob"]


# -- honest changes of the policy -----------------------------------------------------------------


def test_policy_approved_later(company: Company) -> None:
    """An approved change of the policy makes up for the one before it."""
    company.push_policy(LOOSE)
    assert company.reconcile().code == 0
    number = company.propose_policy(LOOSE + "drift: heal\n")
    company.github.review(number, "bob")
    company.merge(number)
    assert company.reconcile().code == 0
    company.promote()
    assert company.notices() == ""
    assert company.reconcile().code == 0 and company.production() == {3}


def test_tighter_policy_counts_at_once(company: Company) -> None:
    """What an unapproved policy asks is asked beside what the policy before it asks."""
    company.push_policy(POLICY.replace("passed}", "passed, bias: checked}"))
    assert company.reconcile().code == 0
    company.promote(2)
    assert "bias" in company.refused()


def test_policy_without_approvals_is_changed_freely(company: Company) -> None:
    number = company.propose_policy(OPEN)
    company.github.review(number, "bob")
    company.merge(number)
    assert company.reconcile().code == 0
    company.push_policy(OPEN.replace("production}", "production, soak: 0s}"))
    company.push_policy(OPEN)
    assert company.reconcile().code == 0
    company.write(3)
    company.commit("Promote")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0 and company.production() == {3}
