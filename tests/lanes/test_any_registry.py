"""The main job on every kind of registry (DESIGN §6, RULES R2, R4, R5)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlflow_gitops.edges.mlflow import searches
from mlflow_gitops.edges.mlflow.registry import Registry
from tests.support.receipts import receipts_in
from tests.support.registries.lane import POLICY, LaneRegistry
from tests.support.team import Team


def test_promote_click_heal_and_roll_back(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(3)
    first = team.commit(
        "First (#1)", **{name: "stages: {Production: 1, Staging: 2}\ntags: {task: x}\n"}
    )
    ran = team.reconcile()
    assert shelf.stages(name) == {1: "Production", 2: "Staging", 3: "None"}
    assert shelf.aliases(name) == {"production": 1, "staging": 2}
    assert ran.json["changed"] == [
        {"model": name, "stage": "Production", "version": 1},
        {"model": name, "stage": "Staging", "version": 2},
    ]
    tags = shelf.tags(name)
    assert (
        tags["gitops.commit"] == first
        and tags["gitops.owner"] == f"{first}:registry"
        and tags["task"] == "x"
    )
    assert tags["gitops.receipt"] == ran.json["receipt"]
    held = shelf.versions(name)[1].tags
    assert held["gitops.commit"] == first and held["gitops.pr"] == "1 (claimed)"
    assert held["gitops.author"] == "A Person <a@example.org>"
    assert held["gitops.held.Production"].startswith(f"{first}@")

    second = team.commit(
        "Promote 2", **{name: "stages: {Production: 2, Staging: 3}\ntags: {task: x}\n"}
    )
    team.reconcile()
    assert shelf.stages(name) == {1: "Archived", 2: "Production", 3: "Staging"}
    assert shelf.versions(name)[1].tags["gitops.commit"] == second

    shelf.client.transition_model_version_stage(name, "2", "None")
    shelf.client.delete_registered_model_alias(name, "staging")
    assert team.run("status", name, "--exit-code").code == 2
    plan = team.run("plan", name, "--format", "json", "--detailed-exitcode")
    assert plan.code == 2
    [model] = plan.json["models"]
    assert model["sync"] == "Drifted" and {change["cause"] for change in model["changes"]} == {
        "drift"
    }
    team.reconcile(name)
    assert shelf.stages(name)[2] == "Production" and shelf.aliases(name)["staging"] == 3

    team.git("revert", "--no-edit", second)
    team.reconcile()
    assert shelf.stages(name) == {1: "Production", 2: "Staging", 3: "Archived"}
    assert shelf.aliases(name) == {"production": 1, "staging": 2}
    assert team.run("status", name, "--exit-code").code == 0


def test_a_second_run_writes_nothing(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(2)
    team.commit(
        **{name: "description: Said.\nstages: {Production: 2}\nversions: {1: {tags: {a: b}}}\n"}
    )
    team.reconcile()
    before = [(v.version, v.last_updated_timestamp, v.tags) for v in shelf.versions(name).values()]
    model = shelf.client.get_registered_model(name)
    tip = team.git("rev-parse", "mlflow-gitops/receipts")
    again = team.reconcile()
    assert again.json["models"][0]["result"] == "unchanged" and again.json["receipt"] is None
    assert [
        (v.version, v.last_updated_timestamp, v.tags) for v in shelf.versions(name).values()
    ] == before
    after = shelf.client.get_registered_model(name)
    assert (after.last_updated_timestamp, after.tags) == (model.last_updated_timestamp, model.tags)
    assert team.git("rev-parse", "mlflow-gitops/receipts") == tip


def test_what_mlflow_says_beside_stays_out_of_the_output(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(1)
    pinned = "versions: {2: {source: s3://models/new}}\n"
    team.commit(**{name: f"stages: {{Production: 1, Staging: 2}}\n{pinned}"})
    commands = (["plan", name], ["reconcile", name, "--yes"], ["status", name])
    process = team.spawn_all(*commands)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0 and err == "", err
    assert out.count(name) >= len(commands)


def test_names_with_spaces_quotes_and_other_letters(team: Team, shelf: LaneRegistry) -> None:
    from mlflow_gitops.core.manifests.names import file_stem

    names = [shelf.model(1, name) for name in ("two words", "it's", "größe", "both\"and'", "100%")]
    for name in names:
        team.write(
            f"models/{file_stem(name)}.yaml",
            f"name: {json.dumps(name)}\nstages: {{Production: 1}}\n",
        )
    team.commit()
    team.reconcile()
    for name in names[:3]:
        assert shelf.stages(name) == {1: "Production"}
    plan = team.run("plan", *names, "--format", "json")
    assert (
        plan.code == 0
        and plan.json["summary"].items()
        >= {
            "models": 5,
            "changed": 0,
            "changes": 0,
            "refused": 0,
            "invalid": 0,
        }.items()
    )


def test_values_are_normalised(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(1)
    team.commit(
        **{
            name: (
                'description: ""\nstages: {}\nversions: {1: {description: "", tags: {size: "1"}}}\n'
            )
        }
    )
    plan = team.run("plan", name, "--format", "json").json["models"][0]
    assert [(c["action"], c["key"]) for c in plan["changes"]] == [("set_tag", "size")]
    team.reconcile(name)
    assert team.run("plan", name, "--detailed-exitcode").code == 0


PINNED = (
    "stages: {Staging: %d}\nversions: {%d: {source: 's3://models/new', tags: {validation:"
    " passed}}}\n"
)


def test_a_version_is_registered_from_its_source(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(1)
    team.commit(**{name: PINNED % (2, 2)})
    team.reconcile()
    made = shelf.versions(name)[2]
    assert made.current_stage == "Staging" and made.source == "s3://models/new"
    assert made.tags["gitops.pin"] == f"{name}/2" and made.tags["validation"] == "passed"
    shelf.client.delete_model_version(name, "2")
    refused = team.run("reconcile", name, "--yes", "--format", "json")
    assert refused.code == 4 and set(shelf.versions(name)) == {1}, "it is not registered again"
    assert refused.json["models"][0]["refusals"][0]["code"] == "missing_version"


def test_the_number_of_a_deleted_version_is_pinned(team: Team, shelf: LaneRegistry) -> None:
    """Git never knew the deleted version, so only MLflow's answer shows that its number is used."""
    name = shelf.model(2)
    shelf.client.delete_model_version(name, "2")
    team.commit(**{name: PINNED % (2, 2)})
    ran = team.run("reconcile", name, "--yes", "--format", "json")
    if ran.code == 0:
        # This store gives the number of a deleted version again, and so the pin could be met.
        assert shelf.versions(name)[2].tags["gitops.pin"] == f"{name}/2"
    else:
        assert ran.code == 4 and set(shelf.versions(name)) == {1}
        assert ran.json["models"][0]["refusals"][0]["code"] == "missing_version"
        highest = int(shelf.tags(name)["gitops.highest"])
        team.commit(**{name: PINNED % (highest + 1, highest + 1)})
        team.reconcile()
        assert shelf.versions(name)[highest + 1].current_stage == "Staging"


