"""A main branch whose first parents changed, a clone that is behind, a commit dated in the future:
on real repositories and a real registry (RULES R1)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.receipts import receipts_in, rewrite_receipts
from tests.support.registries.manual import ManualRegistry
from tests.support.team import Team

STAGES = "stages: {{Staging: {0}, Production: {1}}}\n"
LATE = "2031-01-01T00:00:00Z"


@pytest.fixture
def shelf(tmp_path: Path, blank_registry: Callable[[Path], str]) -> ManualRegistry:
    made = ManualRegistry(blank_registry(tmp_path / "mlflow.db"))
    for name in ("fraud", "churn"):
        made.model(name, 6)
    return made


@pytest.fixture
def team(tmp_path: Path, shelf: ManualRegistry) -> Team:
    """Two models, reconciled."""
    made = Team(tmp_path / "repo", shelf.uri)
    made.write("policy.yaml", "stages: {Production: {alias: production}}\n")
    made.commit("First", fraud="stages: {Production: 1}\n", churn="stages: {Production: 1}\n")
    made.reconcile()
    return made


def clone(team: Team, folder: Path, *options: str) -> Team:
    """Another checkout of the team's remote."""
    remote = team.git("config", "remote.origin.url")
    subprocess.run(["git", "clone", "-q", *options, remote, str(folder)], check=True)
    return Team(folder, team.uri)


def share(team: Team, folder: Path) -> None:
    """Give the team's repository a remote."""
    subprocess.run(["git", "clone", "-q", "--bare", str(team.folder), str(folder)], check=True)
    team.git("remote", "add", "origin", folder.as_uri())
    team.git("fetch", "-q", "origin")
    team.git("branch", "-q", "--set-upstream-to=origin/main")


def pull_and_push(team: Team) -> None:
    """Main is merged into a developer's own commit, which becomes the first parent."""
    team.git("checkout", "-q", "-b", "own", "main~1")
    team.commit("Promote churn 2", churn="stages: {Production: 2}\n")
    team.git("merge", "-q", "--no-edit", "main")
    team.git("branch", "-q", "-f", "main", "own")
    team.git("checkout", "-q", "main")


def forward(team: Team) -> None:
    """Main is fast-forwarded to a branch that had merged it and went on."""
    pull_and_push(team)
    team.commit("More words", churn="stages: {Production: 2}\ndescription: Words\n")


def pull_twice(team: Team) -> None:
    """The same again, before anything was reconciled."""
    pull_and_push(team)
    team.git("branch", "-q", "-D", "own")
    pull_and_push_words(team, "main~1")


def pull_and_push_words(team: Team, start: str) -> None:
    team.git("checkout", "-q", "-b", "own", start)
    (team.folder / "README.md").write_text("words\n", encoding="utf-8")
    team.commit("Words")
    team.git("merge", "-q", "--no-edit", "main")
    team.git("branch", "-q", "-f", "main", "own")
    team.git("checkout", "-q", "main")


# The first step of the others.
MERGED_ONCE = pytest.param(pull_and_push, marks=[pytest.mark.real, pytest.mark.weekly])


@pytest.mark.parametrize("push", [MERGED_ONCE, forward, pull_twice])
def test_nothing_that_was_reconciled_is_lost(
    team: Team, shelf: ManualRegistry, push: Callable[[Team], None]
) -> None:
    promoted = team.commit("Promote fraud 2", fraud="stages: {Production: 2}\n")
    team.reconcile()
    push(team)
    assert promoted not in team.git("rev-list", "--first-parent", "main").split()
    shelf.stage("fraud", 5, "Production")

    planned = team.run("plan", "--format", "json").json
    assert {model["model"]: model["sync"] for model in planned["models"]} == {
        "churn": "Pending",
        "fraud": "Drifted",
    }
    [fraud] = [model for model in planned["models"] if model["model"] == "fraud"]
    assert fraud["base"] == promoted
    assert {change["cause"] for change in fraud["changes"]} == {"drift"}
    assert any("changed the first parents" in notice for notice in planned["notices"])
    assert "changed the first parents" in team.run("plan").out
    assert "changed the first parents" in team.run("doctor").out

    team.reconcile()
    assert [v for v, stage in shelf.stages("fraud").items() if stage == "Production"] == [2]
    assert shelf.aliases("churn") == {"production": 2}
    [event] = [
        event
        for event in team.run("log", "fraud", "--format", "json").json
        if event["stage"] == "Production" and event["to"] == [2]
    ]
    assert (event["commit"], event["effect"]["result"]) == (promoted, "applied")
    assert not [
        event
        for event in team.run("log", "--format", "json").json
        if event["type"] == "stage" and event["model"] == "fraud" and event["from"] == [2]
    ], "nothing was rolled back"
    [shown] = team.run("show", "fraud", "--effective", "--format", "json").json["models"]
    assert shown["stages"]["Production"] == [2]
    assert team.run("verify").code == 0, team.run("verify").out

    team.commit("Promote fraud 3", fraud="stages: {Production: 3}\n")
    team.reconcile()
    assert not team.run("plan", "--format", "json").json["notices"]
    assert shelf.aliases("fraud") == {"production": 3}


