"""What an approval is of, whose it is, and when it was given."""

from __future__ import annotations

import pytest

from mlflow_gitops.edges.github.approvals import activity
from tests.support.attacks.company import MODEL, POLICY, Company
from tests.support.github_state import Method

# Some lines stand between the stages and the pins, so that git merges changes of both.
PINNED = "tags:\n  a: x\n  b: x\n  c: x\n  d: x\nversions: {{4: {{source: 'dbfs:/models/{}'}}}}\n"
NO_TAGS = POLICY.replace(", require: {tags: {validation: passed}}", "")


def start_without_tags(company: Company, policy: str = NO_TAGS, manifest: str = "") -> None:
    """Another policy and manifest, which are reconciled before anything else happens."""
    company.team.write("policy.yaml", policy)
    company.write(1, manifest)
    company.commit("The rules")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0


# -- the whole entry -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_pin_swapped_by_another_merge(company: Company, method: Method) -> None:
    """Version 4 is not registered: its pin says what it will be. It is reviewed as `good`, and
    another pull request changes that before the merge."""
    start_without_tags(company, manifest=PINNED.format("good"))
    company.branch("promote")
    company.write(4, PINNED.format("good"))
    company.commit("Promote")
    company.push("promote")
    number = company.github.open_pull("promote", user="alice").number
    company.github.review(number, "bob")
    company.branch("pins")
    company.write(1, PINNED.format("evil"))
    company.commit("Pins", "carol")
    company.push("main")
    company.main()
    company.merge(number, method)
    assert "evil" in (company.team.folder / f"registry/models/{MODEL}.yaml").read_text()
    assert "#1 does not" in company.refused()


@pytest.mark.parametrize("way", ["push", "pull request"])
def test_pin_swapped_after_the_merge(company: Company, way: str) -> None:
    start_without_tags(company)
    number = company.propose(4, more=PINNED.format("good"))
    company.github.review(number, "bob")
    company.merge(number)
    company.write(4, PINNED.format("evil"))
    company.commit("Pins", "carol")
    company.push("main" if way == "push" else "pins")
    if way == "pull request":
        company.merge(company.github.open_pull("pins", user="carol").number, by="alice")
    company.main()
    reasons = {"push": "no pull request merged into main made", "pull request": "has reviewed #2"}
    assert reasons[way] in company.refused()


@pytest.mark.parametrize("more", [PINNED.format("evil"), "aliases: {champion: 2}\n"])
def test_entry_swapped_in_a_merge_made_by_hand(company: Company, more: str) -> None:
    """The stage is as approved; the pin, or an alias, is not."""
    start_without_tags(company)
    version = 4 if "4:" in more else 2
    number = company.propose(version, more=PINNED.format("good") if version == 4 else "")
    company.github.review(number, "bob")
    company.main()
    company.team.git("merge", "-q", "--no-ff", "--no-commit", "origin/promote")
    company.write(version, more)
    company.commit("Merge pull request #1 from acme/promote")
    company.push("main")
    company.main()
    assert "#1 does not" in company.refused()


@pytest.mark.parametrize(
    "stages", ["{Production: null}", "{Production: []}", "{Production: 1}", "{Production: [1]}"]
)
def test_stage_left_without_approval(company: Company, stages: str) -> None:
    """Emptied, or of several holders the served one is taken out."""
    policy = "stages: {Production: {approvals: 1}}\n"
    before = "{Production: [1, 2]}" if "1" in stages else "{Production: 1}"
    company.team.write("policy.yaml", "stages: {Production: {}}\n")
    company.team.write(f"models/{MODEL}.yaml", f"name: {MODEL}\nstages: {before}\n")
    company.team.git("checkout", "-q", "-B", "main", "origin/main")
    company.commit("Before")
    company.push("promote")
    number = company.github.open_pull("promote", user="alice").number
    company.github.review(number, "bob")
    company.merge(number)
    company.client.set_model_version_tag(MODEL, "2", "validation", "passed")
    assert company.reconcile().code in (0, 4)
    company.team.write("policy.yaml", policy)
    company.commit("Approvals")
    company.push("main")
    company.main()
    company.reconcile()
    served = company.production()
    company.team.write(f"models/{MODEL}.yaml", f"name: {MODEL}\nstages: {stages}\n")
    company.commit("Less")
    company.push("main")
    company.main()
    assert "may not leave Production" in company.reasons()
    assert company.production() == served