def test_models_side_by_side_and_one_that_fails(team: Team, shelf: LaneRegistry) -> None:
    names = [shelf.model(2, f"many{i:02}") for i in range(12)]
    team.commit(**{name: "stages: {Production: 2, Staging: 1}\n" for name in names})
    shelf.client.delete_model_version(names[5], "2")
    ran = team.run("reconcile", "--yes", "--format", "json")
    assert ran.code == 4
    results = {model["model"]: model["result"] for model in ran.json["models"]}
    assert results.pop(names[5]) == "refused" and set(results.values()) == {"applied"}
    assert shelf.stages(names[5]) == {1: "None"}
    for name in results:
        assert shelf.stages(name) == {1: "Staging", 2: "Production"}


def test_pages_lose_and_double_nothing(
    team: Team, shelf: LaneRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [shelf.model(4, f"page{i}") for i in range(7)]
    monkeypatch.setattr(searches, "MODELS_A_PAGE", 3)
    monkeypatch.setattr(searches, "VERSIONS_A_PAGE", 5)
    seen = Registry(team.uri).observe(names, only=True)
    assert all(sorted(seen[name].versions) == [1, 2, 3, 4] for name in names)
    # On a shared server others delete models meanwhile, which moves rows between pages.
    if team.uri.startswith("sqlite:"):
        everything = Registry(team.uri).observe(names)
        assert {name: everything[name] for name in names} == seen


def test_a_saved_plan_names_what_moved(team: Team, shelf: LaneRegistry, tmp_path: Path) -> None:
    name = shelf.model(2)
    file = tmp_path / "plan.json"
    team.commit("Root")
    team.commit(**{name: "stages: {Production: 1}\n"})
    assert team.run("plan", "--out", str(file)).code == 0
    shelf.client.set_model_version_tag(name, "2", "by", "hand")
    moved = team.run("reconcile", "--plan", str(file), "--yes")
    assert moved.code == 4 and f"{name} in MLflow changed" in moved.err
    assert shelf.stages(name) == {1: "None", 2: "None"}

    assert team.run("plan", "--out", str(file)).code == 0
    edited = json.loads(file.read_text())
    edited["models"][0]["changes"][0]["to"] = "Archived"
    (tmp_path / "edited.json").write_text(json.dumps(edited))
    assert team.run("reconcile", "--plan", str(tmp_path / "edited.json"), "--yes").code == 4
    # The merge of the same tree is another commit, and the plan holds for it.
    team.git("commit", "-q", "--amend", "-m", "Merged")
    ran = team.run("reconcile", "--plan", str(file), "--yes")
    assert ran.code == 0, ran.err
    assert shelf.stages(name)[1] == "Production"
    assert team.run("reconcile", "--plan", str(file), "--yes").code == 4

    team.write("policy.yaml", POLICY + "drift: report\n")
    assert team.run("plan", "--out", str(file)).code == 0
    uncommitted = team.run("reconcile", "--plan", str(file), "--yes")
    assert uncommitted.code == 1 and "uncommitted" in uncommitted.err


def test_the_limit_stops_the_whole_run(team: Team, shelf: LaneRegistry) -> None:
    names = [shelf.model(1, f"lim{i}") for i in range(4)]
    team.write("policy.yaml", POLICY + "limits: {changed_models: {percent: 50, floor: 1}}\n")
    team.commit(**{name: "stages: {Production: 1}\n" for name in names})
    plan = team.run("plan")
    assert plan.code == 4 and "4 of 4 models" in plan.out and "and 2 may" in plan.out
    ran = team.run("reconcile", "--yes", "--format", "json")
    assert (
        ran.code == 4
        and ran.json["refusals"][0]["code"] == "limit"
        and "--max-changes 4" in ran.json["refusals"][0]["way_out"]
    )
    assert all(shelf.stages(name) == {1: "None"} for name in names)
    assert team.run("reconcile", "--yes", "--max-changes", "3").code == 4
    team.reconcile("--max-changes", "4")
    assert all(shelf.stages(name) == {1: "Production"} for name in names)


def test_stale_adopt_and_take_over(team: Team, shelf: LaneRegistry, tmp_path: Path) -> None:
    name = shelf.model(2)
    first = team.commit(**{name: "stages: {Production: 1}\n"})
    team.commit(**{name: "stages: {Production: 2}\n"})
    team.reconcile()
    stale = team.run("reconcile", "--rev", first, "--yes")
    assert stale.code == 4 and "[stale]" in stale.out and "git revert" in stale.out
    forced = team.run("reconcile", name, "--adopt", "--rev", first, "--yes")
    assert forced.code == 4 and "[stale]" in forced.out, "there is no flag past it"
    assert shelf.stages(name) == {1: "None", 2: "Production"}

    team.git("checkout", "-q", "--orphan", "rewritten")
    team.git("commit", "-q", "-m", "Rewritten")
    team.git("branch", "-q", "-M", "rewritten", "main")
    lost = team.run("reconcile", "--yes")
    assert lost.code == 4 and "[owner]" in lost.out and "--take-over" in lost.out
    unknown = team.run("reconcile", name, "--take-over", "--yes")
    assert unknown.code == 4 and "[base_unknown]" in unknown.out and "--adopt" in unknown.out
    team.reconcile(name, "--take-over", "--adopt")
    assert team.run("status", name, "--exit-code").code == 0

    other = Team(tmp_path / "other", team.uri)
    other.commit(**{name: "stages: {Production: 1}\n"})
    taken = other.run("reconcile", "--yes")
    assert taken.code == 4 and "[owner]" in taken.out
    assert shelf.stages(name) == {1: "None", 2: "Production"}


def test_a_registry_folder_that_moves(team: Team, shelf: LaneRegistry) -> None:
    """Its models have another owner then. What the old one did is no run of the new one's that left
    no receipt."""
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    team.git("mv", "registry", "mlops")
    team.commit("Where such things are")
    there = ("--registry-dir", "mlops")
    assert team.run(*there, "reconcile", "--yes").code == 4
    taken = team.run(*there, "reconcile", name, "--take-over", "--yes")
    assert taken.code == 0 and "ecovered" not in taken.err, taken.err
    assert (
        team.run(*there, "status", "--exit-code").code == 0 and team.run(*there, "verify").code == 0
    )
    assert len(receipts_in(team.folder)) == 2


def test_prune_empties_and_deletes_nothing(team: Team, shelf: LaneRegistry) -> None:
    name, kept = shelf.model(2), shelf.model(1, "kept")
    team.commit(
        **{
            name: "stages: {Production: 2}\naliases: {champion: 1}\n",
            kept: "stages: {Production: 1}\n",
        }
    )
    team.reconcile()
    team.git("rm", "-q", f"registry/models/{name}.yaml")
    gone = team.commit("Retire it")
    plain = team.run("reconcile", "--yes")
    assert plain.code == 0 and name in plain.err and "--prune" in plain.err
    assert shelf.stages(name) == {1: "None", 2: "Production"}
    team.reconcile("--prune")
    assert shelf.stages(name) == {1: "None", 2: "Archived"} and shelf.aliases(name) == {}
    assert shelf.tags(name)["gitops.commit"] == gone
    quiet = team.run("reconcile", "--yes")
    assert quiet.code == 0 and name not in quiet.err
    assert shelf.stages(kept) == {1: "Production"}


def test_an_emptied_registry_folder_demotes_nothing(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    team.git("rm", "-q", "-r", "registry/models")
    team.commit("Oops")
    assert team.run("reconcile", "--yes").code == 0
    assert shelf.stages(name) == {1: "Production"}


def test_a_freeze_lets_rollbacks_and_healing_pass(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(2)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    team.commit(**{name: "stages: {Production: 2}\n"})
    team.reconcile()
    team.write("policy.yaml", POLICY + "freeze: {reason: year-end, until: '2999-01-02'}\n")
    team.commit("Freeze")
    team.reconcile()
    team.commit(**{name: "stages: {Production: 2}\naliases: {champion: 1}\n"})
    plan = team.run("plan")
    assert plan.code == 0 and "frozen until 2999-01-02: year-end" in plan.out
    shelf.client.transition_model_version_stage(name, "2", "None")
    ran = team.run("reconcile", "--yes", "--format", "json")
    assert ran.code == 4 and ran.json["models"][0]["refusals"][0]["code"] == "frozen"
    assert shelf.aliases(name) == {"production": 2} and shelf.stages(name)[2] == "Production", (
        "drift is healed"
    )
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    assert shelf.stages(name) == {1: "Production", 2: "Archived"}