@pytest.mark.parametrize("push", [MERGED_ONCE, forward, pull_twice])
def test_a_pull_request_is_planned_onto_such_a_main_branch(
    team: Team, push: Callable[[Team], None]
) -> None:
    promoted = team.commit("Promote fraud 2", fraud="stages: {Production: 2}\n")
    team.reconcile()
    push(team)
    team.git("checkout", "-q", "-b", "feature")
    team.commit("Promote fraud 3", fraud="stages: {Production: 3}\n")
    ran = team.run("--main", "main", "plan", "--onto", "main", "--format", "json")
    assert ran.code == 0, ran.err
    [fraud] = [model for model in ran.json["models"] if model["model"] == "fraud"]
    assert fraud["base"] == promoted and fraud["sync"] == "Pending"
    assert {change["cause"] for change in fraud["changes"]} == {"commit"}
    markdown = team.run("--main", "main", "plan", "--onto", "main", "--format", "markdown").out
    assert "changed the first parents" in markdown


def test_a_rollback_crosses_such_a_merge(team: Team, shelf: ManualRegistry) -> None:
    """What was held before it, by the receipts, counts after it, though every model was reconciled
    since."""
    team.write(
        "policy.yaml",
        "stages: {Staging: {}, Production: {alias: production, from: [Staging], soak: 1000d}}\n"
        "overrides: [soak, from]\n",
    )
    override = "Gate-Override: from: tests\nGate-Override: soak: tests"
    team.commit("Policy")
    team.reconcile()
    team.commit(f"Promote fraud 2\n\n{override}", fraud="stages: {Production: 2}\n")
    team.reconcile()
    pull_and_push_words(team, "main~2")
    for name in ("fraud", "churn"):
        team.commit(f"Promote {name} 3\n\n{override}", **{name: "stages: {Production: 3}\n"})
    team.reconcile()

    refused = team.commit("Promote fraud 4", fraud="stages: {Production: 4}\n")
    assert team.run("reconcile", "--yes").code == 4, refused
    team.commit("Roll fraud back", fraud="stages: {Production: 2}\n")
    team.reconcile()
    assert shelf.aliases("fraud") == {"production": 2}


def test_an_older_commit_is_stale_and_is_not_adopted(team: Team) -> None:
    team.commit("Promote fraud 2", fraud="stages: {Production: 2}\n")
    team.reconcile()
    pull_and_push(team)
    for options in ((), ("--adopt",)):
        ran = team.run("reconcile", "fraud", "--yes", "--rev", "main^", *options)
        assert ran.code == 4 and "[stale]" in ran.out, ran


def test_a_forced_push_is_still_refused_until_it_is_adopted(
    team: Team, shelf: ManualRegistry, tmp_path: Path
) -> None:
    team.commit("Promote fraud 2", fraud="stages: {Production: 2}\n")
    team.reconcile()
    team.git("reset", "-q", "--hard", "main~1")
    team.commit("Promote fraud 3", fraud="stages: {Production: 3}\n")
    share(team, tmp_path / "origin.git")
    refused = team.run("reconcile", "--yes")
    assert refused.code == 4 and "rewritten" in refused.out and "fraud --adopt" in refused.out
    team.reconcile("fraud", "--adopt")
    assert shelf.aliases("fraud") == {"production": 3}