@pytest.mark.parametrize("way", ["push", "squash", "merge"])
def test_manifest_deleted_without_approval(company: Company, way: str) -> None:
    """Production is left by deleting the manifest, and the reconcile prunes."""
    company.team.git("rm", "-q", f"registry/models/{MODEL}.yaml")
    company.commit("Retire")
    company.push("main" if way == "push" else "retire")
    if way != "push":
        number = company.github.open_pull("retire", user="alice").number
        company.merge(number, "squash" if way == "squash" else "merge")
    company.main()
    assert "may not leave Production" in company.reasons("--prune", "--max-changes", "1")
    assert company.production() == {1}


# -- when, and beside what -------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["nothing", "a refusal", "a click"])
def test_approval_after_the_merge(company: Company, before: str) -> None:
    """Also after a refusal, or after somebody with EDIT did by hand what was refused."""
    number = company.propose()
    company.merge(number)
    if before != "nothing":
        company.refused()
    if before == "a click":
        company.client.transition_model_version_stage(MODEL, "2", "Production")
    company.github.review(number, "bob")
    assert "@bob approved it after it was merged" in company.reasons()
    assert company.production() == {1}


@pytest.mark.parametrize("first", ["bob", "carol"])
def test_objection_beside_an_approval(company: Company, first: str) -> None:
    number = company.propose()
    states = {"bob": "APPROVED", "carol": "CHANGES_REQUESTED"}
    for login in (first, *(other for other in states if other != first)):
        company.github.review(number, login, states[login])
    head = company.github.pull(number).head
    company.main()
    company.team.run("github", "plan", head)
    [comment] = company.github.pull(number).comments
    assert "@carol" in comment.body
    company.merge(number, by="alice")
    assert "@carol requests changes" in company.refused()


# -- who made it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["opened", "committed"])
def test_bot_as_the_author(company: Company, part: str) -> None:
    """Alice's own workflow commits and opens the pull request as the bot, and Alice approves."""
    bot = company.github.users["github-actions[bot]"]
    company.write(2)
    company.team.git("add", "-A")
    mail = f"{bot.id}+github-actions[bot]@users.noreply.github.com"
    author = f"robot <{mail}>" if part == "committed" else "robot <robot@example.org>"
    company.team.git("commit", "-q", "--author", author, "-m", "Promote")
    company.push("promote")
    opener = "github-actions[bot]" if part == "opened" else "carol"
    number = company.github.open_pull("promote", user=opener).number
    company.github.review(number, "alice")
    company.merge(number)
    why = company.refused()
    assert "of 2 approvals" in why and "@github-actions[bot] had a part in making it" in why


@pytest.mark.parametrize("fillers", [100, 250])
def test_push_hidden_behind_later_ones(company: Company, fillers: int) -> None:
    number = company.propose(author="carol", by="carol")
    company.github.pushed("promote", "bob")
    ref, head, _ = company.github.pushes[-1]
    company.github.pushes += [(ref, "0" * 40, "carol")] * fillers
    company.github.review(number, "bob")
    company.merge(number, by="alice")
    assert "@bob pushed to it" in company.refused() and head


