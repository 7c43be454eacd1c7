"""Which policy judges: no change is judged by what it brings itself, however it reaches main."""

from __future__ import annotations

import pytest

from tests.support.attacks.company import MODEL, POLICY, Company
from tests.support.github_state import Method

OPEN = "stages: {Production: {alias: production}}\n"
LIVE = "stages: {Live: {alias: production, native: false}, Production: {}}\n"
FEW = POLICY + "aliases: {only: [Production]}\n"


def push_main(company: Company, message: str) -> None:
    """Commit what lies about, and push it to main."""
    company.commit(message)
    company.push("main")
    company.main()


def policy_then_promotion(company: Company, policy: str = OPEN, version: int = 3) -> None:
    """Two commits in the working clone: the policy, then what it would let through."""
    company.team.write("policy.yaml", policy)
    company.commit("Simpler rules")
    company.write(version)
    company.commit("Promote")


# -- a policy and its use in one change ------------------------------------------------------------


@pytest.mark.parametrize("method", ["rebase", "merge", "squash"])
def test_policy_and_use_in_one_pull_request(company: Company, method: Method) -> None:
    company.branch("both")
    policy_then_promotion(company)
    company.push("promote")
    company.merge(company.github.open_pull("promote", user="alice").number, method)
    why = company.refused()
    assert "0 of 1 approval" in why and "validation" in why
    assert company.refused() == why, "waiting changes nothing"


@pytest.mark.parametrize("policy", [OPEN, "{}\n", "stages: {Production: {protected: false}}\n"])
def test_policy_and_use_in_one_push(company: Company, policy: str) -> None:
    policy_then_promotion(company, policy)
    company.push("main")
    company.main()
    why = company.refused()
    assert "approval" in why and "validation" in why
    company.team.commit("Another model", other="stages: {}\n")
    company.push("main")
    company.main()
    ran = company.reconcile()
    churn = next(model for model in ran.json["models"] if model["model"] == MODEL)
    assert ran.code == 4 and churn["result"] == "refused", "nor does another model's receipt"
    assert "asks this, and not the newest one" in churn["refusals"][0]["way_out"]


@pytest.mark.parametrize(
    "policies",
    [
        [POLICY.replace("passed}", "failed}"), OPEN],
        [POLICY.replace("approvals: 1, ", ""), OPEN],
        [OPEN, OPEN + "drift: heal\n"],
    ],
)
@pytest.mark.parametrize("is_put_back", [True, False])
def test_policy_and_use_in_three_commits(
    company: Company, policies: list[str], is_put_back: bool
) -> None:
    """One push loosens the policy in steps and promotes; or puts the policy back at its end, so
    that the tip has the old one."""
    for policy in policies:
        company.team.write("policy.yaml", policy)
        company.commit("Simpler rules")
    company.write(3)
    company.commit("Promote")
    if is_put_back:
        company.team.write("policy.yaml", POLICY)
        company.commit("Rules as they were")
    company.push("main")
    company.main()
    why = company.refused()
    assert "0 of 1 approval" in why and "validation" in why
    assert company.refused() == why, "waiting changes nothing"


@pytest.mark.parametrize("are_gates_reconciled", [True, False])
@pytest.mark.parametrize("strategy", [(), ("-s", "ours"), ("-X", "ours")])
def test_policy_beside_the_first_parents(
    company: Company, strategy: tuple[str, ...], are_gates_reconciled: bool
) -> None:
    """The promotion is made on the commit before the gates, and merged with the gates as the second
    parent: no first parent of the promotion has a gate. Also if stricter gates were merged that no
    reconcile has brought into force: those in force are asked, approvals among them."""
    if not are_gates_reconciled:
        stricter = POLICY.replace("passed}", "passed, bias: checked}")
        company.merge(company.propose_policy(stricter))
    tip = company.team.git("rev-parse", "HEAD")
    company.team.git("checkout", "-q", "HEAD^")
    assert "bias" not in company.team.git("show", "HEAD:registry/policy.yaml")
    company.write(3)
    company.commit("Promote")
    company.team.git("merge", "-q", "--no-ff", *strategy, "-m", "Bring main in", tip)
    company.push("main")
    company.main()
    why = company.refused()
    assert "0 of 1 approval" in why and "validation" in why


