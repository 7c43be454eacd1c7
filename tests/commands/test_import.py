"""`import` writes manifests from a real registry, after which plan has nothing to change; again, it
follows and keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.registries.manual import ManualRegistry
from tests.support.team import Ran, Team


@pytest.fixture
def shelf(tmp_path: Path, blank_registry: Callable[[Path], str]) -> ManualRegistry:
    return ManualRegistry(blank_registry(tmp_path / "mlflow.db"))


@pytest.fixture
def team(tmp_path: Path, shelf: ManualRegistry) -> Team:
    return Team(tmp_path / "repo", shelf.uri)


def imported(team: Team, *args: str, code: int = 0) -> dict[str, Any]:
    """What import says of each model, by name."""
    ran = team.run("import", "--format", "json", *args)
    assert ran.code == code, ran.out + ran.err
    return {one["model"]: one for one in ran.json["models"]}


def text(team: Team, path: str) -> str:
    return (team.folder / "registry/models" / f"{path}.yaml").read_text(encoding="utf-8")


def nothing_planned(team: Team) -> Ran:
    ran = team.run("plan", "--detailed-exitcode")
    assert (ran.code, ran.out.splitlines()[-1][-18:]) == (0, "nothing to change."), (
        ran.out + ran.err
    )
    assert team.run("validate").code == 0
    return ran


def test_what_is_written_and_that_nothing_changes_then(team: Team, shelf: ManualRegistry) -> None:
    shelf.model("churn", 3)
    shelf.stage("churn", 2, "Production")
    shelf.stage("churn", 1, "Archived")
    shelf.alias("churn", "champion", 2)
    shelf.alias("churn", "challenger", 3)
    shelf.model("blank", 0)
    told = imported(team)
    assert {name: one["result"] for name, one in told.items()} == {
        "blank": "created",
        "churn": "created",
    }
    assert (
        text(team, "churn") == "name: churn\n"
        "stages:\n  Production: 2\n"
        "aliases:\n  challenger: 3\n  champion: 2\n"
        "versions:\n"
        '  2: {run_id: run1, source: "s3://models/churn/1"}\n'
        '  3: {run_id: run2, source: "s3://models/churn/2"}\n'
    )
    assert text(team, "blank") == "name: blank\nstages: {}\n"
    nothing_planned(team)
    team.commit("Import")
    nothing_planned(team)
    assert team.reconcile().json["summary"]["failed"] == 0
    nothing_planned(team)
    again = imported(team)
    assert {one["result"] for one in again.values()} == {"unchanged"} and team.git(
        "status", "--porcelain"
    ) == ""


def test_a_dry_run_shows_what_would_be_written(team: Team, shelf: ManualRegistry) -> None:
    shelf.model("churn")
    shown = team.run("import", "--dry-run")
    assert shown.code == 0 and not (team.folder / "registry").exists()
    assert (
        "--- /dev/null\n+++ b/registry/models/churn.yaml\n" in shown.out
        and "+name: churn\n" in shown.out
    )
    assert "Nothing was written." in shown.err
    done = team.run("import")
    assert done.out == shown.out and "Next:\n  git add registry && git commit" in done.err


NAMES = [
    "größe & mehr",
    "with 'both' \"quotes\"",
    "a.b_c-d",
    "yes",
    "123",
    ".hidden",
    "a#b",
    "100%",
]


def test_odd_names(team: Team, shelf: ManualRegistry) -> None:
    for name in NAMES:
        shelf.model(name)
        shelf.stage(name, 1, "Staging")
    told = imported(team)
    assert sorted(told) == sorted(NAMES) and all(
        one["result"] == "created" for one in told.values()
    )
    assert (team.folder / "registry/models/gr%C3%B6%C3%9Fe %26 mehr.yaml").exists()
    nothing_planned(team)
    assert {one["result"] for one in imported(team).values()} == {"unchanged"}


def test_names_that_no_manifest_can_have_are_left_and_told(
    team: Team, shelf: ManualRegistry
) -> None:
    for name in ("fraud", "Fraud", "tab\there", "n" * 252):
        shelf.model(name)
    told = imported(team)
    assert {name: one["result"] for name, one in told.items()} == {
        "fraud": "left", "Fraud": "created", "tab\there": "left", "n" * 252: "left",
    }  # fmt: skip
    assert "differs only in case" in told["fraud"]["notes"][0]
    assert team.run("validate").code == 0
    shown = team.run("import")
    assert "tab\\there" in shown.err or "tab here" in shown.err


def test_several_versions_in_a_stage(team: Team, shelf: ManualRegistry) -> None:
    shelf.model("churn", 4)
    for version in (1, 2, 3):
        shelf.stage("churn", version, "Staging")
    team.write("policy.yaml", "stages: {}\n")
    assert imported(team)["churn"]["notes"] == []
    assert "  Staging: [1, 2, 3]\n" in text(team, "churn")
    nothing_planned(team)

    # A stage that is kept as an alias holds one: the one that MLflow serves.
    (team.folder / "registry/models/churn.yaml").unlink()
    team.write("policy.yaml", "stages: {Staging: {alias: staging}}\n")
    told = imported(team)["churn"]
    assert "  Staging: 3\n" in text(team, "churn")
    assert told["notes"] == [
        "Staging is kept as an alias and can hold only one version: 3, which MLflow serves,"
        " not 1, 2"
    ]
    assert [(c["action"], c["version"] or c["key"], c["to"]) for c in told["pending"]] == [
        ("transition", 1, "Archived"), ("transition", 2, "Archived"), ("set_alias", "staging", 3),
    ]  # fmt: skip
    planned = team.run("plan", "--format", "json").json["models"][0]["changes"]
    assert [(c["action"], c["version"], c["to"]) for c in planned] == [
        (c["action"], c["version"], c["to"]) for c in told["pending"]
    ], "what import says is pending is what plan shows"


def test_hundreds_of_versions_pin_only_those_that_hold_something(
    team: Team, shelf: ManualRegistry
) -> None:
    shelf.model("churn", 250)
    shelf.stage("churn", 240, "Production")
    shelf.alias("churn", "old", 7)
    imported(team)
    assert text(team, "churn").count("run_id") == 2
    (team.folder / "registry/models/churn.yaml").unlink()
    imported(team, "--all-versions")
    assert text(team, "churn").count("run_id") == 250
    nothing_planned(team)


def test_versions_without_a_run_or_with_what_no_manifest_holds(
    team: Team, shelf: ManualRegistry
) -> None:
    shelf.model("churn", 0)
    shelf.add("churn", 1, run=None)
    shelf.client.create_model_version(
        "churn", "https://me:secret@host/model", "run", await_creation_for=0
    )
    shelf.client.create_model_version(
        "churn", "s3://" + "x" * 490 + "/long/path", None, await_creation_for=0
    )
    for version, stage in ((1, "Production"), (2, "Staging"), (3, "Staging")):
        shelf.stage("churn", version, stage)
    told = imported(team)["churn"]
    assert '  1: {source: "s3://models/churn/0"}\n' in text(team, "churn") and "secret" not in text(
        team, "churn"
    )
    assert "  2: {run_id: run}\n" in text(team, "churn") and "  3:" not in text(team, "churn")
    assert len(told["notes"]) == 2 and "not pinned to its source" in told["notes"][0]
    nothing_planned(team)


def test_descriptions_and_tags_only_where_they_are_wanted(
    team: Team, shelf: ManualRegistry
) -> None:
    shelf.model("churn", 2, team="risk", odd="1", **{"mlflow.x": "theirs", "gitops.at": "ours"})
    shelf.client.update_registered_model("churn", "Two lines:\n  the second\n\nand a last one.\n")
    shelf.stage("churn", 2, "Production")
    shelf.client.update_model_version("churn", "2", 'Says "yes": # no comment')
    shelf.client.set_model_version_tag("churn", "2", "validation", "passed")
    shelf.client.set_model_version_tag("churn", "2", "hidden", "a\u202eb")
    shelf.client.set_model_version_tag("churn", "2", "empty", "")
    imported(team)
    assert "description" not in text(team, "churn") and "tags" not in text(team, "churn")
    (team.folder / "registry/models/churn.yaml").unlink()
    told = imported(team, "--descriptions", "--tags")["churn"]
    assert told["notes"] == [
        "a manifest cannot contain the text of versions.2.tags.hidden; it is not imported"
    ]
    assert (
        text(team, "churn") == "name: churn\n"
        "description: |\n  Two lines:\n    the second\n\n  and a last one.\n"
        'tags:\n  odd: "1"\n  team: risk\n'
        "stages:\n  Production: 2\n"
        "versions:\n  2:\n    run_id: run1\n"
        '    source: "s3://models/churn/1"\n'
        '    description: "Says \\"yes\\": # no comment"\n'
        '    tags:\n      empty: ""\n      validation: passed\n'
    )
    nothing_planned(team)
    # What is declared is managed from here on.
    team.commit("Import")
    team.reconcile()
    shelf.client.set_registered_model_tag("churn", "team", "other")
    assert team.run("status", "--exit-code").code == 2


def test_folders(team: Team, shelf: ManualRegistry) -> None:
    shelf.model("nlp-de", 1, team="risk")
    shelf.model("fraud", 1, team="../../risk & co")
    shelf.model("other")
    imported(team, "--folder", "nlp-*=text/nlp", "--folder-by-tag", "team")
    found = sorted(
        p.relative_to(team.folder).as_posix() for p in (team.folder / "registry").rglob("*.yaml")
    )
    assert found == [
        "registry/models/%2E.%2F..%2Frisk %26 co/fraud.yaml",
        "registry/models/other.yaml",
        "registry/models/text/nlp/nlp-de.yaml",
    ]
    assert {one["result"] for one in imported(team).values()} == {"unchanged"}, (
        "manifests stay where they lie"
    )
    nothing_planned(team)
    for wrong in ("nlp-*", "=x", "a=", "a=../x", "a=.git", "a=x//y"):
        assert team.run("import", "--folder", wrong).code == 64


def test_a_link_leads_nowhere(team: Team, shelf: ManualRegistry, tmp_path: Path) -> None:
    shelf.model("churn")
    team.write("policy.yaml", "stages: {}\n")
    (tmp_path / "elsewhere").mkdir()
    (team.folder / "registry/models").mkdir()
    (team.folder / "registry/models/risk").symlink_to(tmp_path / "elsewhere")
    ran = team.run("import", "--folder", "*=risk")
    assert ran.code in (1, 3) and not list((tmp_path / "elsewhere").iterdir())


def test_some_models(team: Team, shelf: ManualRegistry) -> None:
    for name in ("fraud-a", "fraud-b", "churn", "od[d]"):
        shelf.model(name)
    assert sorted(imported(team, "fraud-*")) == ["fraud-a", "fraud-b"]
    assert sorted(imported(team, "od[d]", "churn")) == ["churn", "od[d]"]
    ran = team.run("import", "chrun")
    assert ran.code == 1 and "shows no model chrun" in ran.err
    assert team.run("import", "zzz*").code == 1


def test_prompts_are_left_out_unless_they_are_named(team: Team, shelf: ManualRegistry) -> None:
    shelf.model("churn")
    shelf.client.register_prompt("greeting", "Hello {{name}}")
    ran = team.run("import", "--format", "json")
    assert [one["model"] for one in ran.json["models"]] == ["churn"] and ran.json["prompts"] == [
        "greeting"
    ]
    assert "1 prompt left out" in ran.err
    named = team.run("import", "gree*", "greeting", "--format", "json")
    assert [one["model"] for one in named.json["models"]] == ["greeting"] and named.json[
        "prompts"
    ] == []
    assert text(team, "greeting").endswith("name: greeting\nkind: prompt\nstages: {}\n")


def test_aliases_that_no_manifest_can_say(team: Team, shelf: ManualRegistry) -> None:
    shelf.model("churn", 3)
    shelf.stage("churn", 1, "Production")
    for alias, version in (("PRODUCTION", 2), ("größe", 2), ("champion", 1), ("challenger", 3)):
        shelf.alias("churn", alias, version)
    team.write(
        "policy.yaml", "stages: {Production: {alias: production}}\naliases: {only: [Production]}\n"
    )
    told = imported(team)["churn"]
    assert "aliases:\n  champion: 1\n" in text(team, "churn") and len(told["notes"]) == 3
    assert any("promote 3 and add the alias to the manifest" in note for note in told["notes"])
    assert [(c["action"], c["key"], c["to"]) for c in told["pending"]] == [
        ("set_alias", "production", 1)
    ]
    assert team.run("validate").code == 0


@pytest.mark.parametrize(
    ("only", "reason"),
    [
        ("Production", "'live' points at version 2, which does not hold Production, as"),
        ("Production, Archived", "'live' points at version 2, which does not hold Production or"),
        ("", "'live' points at version 2, which the policy's aliases.only does not allow"),
    ],
)
def test_an_alias_that_the_policy_forbids_is_noted_with_the_way_out(
    team: Team, shelf: ManualRegistry, only: str, reason: str
) -> None:
    shelf.model("churn", 2)
    shelf.stage("churn", 2, "Staging")
    shelf.alias("churn", "live", 2)
    team.write("policy.yaml", f"aliases: {{only: [{only}]}}\n")
    [note] = imported(team)["churn"]["notes"]
    assert reason in note and "change aliases.only in the policy and import again" in note
    assert "live" not in text(team, "churn") and team.run("validate").code == 0


def test_stages_of_the_teams_own_and_stages_that_are_only_aliases(
    team: Team, shelf: ManualRegistry
) -> None:
    shelf.model("churn", 4)
    shelf.stage("churn", 2, "Staging")
    shelf.alias("churn", "canary", 2)
    shelf.alias("churn", "production", 1)
    shelf.model("clash", 1)
    shelf.stage("clash", 1, "Staging")
    shelf.alias("clash", "production", 1)
    team.write(
        "policy.yaml",
        "stages: {Production: {alias: production}, Canary: {native: false, alias: canary}}\n",
    )
    told = imported(team)
    assert "stages:\n  Production: 1\n  Staging: 2\n  Canary: 2\n" in text(team, "churn")
    # The alias says that 1 is in production; MLflow's own stage follows.
    assert [(c["action"], c["version"], c["to"]) for c in told["churn"]["pending"]] == [
        ("transition", 1, "Production")
    ]
    assert "stages:\n  Staging: 1\n" in text(team, "clash")
    assert "points at version 1, which is in Staging" in told["clash"]["notes"][0]
    assert "plan will refuse it: Production is protected" in told["clash"]["notes"][1]
    assert team.run("plan").code == 4


# -- again -----------------------------------------------------------------------------------------

HAND_WRITTEN = """\
# Ours.
name: churn
description: Says who leaves.   # by hand
owners: ["@acme/risk"]
stages:
    Staging: 2          # waits
    Production: 1       # serves