@pytest.mark.parametrize("way", ["behind", "shallow", "unreachable"])
def test_a_clone_that_lacks_the_base_adopts_nothing(
    team: Team, shelf: ManualRegistry, tmp_path: Path, way: str
) -> None:
    share(team, tmp_path / "origin.git")
    other = clone(team, tmp_path / "other")
    for name in ("fraud", "churn"):
        team.commit(f"Promote {name} 2", **{name: "stages: {Production: 2}\n"})
    team.git("push", "-q", "origin", "main")
    team.reconcile("--push-receipts")
    if way == "shallow":
        team.commit("Words", fraud="stages: {Production: 2}\ndescription: Words\n")
        team.git("push", "-q", "origin", "main")
        other = clone(team, tmp_path / "shallow", "--depth", "1")
    if way == "unreachable":
        other.git("remote", "set-url", "origin", (tmp_path / "gone").as_uri())

    advice = {
        "behind": "This clone is behind origin. Run git pull.",
        "shallow": "git fetch --unshallow",
        "unreachable": "It is not known whether this clone is behind origin",
    }[way]
    for command in ("plan", "status"):
        ran = other.run(command)
        assert ran.out.count(advice.removesuffix(".")) >= 1, ran
        assert "--adopt" not in ran.out
        assert sum("warning:" in line for line in ran.out.splitlines()) == 1, ran.out
    before = shelf.aliases("fraud"), shelf.aliases("churn")
    for options in ((), ("fraud", "--adopt"), ("churn", "fraud", "--adopt")):
        refused = other.run("reconcile", "--yes", "--no-push-receipts", *options)
        assert refused.code == 4 and "[base_unknown]" in refused.out, refused
    assert (shelf.aliases("fraud"), shelf.aliases("churn")) == before

    if way == "behind":
        other.git("pull", "-q", "--ff-only")
        assert other.run("status", "--exit-code").code == 0
    if way == "shallow":
        other.git("fetch", "-q", "--unshallow")
        assert other.run("reconcile", "--yes").code == 0


@pytest.mark.parametrize(
    "late",
    [
        pytest.param("one", marks=[pytest.mark.real, pytest.mark.weekly]),
        "several",
        "the promotion",
    ],
)
def test_a_commit_dated_in_the_future_changes_nothing_after_it(
    team: Team, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    def dated(message: str, **files: str) -> None:
        monkeypatch.setitem(os.environ, "GIT_COMMITTER_DATE", LATE)
        team.git("add", "-A")
        team.commit(message, **files)
        monkeypatch.delitem(os.environ, "GIT_COMMITTER_DATE")

    for _ in range({"one": 1, "several": 3, "the promotion": 0}[late]):
        dated("Docs")
    commit = dated if late == "the promotion" else team.commit
    commit("Promote fraud 2", fraud="stages: {Production: 2}\n")
    team.reconcile()
    team.commit("Promote fraud 3", fraud="stages: {Production: 3}\n")
    team.reconcile()

    events = team.run("log", "fraud", "--until", "today", "--format", "json").json
    assert [event["to"] for event in events if event["stage"] == "Production"] == [[1], [2], [3]]
    assert not any(event["at"] > "2030" for event in events)
    times = [event["at"] for event in events]
    assert times == sorted(times)
    [shown] = team.run("show", "fraud", "--at", "today", "--format", "json").json["models"]
    assert shown["stages"]["Production"] == [3]
    future = team.run("log", "--since", "9000-12-31", "--format", "json")
    assert future.json == [] and "is in the future" in future.err


@pytest.mark.parametrize("push", [MERGED_ONCE, forward])
def test_a_receipt_that_an_interrupted_run_did_not_write_is_recovered(
    team: Team, push: Callable[[Team], None]
) -> None:
    promoted = team.commit("Promote fraud 2", fraud="stages: {Production: 2}\n")
    team.reconcile()
    [*earlier, _] = receipts_in(team.folder)
    rewrite_receipts(team.folder, [receipt.text for receipt in earlier])
    push(team)
    ran = team.run("reconcile", "--yes")
    assert ran.code == 0 and "Recovered the receipt of an earlier run for fraud" in ran.err, ran
    receipts = receipts_in(team.folder)
    assert [receipt.commit for receipt in receipts if receipt.is_recovered] == [promoted]


def test_the_merge_is_the_making_commit_of_what_was_pushed_past_a_review(team: Team) -> None:
    """So the forge is asked about the merge, which no pull request made."""
    team.commit("Promote fraud 2", fraud="stages: {Production: 2}\n")
    team.reconcile()
    pull_and_push(team)
    planned = team.run("plan", "churn", "--format", "json").json
    # By itself, the model has no base beside the line; its commit was never in a pull request
    # either.
    assert planned["models"][0]["stages"][0]["commit"] in (
        team.git("rev-parse", "main"),
        team.git("rev-parse", "main~1"),
    )
    planned = team.run("plan", "--format", "json").json
    [churn] = [model for model in planned["models"] if model["model"] == "churn"]
    assert churn["stages"][0]["commit"] == team.git("rev-parse", "main")