@pytest.mark.parametrize(
    "around", ["nothing", "others", "an update", "three commits", "an approval", "no answer"]
)
def test_reconcile_within_a_rebase(
    company: Company, around: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebased, a pull request is several commits of main. A reconcile of the first brings the
    policy into force that the last is to be judged by."""
    if around == "others":
        merge_words(company, "before", "rebase")
    company.branch("both")
    policy_then_promotion(company)
    if around == "three commits":
        company.team.write("README.md", "More words\n")
        company.commit("Words")
    company.push("promote")
    number = company.github.open_pull("promote", user="alice").number
    if around == "an update":
        merge_words(company, "main-moves", "squash")
        company.github.update_branch(number, "carol")
    if around in ("an approval", "no answer"):
        company.github.review(number, "bob")
    tip = company.main()
    company.merge(number, "rebase")
    if around == "others":
        merge_words(company, "after", "squash")
    first = company.team.git("rev-list", "--reverse", f"{tip}..HEAD").split()[0]
    assert company.reconcile("--rev", first).code == 0, "the open policy is in force"
    if around == "no answer":
        monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    why = company.refused()
    assert "validation" in why, "an approval does not let the change judge itself"
    assert ("0 of 1 approval" in why) == (around not in ("an approval", "no answer"))


def merge_words(company: Company, branch: str, method: Method) -> None:
    """A pull request of two commits that change nothing of a model."""
    company.branch(branch)
    for text in ("Words", "More"):
        company.team.write(f"{branch}.md", f"{text}\n")
        company.commit(text, "carol")
    company.push(branch)
    company.merge(company.github.open_pull(branch, user="carol").number, method, by="bob")


# -- stages and aliases that the judge does not know -----------------------------------------------


@pytest.mark.parametrize("way", ["push", "pull request"])
def test_new_stage_takes_the_alias(company: Company, way: str) -> None:
    company.branch("live")
    company.team.write("policy.yaml", LIVE)
    company.team.write(f"models/{MODEL}.yaml", f"name: {MODEL}\nstages: {{Live: 3}}\n")
    company.commit("A stage of our own")
    company.push("main" if way == "push" else "live")
    if way == "pull request":
        company.merge(company.github.open_pull("live", user="alice").number)
    company.main()
    assert "the policy before this change has no stage Live" in company.reasons()
    assert company.production() == {1}


@pytest.mark.parametrize("alias", ["production", "Production"])
def test_alias_of_a_stage_set_by_hand(company: Company, alias: str) -> None:
    """The policy takes the alias from Production, and the manifest gives it to another version."""
    company.team.write("policy.yaml", POLICY.replace("alias: production", "alias: prod"))
    company.write(1, f"aliases: {{{alias}: 3}}\n")
    company.commit("Our alias")
    company.push("main")
    company.main()
    why = company.refused()
    assert "3 may not get the alias" in why and "validation" in why


WAYS = pytest.mark.parametrize("way", ["one push", "two pushes", "two pushes, one reconcile"])


def loosen(company: Company, policy: str, way: str) -> None:
    """Write the policy: in the push that uses it, or in an earlier one that nobody approved."""
    company.team.write("policy.yaml", policy)
    if way != "one push":
        push_main(company, "Another order")
    if way == "two pushes":
        assert "does not count yet" in company.reconcile().err
        assert company.production() == {1}


@WAYS
def test_alias_given_to_another_stage(company: Company, way: str) -> None:
    """Staging gets Production's alias: what it holds would be served."""
    swapped = POLICY.replace("alias: staging", "alias: production").replace(
        "alias: production, approvals", "approvals"
    )
    loosen(company, swapped, way)
    company.team.write(
        f"models/{MODEL}.yaml", f"name: {MODEL}\nstages: {{Production: 1, Staging: 3}}\n"
    )
    push_main(company, "Stage it")
    why = company.refused()
    assert "approval" in why and "validation" in why


@WAYS
@pytest.mark.parametrize("policy", [POLICY, POLICY + "aliases: {only: [Production, Staging]}\n"])
def test_aliases_only_dropped_and_used(company: Company, policy: str, way: str) -> None:
    company.approve_policy(FEW)
    loosen(company, policy, way)
    company.team.write(
        f"models/{MODEL}.yaml",
        f"name: {MODEL}\nstages: {{Production: 1, Staging: 3}}\naliases: {{champion: 3}}\n",
    )
    push_main(company, "Our alias")
    assert "'champion' may only point at a version that holds Production" in company.refused()
    assert "champion" not in company.client.get_registered_model(MODEL).aliases


@pytest.mark.parametrize(
    "policy", [POLICY, POLICY + "freeze: {reason: audit, until: '2020-01-01'}\n"]
)
def test_freeze_lifted_and_used(company: Company, policy: str) -> None:
    company.team.write("policy.yaml", POLICY + "freeze: {reason: audit, until: '2099-01-01'}\n")
    company.commit("Frozen")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0
    company.team.write("policy.yaml", policy)
    number = company.propose(2)
    company.github.review(number, "bob")
    company.merge(number)
    assert "frozen until 2099-01-01" in company.refused()