aliases: {champion: 1}  # loaded by the shop
versions:
    1:
        run_id: run0    # the good one
        tags: {validation: passed}
"""


def test_what_people_wrote_stays(team: Team, shelf: ManualRegistry) -> None:
    shelf.model("churn", 3)
    shelf.client.set_model_version_tag("churn", "1", "validation", "passed")
    shelf.client.update_registered_model("churn", "Says who leaves.")
    shelf.stage("churn", 1, "Production")
    shelf.stage("churn", 2, "Staging")
    shelf.alias("churn", "champion", 1)
    team.write("models/churn.yaml", HAND_WRITTEN)
    team.commit("By hand")
    nothing_planned(team)

    shelf.stage("churn", 1, "Archived")
    shelf.stage("churn", 2, "Production")
    shelf.stage("churn", 3, "Staging")
    shelf.alias("churn", "champion", 2)
    shelf.alias("churn", "challenger", 3)
    told = imported(team, "--descriptions", "--tags")["churn"]
    assert (told["result"], told["notes"], told["pending"]) == ("updated", [], [])
    expected = HAND_WRITTEN.replace("Staging: 2 ", "Staging: 3 ").replace(
        "Production: 1 ", "Production: 2 "
    )
    expected = expected.replace("{champion: 1}", "{challenger: 3, champion: 2}")
    found = text(team, "churn")
    assert found.startswith(expected), found
    assert (
        '    2:\n        run_id: run1\n        source: "s3://models/churn/1"\n' in found
        and "    3:\n" in found
    )
    nothing_planned(team)


def test_a_promotion_that_git_asks_for_is_not_taken_back(team: Team, shelf: ManualRegistry) -> None:
    shelf.model("churn", 3)
    shelf.stage("churn", 1, "Production")
    shelf.alias("churn", "champion", 1)
    imported(team)
    before = text(team, "churn")
    edited = before.replace("Production: 1", "Production: 3").replace("champion: 1", "champion: 3")

    # Before the first reconcile: what was changed since the last commit.
    team.commit("Import")
    team.write("models/churn.yaml", edited)
    told = imported(team)["churn"]
    assert "Production: the manifest keeps 3, MLflow has 1" in told["notes"]
    assert "alias champion: the manifest keeps 3, MLflow has 1" in told["notes"]
    assert text(team, "churn").startswith(edited[: edited.index("versions")])
    team.write("models/churn.yaml", before)

    # After it: what was changed since the commit that the model was reconciled to.
    team.reconcile()
    team.commit("Promote", churn=edited)
    told = imported(team)["churn"]
    assert "Production: the manifest keeps 3, MLflow has 1" in told["notes"]
    assert "  Production: 3\n" in text(team, "churn")

    # What MLflow alone changed is followed, also what it took away.
    team.reconcile()
    team.git("checkout", "-q", ".")
    shelf.stage("churn", 3, "Archived")
    shelf.stage("churn", 2, "Production")
    shelf.client.delete_registered_model_alias("churn", "champion")
    told = imported(team)["churn"]
    assert (told["notes"], told["pending"]) == ([], [])
    assert "  Production: 2\n" in text(team, "churn") and "aliases" not in text(team, "churn")
    nothing_planned(team)


def test_before_any_commit_mlflow_leads_and_additions_stay(
    team: Team, shelf: ManualRegistry
) -> None:
    shelf.model("churn", 3)
    shelf.stage("churn", 1, "Production")
    imported(team)
    team.write(
        "models/churn.yaml",
        text(team, "churn").replace("versions:", "aliases: {mine: 2}\nversions:"),
    )
    shelf.stage("churn", 1, "Staging")
    shelf.stage("churn", 2, "Production")
    told = imported(team)["churn"]
    assert told["notes"] == ["alias mine: the manifest keeps 2, MLflow has nothing"]
    assert "stages:\n  Production: 2\n  Staging: 1\n" in text(team, "churn")
    assert [(c["action"], c["key"]) for c in told["pending"]] == [("set_alias", "mine")]


def test_a_model_that_left_its_stages(team: Team, shelf: ManualRegistry) -> None:
    shelf.model("churn", 2)
    shelf.stage("churn", 1, "Production")
    imported(team)
    team.commit("Import")
    team.reconcile()
    shelf.stage("churn", 1, "None")
    assert imported(team)["churn"]["notes"] == []
    assert "stages:\n  Production: null\n" in text(team, "churn")
    nothing_planned(team)


def test_a_pin_that_differs_is_left(team: Team, shelf: ManualRegistry) -> None:
    shelf.model("churn")
    shelf.stage("churn", 1, "Production")
    team.commit("Ours", churn="stages: {Production: 1}\nversions: {1: {run_id: another}}\n")
    told = imported(team)["churn"]
    assert told["result"] == "unchanged" and "run_id: another" in text(team, "churn")
    assert "version 1 is pinned to run_id another, MLflow has run0" in told["notes"]


def test_nothing_is_deleted_and_invalid_manifests_stop_nobody(
    team: Team, shelf: ManualRegistry
) -> None:
    shelf.model("churn")
    shelf.model("broken")
    team.commit("Ours", retired="stages: {}\n", broken="stages: {Production: one}\n")
    told = imported(team, code=3)
    assert told["broken"]["result"] == "invalid" and told["churn"]["result"] == "created"
    assert "Production: one" in text(team, "broken") and text(team, "retired")
    team.write("policy.yaml", "stages: 7\n")
    ran = team.run("import", "--format", "json")
    assert ran.code == 3 and ran.json["errors"]


def test_a_model_that_another_repository_manages(
    team: Team, shelf: ManualRegistry, tmp_path: Path
) -> None:
    shelf.model("churn")
    other = Team(tmp_path / "other", shelf.uri)
    other.commit("Theirs", churn="stages: {}\n")
    other.reconcile()
    told = imported(team)["churn"]
    assert told["result"] == "left" and "another repository manages it" in told["notes"][0]
    named = imported(team, "churn")["churn"]
    assert named["result"] == "created" and "--take-over" in named["notes"][0]


def test_without_a_repository_and_without_a_registry(
    tmp_path: Path, shelf: ManualRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow_gitops.cli import main

    shelf.model("churn")
    plain = tmp_path / "plain"
    plain.mkdir()
    monkeypatch.chdir(plain)
    assert main(["--tracking-uri", shelf.uri, "import"]) == 0
    assert (plain / "registry/models/churn.yaml").exists()
    assert main(["--tracking-uri", f"sqlite:///{tmp_path}/none.db", "import"]) == 1


def test_the_schema_for_editors(team: Team, shelf: ManualRegistry) -> None:
    from mlflow_gitops.shared import shared_path

    (team.folder / "schemas").mkdir()
    for name in ("model", "policy"):
        file = shared_path("schemas") / f"{name}.schema.json"
        (team.folder / "schemas" / file.name).write_bytes(file.read_bytes())
    shelf.model("churn")
    imported(team, "--folder", "churn=a/b")
    first = text(team, "a/b/churn").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../../../schemas/model.schema.json"
    named = first.partition("=")[2]
    assert (team.folder / "registry/models/a/b" / named).resolve() == (
        team.folder / "schemas/model.schema.json"
    ).resolve()
