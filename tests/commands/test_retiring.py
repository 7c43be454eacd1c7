"""Deleting and renaming a model, a manifest, an owner, a stage: what registry/README.md says
happens, on a real registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.registries.manual import ManualRegistry
from tests.support.team import Team


@pytest.fixture
def shelf(tmp_path: Path, blank_registry: Callable[[Path], str]) -> ManualRegistry:
    return ManualRegistry(blank_registry(tmp_path / "mlflow.db"))


@pytest.fixture
def team(tmp_path: Path, shelf: ManualRegistry) -> Team:
    """Two versions in stages that are aliases, too; reconciled, pinned."""
    made = Team(tmp_path / "repo", shelf.uri)
    shelf.model("churn", 3)
    shelf.stage("churn", 3, "Production")
    shelf.stage("churn", 2, "Staging")
    shelf.alias("churn", "champion", 3)
    made.write("policy.yaml", "stages: {Canary: {native: false, alias: canary}}\n")
    assert made.run("import").code == 0
    made.commit("Import")
    made.reconcile()
    return made


def manifest(team: Team, name: str = "churn") -> str:
    return (team.folder / f"registry/models/{name}.yaml").read_text(encoding="utf-8")


def rename_manifest(team: Team, old: str, new: str, former: str = "") -> str:
    """In one commit: the file's name and the name in it; `former` is added after that."""
    team.git("mv", f"registry/models/{old}.yaml", f"registry/models/{new}.yaml")
    text = manifest(team, new).replace(f"name: {old}", f"name: {new}{former}")
    return team.commit(f"Rename {old}", **{new: text})


def codes(team: Team, *args: str) -> set[str]:
    """The codes of what plan refuses."""
    models = team.run("plan", "--format", "json", *args).json["models"]
    return {refusal["code"] for model in models for refusal in model["refusals"]}


def test_the_plan_that_deletes_a_manifest_says_what_stays(team: Team) -> None:
    """In the working tree, on a branch, and merged into main; afterwards it is no news."""
    removed = [{"model": "churn", "stages": {"Production": [3], "Staging": [2]}}]
    row = "churn  Production  3 stays    ! no longer managed"
    team.git("checkout", "-q", "-b", "retire")
    team.git("rm", "-q", "registry/models/churn.yaml")
    for arguments in ((), ("--rev", "retire"), ("--rev", "retire", "--onto", "main")):
        ran = team.run("--main", "main", "plan", *arguments)
        assert ran.code == 0 and row in ran.out, (arguments, ran.out)
        assert "1 no longer managed; 0 changes to make" in ran.out.splitlines()[-1]
        data = team.run("--main", "main", "plan", *arguments, "--format", "json").json
        assert data["removed"] == removed and data["gone"] == ["churn"]
        assert data["summary"]["outlooks"]["unmanaged"] == 1
        if not arguments:
            team.commit("Retire churn")

    team.commit("Another", other="stages: {}\n")
    ran = team.run("plan", "--rev", "retire~1", "--onto", "retire")
    assert "churn" not in ran.out, "a branch that the other has nothing to do with"
    team.git("checkout", "-q", "main")
    team.git("merge", "-q", "retire")
    data = team.run("plan", "--format", "json").json
    assert data["removed"] == [] and data["gone"] == ["churn"]
    shown = team.run("plan").out
    assert "manifest deleted, left unchanged in MLflow: churn\n" in shown and row not in shown


def test_a_manifest_deleted(team: Team, shelf: ManualRegistry) -> None:
    team.git("rm", "-q", "registry/models/churn.yaml")
    team.commit("Retire churn")
    ran = team.run("reconcile", "--yes")
    assert ran.code == 0 and "churn has no manifest any more" in ran.err and "--prune" in ran.err
    assert shelf.stages("churn") == {3: "Production", 2: "Staging"} and shelf.aliases("churn") == {
        "champion": 3
    }
    team.reconcile("--prune")
    assert shelf.stages("churn") == {3: "Archived", 2: "Archived"} and shelf.aliases("churn") == {}
    assert shelf.names() == {"churn"}, "nothing is deleted"
    # Back again: from what it was, as any other change.
    team.git("revert", "--no-edit", "HEAD")
    team.reconcile()
    assert shelf.stages("churn") == {3: "Production", 2: "Staging"} and shelf.aliases("churn") == {
        "champion": 3
    }


def test_a_model_deleted_in_mlflow_and_made_again(team: Team, shelf: ManualRegistry) -> None:
    shelf.client.delete_registered_model("churn")
    [row] = team.run("status", "--format", "json").json["models"]
    assert row["sync"] == "Missing" and codes(team) == {"deleted"}
    assert team.run("reconcile", "--yes").code == 4 and shelf.names() == set()
    # Numbers start at 1 again, so other versions come to have the old ones' names.
    shelf.model("churn", 3)
    shelf.stage("churn", 1, "Production")
    assert codes(team) == {"base_unknown"}
    assert team.run("reconcile", "--yes").code == 4 and shelf.stages("churn") == {1: "Production"}
    assert team.run("verify").code != 0