@pytest.mark.parametrize("pages", [1, 2])
def test_more_pushes_than_are_read(
    company: Company, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(activity, "MAX_ACTIVITY_PAGES", pages)
    number = company.propose()
    company.github.pushes += [("refs/heads/promote", "0" * 40, "carol")] * 300
    company.github.review(number, "bob")
    company.merge(number)
    assert "activities" in company.refused()


@pytest.mark.parametrize(
    "name", ["carol <carol@example.org>", "@chief-risk-officer <cro@example.org>", "alice <a@b.c>"]
)
def test_name_of_another_in_the_commit(company: Company, name: str) -> None:
    """Bob commits under another's name. The receipt, the log and `show` name his account."""
    company.write(2)
    company.team.git("add", "-A")
    company.team.git("commit", "-q", "--author", name, "-m", "Promote")
    company.push("promote")
    company.github.pushed("promote", "bob")
    number = company.github.open_pull("promote", user="bob").number
    company.github.review(number, "alice")
    company.merge(number)
    assert company.reconcile().code == 0
    event = company.team.run("log", MODEL, "--format", "json").json[-1]
    assert (event["opened_by"], event["pushed_by"]) == ("@bob", ["@bob"])
    assert event["author_source"] == "commit"
    shown = company.team.run("log", MODEL).out
    assert "opened by @bob, pushed by @bob; the author is what the commit claims" in shown
    assert "opened by @bob" in company.team.run("show", MODEL).out


# -- updates of the branch -------------------------------------------------------------------------


def main_moves(company: Company) -> str:
    """Carol merges something of another model's. Returns the tip of main."""
    company.branch("words")
    company.team.write("README.md", "Words\n")
    company.commit("Words", "carol")
    company.push("main")
    company.team.git("checkout", "-q", "promote")
    return company.team.git("rev-parse", "origin/main")


def merge_as(company: Company, who: str, *args: str) -> None:
    """Merge into the branch in the clone of somebody, whom the merge names as its author."""
    people = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
              for part, value in (("NAME", who), ("EMAIL", f"{who}@example.org"))}  # fmt: skip
    company.github.git("merge", "-q", "--no-ff", *args, cwd=company.team.folder, env=people)


@pytest.mark.parametrize("content", ["manifest", "another file", "another branch"])
def test_update_made_by_hand_with_more_in_it(company: Company, content: str) -> None:
    """Bob merges main into Alice's branch, adds something, and approves."""
    company.team.git("checkout", "-q", "-B", "promote")
    version = 1 if content == "manifest" else 2
    number = company.propose(version, more="description: Words\n")
    tip = main_moves(company)
    if content == "another branch":
        tip = company.team.git("commit-tree", f"{tip}^{{tree}}", "-p", tip, "-m", "Not main")
        company.team.git("push", "-q", "origin", f"{tip}:refs/heads/other")
    merge_as(company, "bob", "--no-commit", tip)
    if content == "manifest":
        company.write(2)
    elif content == "another file":
        company.team.write("more.md", "More\n")
    company.team.git("add", "-A")
    company.commit("Merge branch 'main' into promote", "bob")
    company.push("promote")
    company.github.pushed("promote", "bob")
    company.github.review(number, "bob")
    company.merge(number, "merge")
    assert "@bob is an author of it" in company.refused()


@pytest.mark.parametrize("updates", [1, 2])
def test_push_hidden_below_an_update(company: Company, updates: int) -> None:
    """Bob commits as Alice, merges main as the button would, and pushes both at once."""
    company.team.git("checkout", "-q", "-B", "promote")
    number = company.propose(1, more="description: Words\n")
    company.github.pushed("promote", "alice")
    company.write(2)
    company.commit("And now", "alice")
    for _ in range(updates):
        tip = main_moves(company)
        merge_as(company, "alice", "-m", "Merge branch 'main' into promote", tip)
    company.push("promote")
    company.github.pushed("promote", "bob")
    company.github.review(number, "bob")
    company.merge(number, "merge")
    assert "@bob pushed to it" in company.refused()


@pytest.mark.parametrize("presser", ["alice", "carol"])
def test_push_hidden_by_a_rebase(company: Company, presser: str) -> None:
    """Bob pushes as Alice; the button rebases the branch, so that no commit is one that Bob
    pushed."""
    number = company.propose()
    company.github.pushed("promote", "bob")
    company.team.git("checkout", "-q", "-B", "promote")
    main_moves(company)
    company.github.rebase_branch(number, presser)
    company.github.review(number, "bob")
    company.merge(number, "merge")
    assert "@bob pushed to it" in company.refused()