def test_a_model_renamed_in_mlflow_and_then_its_manifest(team: Team, shelf: ManualRegistry) -> None:
    shelf.client.rename_registered_model("churn", "leavers")
    assert codes(team) == {"deleted"}
    rename_manifest(team, "churn", "leavers", "\nformerly: [churn]")
    plan = team.run("plan", "--detailed-exitcode")
    assert plan.code == 0 and "nothing to change" in plan.out
    team.reconcile()
    assert shelf.stages("leavers") == {3: "Production", 2: "Staging"}
    assert team.run("status", "--exit-code").code == 0 and team.run("verify").code == 0


def test_a_manifest_renamed_alone(team: Team, shelf: ManualRegistry) -> None:
    rename_manifest(team, "churn", "leavers")
    ran = team.run("reconcile", "--yes")
    assert (
        ran.code == 4
        and "[missing_version]" in ran.out
        and "churn has no manifest any more" in ran.err
    )
    assert shelf.names() == {"churn"} and shelf.stages("churn") == {3: "Production", 2: "Staging"}
    # The way on: MLflow's name follows.
    shelf.client.rename_registered_model("churn", "leavers")
    team.reconcile()
    assert team.run("status", "--exit-code").code == 0


def test_an_owner_who_leaves(team: Team, shelf: ManualRegistry) -> None:
    text = manifest(team)
    team.commit("Owners", churn=text.replace("stages:", "owners: ['@acme/risk', '@mona']\nstages:"))
    team.run("codeowners")
    team.commit("Whom GitHub asks")
    team.commit("Mona leaves", churn=text.replace("stages:", "owners: ['@acme/risk']\nstages:"))
    ran = team.run("validate", "--format", "json")
    assert ran.code == 3 and [one["code"] for one in ran.json["errors"]] == ["codeowners-stale"]
    team.run("codeowners")
    assert team.run("validate").code == 0
    assert "churn.yaml @acme/risk\n" in (team.folder / ".github/CODEOWNERS").read_text()
    plan = team.run("plan", "--detailed-exitcode")
    assert plan.code == 0, "owners are nothing that MLflow knows"


def test_a_repository_that_hands_a_model_over(
    team: Team, shelf: ManualRegistry, tmp_path: Path
) -> None:
    other = Team(tmp_path / "other", shelf.uri)
    other.commit("Ours now", churn=manifest(team))
    assert codes(other) == {"owner"}
    # The other repository forgets it first; nobody prunes what has another owner.
    team.git("rm", "-q", "registry/models/churn.yaml")
    team.commit("Handed over")
    other.reconcile("churn", "--take-over", "--adopt")
    assert other.run("status", "--exit-code").code == 0
    pruned = team.run("reconcile", "--yes", "--prune")
    assert pruned.code == 0 and shelf.stages("churn") == {3: "Production", 2: "Staging"}


def test_a_stage_of_the_teams_own_renamed_given_another_alias_and_deleted(
    team: Team, shelf: ManualRegistry
) -> None:
    text = manifest(team)
    canary = text.replace("  Staging: 2\n", "  Staging: 2\n  Canary: 1\n")
    team.commit("Canary", churn=canary)
    team.reconcile()
    assert shelf.aliases("churn") == {"champion": 3, "canary": 1}

    team.write("policy.yaml", "stages: {Shadow: {native: false, alias: canary}}\n")
    ran = team.run("validate", "--format", "json")
    assert ran.code == 3 and [one["code"] for one in ran.json["errors"]] == ["stage-unknown"]
    team.commit("Another name", churn=canary.replace("Canary", "Shadow"))
    plan = team.run("plan", "--format", "json").json
    assert plan["summary"]["changes"] == 0 and plan["policy"], "only the policy's rules change"
    team.reconcile()
    told = team.run("log", "churn", "--format", "json").json
    assert [(one["stage"], one["from"], one["to"]) for one in told[-2:]] == [
        ("Canary", [1], []),
        ("Shadow", [], [1]),
    ]

    team.write("policy.yaml", "stages: {Shadow: {native: false, alias: shadow}}\n")
    team.commit("Another alias")
    [model] = team.run("plan", "--format", "json").json["models"]
    # The new one is there before the old one goes.
    assert [(one["action"], one["key"]) for one in model["changes"]] == [
        ("set_alias", "shadow"),
        ("delete_alias", "canary"),
    ]
    team.reconcile()
    assert shelf.aliases("churn") == {"champion": 3, "shadow": 1}

    team.write("policy.yaml", "stages: {}\n")
    team.commit("No such stage", churn=text)
    team.reconcile()
    assert shelf.aliases("churn") == {"champion": 3} and team.run("verify").code == 0


def test_mlflows_own_stages_are_there_whatever_the_policy_says(
    team: Team, shelf: ManualRegistry
) -> None:
    team.write("policy.yaml", "stages: {Production: {alias: live}}\n")
    team.commit("Staging is not named")
    assert team.run("validate").code == 0
    team.reconcile()
    assert (
        shelf.stages("churn") == {3: "Production", 2: "Staging"}
        and shelf.aliases("churn")["live"] == 3
    )
