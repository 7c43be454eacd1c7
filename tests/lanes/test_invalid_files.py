"""An invalid file stops its model alone: the others are reconciled, and the model keeps what the
last valid commit asks for (DESIGN §6, RULES R8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_gitops.core.manifests.names import file_stem
from tests.support.receipts import receipts_in
from tests.support.registries.lane import POLICY, LaneRegistry
from tests.support.team import Ran, Team

WEEKLY = (pytest.mark.real, pytest.mark.weekly)
PROTECTED = POLICY + "overrides: [soak]\n"


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


def syncs(ran: Ran) -> dict[str, str]:
    return {model["model"]: model["sync"] for model in ran.json["models"]}


def results(ran: Ran) -> dict[str, str]:
    return {model["model"]: model["result"] for model in ran.json["models"]}


def codes(ran: Ran, model: str) -> list[str]:
    [found] = [found for found in ran.json["models"] if found["model"] == model]
    return [refusal["code"] for refusal in found["refusals"]]


def reconciled(team: Team, *args: str) -> Ran:
    return team.run("reconcile", "--yes", "--format", "json", *args)


BROKEN = {
    "an unknown field": "name: {name}\nstages: {{Production: 3}}\noops: 1\n",
    "no YAML": "name: {name}\nstages: {{Production: 3\n",
    "an unknown stage": "name: {name}\nstages: {{Production: 3, Live: 1}}\n",
    "an alias of a stage": "name: {name}\nstages: {{Production: 3}}\naliases: {{staging: 2}}\n",
    "an ambiguous number": "name: {name}\nstages: {{Production: 010}}\n",
    "another name": "name: somebody-else\nstages: {{Production: 3}}\n",
    "nothing": "",
    "too large": "name: {name}\nstages: {{Production: 3}}\n# {filler}\n",
}


def test_the_invalid_models_keep_their_state_and_the_others_go_on(
    team: Team, shelf: LaneRegistry
) -> None:
    kinds = {shelf.model(3, f"ill{number}"): kind for number, kind in enumerate(BROKEN)}
    well = shelf.model(3, "well")
    stages = "stages: {Production: 1}\n"
    team.commit(**dict.fromkeys((*kinds, well), stages))
    team.reconcile()

    for ill, kind in kinds.items():
        filler = "x" * (1 << 20 if kind == "too large" else 1)
        team.write(f"models/{ill}.yaml", BROKEN[kind].format(name=ill, filler=filler))
        shelf.client.transition_model_version_stage(ill, "1", "Archived")
        shelf.client.delete_registered_model_alias(ill, "production")
    team.commit(**{well: "stages: {Production: 2}\n"})

    status = team.run("status", "--format", "json")
    assert status.code == 3
    assert dict.fromkeys(kinds, "Invalid").items() <= syncs(status).items()
    assert syncs(status)[well] == "Pending"
    files = {f"registry/models/{ill}.yaml" for ill in kinds}
    assert {error["file"] for error in status.json["errors"]} == files
    for form in ("text", "markdown"):
        assert team.run("status", "--format", form).out.count("Invalid") >= len(kinds)

    plan = team.run("plan", "--format", "json")
    assert plan.code == 3 and plan.json["summary"]["invalid"] == len(kinds)
    assert team.run("validate").code == 3

    ran = reconciled(team)
    assert ran.code == 3 and results(ran)[well] == "applied"
    assert ran.json["errors"] == status.json["errors"]
    assert shelf.stages(well)[2] == "Production" and shelf.aliases(well) == {"production": 2}
    for ill in kinds:
        assert codes(ran, ill) == ["invalid"], kinds[ill]
        assert shelf.stages(ill)[1] == "Production" and shelf.aliases(ill) == {"production": 1}

    again = reconciled(team)
    assert again.code == 3 and again.json["summary"]["changes"] == 0
    assert reconciled(team, well).code == 0 and reconciled(team, next(iter(kinds))).code == 3
    assert team.run("plan", well).code == 0 and team.run("status", well).code == 0

    team.commit(**dict.fromkeys(kinds, "stages: {Production: 2}\n"))
    assert reconciled(team, "--max-changes", "99").code == 0
    assert all(shelf.stages(ill)[2] == "Production" for ill in kinds)


# -- two files of one model, and files that are not read -------------------------------------------


def _write_second_file(team: Team, name: str) -> None:
    team.write(f"models/copy/{name}.yaml", f"name: {name}\nstages: {{Production: 3}}\n")


def _write_twin(team: Team, name: str) -> None:
    twin = name.upper()
    team.write(f"models/{twin}.yaml", f"name: {twin}\nstages: {{Production: 3}}\n")


def _change_ending(team: Team, name: str) -> None:
    team.git("mv", f"registry/models/{name}.yaml", f"registry/models/{name}.yml")


def _rename_file(team: Team, name: str) -> None:
    team.git("mv", f"registry/models/{name}.yaml", f"registry/models/{name}-new.yaml")


def _hide_below_a_link(team: Team, name: str) -> None:
    folder = team.folder / "registry/models/team"
    folder.rename(team.folder / "registry/elsewhere")
    folder.symlink_to("../elsewhere")


@pytest.mark.parametrize(
    "spoil", [_write_second_file, _write_twin, _change_ending, _rename_file, _hide_below_a_link]
)
def test_a_model_whose_file_is_in_doubt_is_healed_and_not_pruned(
    team: Team, shelf: LaneRegistry, spoil
) -> None:
    ill, well = shelf.model(3, "ill"), shelf.model(3, "well")
    folder = "team/" if spoil is _hide_below_a_link else ""
    team.write(f"models/{folder}{ill}.yaml", f"name: {ill}\nstages: {{Production: 1}}\n")
    team.commit(**{well: "stages: {Production: 1}\n"})
    team.reconcile()

    spoil(team, ill)
    team.commit(**{well: "stages: {Production: 2}\n"})
    shelf.client.transition_model_version_stage(ill, "1", "Archived")
    status = team.run("status", "--format", "json")
    assert status.code == 3 and syncs(status)[ill] == "Invalid"

    ran = reconciled(team, "--prune")
    assert ran.code == 3 and results(ran)[well] == "applied", ran.out
    assert shelf.stages(ill)[1] == "Production" and shelf.stages(ill)[3] == "None"
    assert shelf.stages(well)[2] == "Production"
    assert reconciled(team).json["summary"]["changes"] == 0


def test_what_the_last_valid_commit_asked_for_is_done(team: Team, shelf: LaneRegistry) -> None:
    ill = shelf.model(3, "ill")
    team.commit(**{ill: "stages: {Production: 1}\n"})
    team.reconcile()
    team.commit(**{ill: "stages: {Production: 2}\n"})
    team.commit(**{ill: "stages: {Production: 3, Nowhere: 1}\n"})
    ran = reconciled(team)
    assert ran.code == 3 and results(ran)[ill] == "applied" and codes(ran, ill) == ["invalid"]
    assert shelf.stages(ill)[2] == "Production"
    assert team.run("verify").code == 0, "the stamp of this commit is explained"
    assert '"code": "invalid"' in receipts_in(team.folder)[-1].text
    (team.folder / "registry/models/team").mkdir()
    team.git("mv", f"registry/models/{ill}.yaml", "registry/models/team")
    team.commit("Moved")
    [model] = team.run("plan", "--format", "json").json["models"]
    assert model["file"] == f"registry/models/team/{ill}.yaml", "it is planned where it is now"


def test_a_model_that_was_never_valid_is_left_alone(team: Team, shelf: LaneRegistry) -> None:
    ill, well = shelf.model(3, "ill"), shelf.model(3, "well")
    team.commit(**{ill: "stages: {Production: [\n", well: "stages: {Production: 1}\n"})
    ran = reconciled(team)
    assert ran.code == 3 and results(ran)[well] == "applied"
    assert shelf.stages(ill) == {1: "None", 2: "None", 3: "None"} and shelf.tags(ill) == {}
    assert reconciled(team, ill).code == 3


def test_invalid_models_do_not_count_for_the_limit(team: Team, shelf: LaneRegistry) -> None:
    names = [shelf.model(2, f"m{i}") for i in range(4)]
    team.write("policy.yaml", POLICY + "limits: {changed_models: {percent: 25, floor: 1}}\n")
    team.commit(**dict.fromkeys(names, "stages: {Production: 1}\n"))
    assert team.run("reconcile", "--yes", "--max-changes", "9").code == 0
    team.commit(**{names[0]: "stages: {Production: 2}\n", names[1]: "stages: {Oops: 2}\n"})
    for name in names[1:2]:
        shelf.client.transition_model_version_stage(name, "1", "Archived")
    ran = reconciled(team)
    assert ran.code == 3 and not ran.json["refusals"]
    assert shelf.stages(names[0])[2] == "Production" and shelf.stages(names[1])[1] == "Production"


def test_what_was_invalid_before_is_a_warning_for_a_push(team: Team, shelf: LaneRegistry) -> None:
    ill, well = shelf.model(1, "ill"), shelf.model(3, "well")
    team.commit(**{ill: "stages: {Production: 1}\n", well: "stages: {Production: 1}\n"})
    team.reconcile()
    before = team.commit(**{ill: "stages: {Production: 1\n"})
    team.commit(**{well: "stages: {Production: 2}\n"})
    ran = reconciled(team, "--since", before)
    assert ran.code == 0 and ran.json["standing"] == [ill] and ran.json["errors"]
    team.commit(**{well: "stages: {Production: 2\n"})
    assert reconciled(team, "--since", before).code == 3


# -- the policy ------------------------------------------------------------------------------------

BROKEN_POLICIES = {
    "no YAML": "stages: {Production: [\n",
    "an unknown gate": "stages: {Production: {alias: production, require: {luck: true}}}\n",
    "a stage without an alias": "stages: {Canary: {native: false}}\n",
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=WEEKLY if kind == "a stage without an alias" else ())
        for kind in BROKEN_POLICIES
    ],
)
def test_an_invalid_policy_lets_nothing_into_production_and_heals(
    team: Team, shelf: LaneRegistry, kind: str
) -> None:
    new, back, moved, staged = (shelf.model(3, n) for n in ("new", "back", "moved", "staged"))
    stages = "stages: {Production: 1}\n"
    team.commit(**{new: stages, back: stages, moved: stages, staged: stages})
    team.reconcile()
    team.commit(**{back: "stages: {Production: 2}\n"})
    team.reconcile()

    team.write("policy.yaml", BROKEN_POLICIES[kind])
    team.commit(
        **{
            new: "stages: {Production: 2}\n",
            back: stages,
            staged: "stages: {Production: 1, Staging: 2}\n",
        }
    )
    shelf.client.transition_model_version_stage(moved, "1", "Archived")
    ran = reconciled(team)
    assert ran.code == 3 and codes(ran, new) == ["policy_invalid"], ran.out
    assert results(ran) == {new: "refused", back: "applied", moved: "applied", staged: "applied"}
    assert shelf.stages(new)[1] == "Production" and shelf.stages(back)[1] == "Production"
    assert shelf.stages(moved)[1] == "Production" and shelf.aliases(staged)["staging"] == 2
    assert reconciled(team, new).code == 3

    team.write("policy.yaml", POLICY)
    team.commit()
    assert reconciled(team).code == 0 and shelf.stages(new)[2] == "Production"


def test_without_any_valid_policy_nothing_enters_a_stage(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(2)
    team.write("policy.yaml", "drift: perhaps\n")
    team.commit(**{name: "stages: {Staging: 1}\n"})
    ran = reconciled(team)
    assert ran.code == 3 and codes(ran, name) == ["policy_invalid"]
    assert shelf.stages(name) == {1: "None", 2: "None"}


@pytest.mark.parametrize("kind", BROKEN_POLICIES)
def test_a_rollback_is_edited_by_the_last_valid_policy(
    team: Team, shelf: LaneRegistry, kind: str
) -> None:
    name = shelf.model(2)
    for version in (1, 2):
        team.commit(**{name: f"stages: {{Production: {version}}}\n"})
        team.reconcile()
    team.write("policy.yaml", BROKEN_POLICIES[kind])
    ran = team.run("rollback", name)
    assert ran.code == 0 and "the last valid policy applies" in ran.err, ran.err
    assert "Production: 1" in (team.folder / f"registry/models/{name}.yaml").read_text()
    assert team.run("promote", name, "2", "Staging").code == 3


# -- plans of merges, and saved plans --------------------------------------------------------------


def _proposed(team: Team, shelf: LaneRegistry) -> tuple[str, str, str]:
    """Three reconciled models, of which main breaks the last; a branch begins there."""
    changed, other, ill = (shelf.model(3, name) for name in ("changed", "other", "ill"))
    stages = "stages: {Production: 1}\n"
    team.commit(**{changed: stages, other: stages, ill: stages})
    team.reconcile()
    team.commit("Broken", **{ill: "stages: {Production: 1}\noops: 1\n"})
    team.git("checkout", "-q", "-b", "feature")
    return changed, other, ill


def _planned_onto_main(team: Team, *args: str) -> Ran:
    return team.run("--main", "main", "plan", "--onto", "main", "--format", "json", *args)


def test_a_pull_request_is_not_refused_for_what_is_invalid_on_main(
    team: Team, shelf: LaneRegistry
) -> None:
    changed, _, ill = _proposed(team, shelf)
    team.commit("Promote", **{changed: "stages: {Production: 2}\n"})
    ran = _planned_onto_main(team)
    assert ran.code == 0 and list(syncs(ran)) == [changed] and not ran.json["errors"]
    assert [warning["file"] for warning in ran.json["warnings"]] == [f"registry/models/{ill}.yaml"]
    text = team.run("--main", "main", "plan", "--onto", "main").out
    assert "warning: invalid on main already" in text


@pytest.mark.parametrize("kind", ["new", "touched", "second", "policy"])
def test_a_pull_request_is_refused_for_what_it_makes_invalid(
    team: Team, shelf: LaneRegistry, kind: str
) -> None:
    changed, other, ill = _proposed(team, shelf)
    if kind == "policy":
        team.write("policy.yaml", "stages: [\n")
    if kind == "second":
        team.write(f"models/copy/{other}.yaml", f"name: {other}\nstages: {{}}\n")
    texts = {
        "new": {other: "stages: {Production: 2, Nowhere: 1}\n"},
        "touched": {ill: "stages: {Production: 2}\noops: 1\n"},
    }
    models = {changed: "stages: {Staging: 2, Production: 1}\n", **texts.get(kind, {})}
    team.commit("Change", **models)
    ran = _planned_onto_main(team)
    assert ran.code == 3 and ran.json["errors"], ran.out
    assert syncs(ran)[changed] == "Pending"
    invalid = {"new": other, "touched": ill, "second": other}.get(kind)
    assert [name for name, sync in syncs(ran).items() if sync == "Invalid"] == (
        [invalid] if invalid else []
    )


def test_a_pull_request_that_corrects_it_is_planned(team: Team, shelf: LaneRegistry) -> None:
    *_, ill = _proposed(team, shelf)
    team.commit("Correct", **{ill: "stages: {Production: 2}\n"})
    ran = _planned_onto_main(team)
    assert ran.code == 0 and syncs(ran) == {ill: "Pending"} and not ran.json["warnings"]


def test_a_saved_plan_with_invalid_files(team: Team, shelf: LaneRegistry, tmp_path: Path) -> None:
    changed, _, ill = _proposed(team, shelf)
    file = str(tmp_path / "plan.json")
    team.git("checkout", "-q", "main")
    team.commit("Promote", **{changed: "stages: {Production: 2}\n"})
    shelf.client.transition_model_version_stage(ill, "1", "Archived")
    assert team.run("plan", "--out", file).code == 3
    ran = reconciled(team, "--plan", file)
    assert ran.code == 3 and results(ran)[changed] == "applied"
    assert shelf.stages(changed)[2] == shelf.stages(ill)[1] == "Production"
    assert reconciled(team, "--plan", file).code == 4, "MLflow is another one by now"


def test_the_report_shows_the_invalid_model(
    team: Team, shelf: LaneRegistry, tmp_path: Path
) -> None:
    *_, ill = _proposed(team, shelf)
    ran = team.run("report", "--out", str(tmp_path / "out"))
    page = (tmp_path / "out/index.html").read_text()
    assert ran.code == 3 and ill in page and ">Invalid<" in page


# -- twins in the audit ----------------------------------------------------------------------------

TWINS = {
    "case": ("fraud", "FRAUD"),
    "case outside ASCII": ("Ärger", "ärger"),
    "the form of letters": ("caf\u00e9", "cafe\u0301"),
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind == "case" else WEEKLY) for kind in TWINS]
)
def test_the_log_reads_twins_as_invalid_like_the_status(
    team: Team, shelf: LaneRegistry, kind: str
) -> None:
    """From the commit that makes them twins on; the last valid state stands (RULES R12)."""
    name, twin = TWINS[kind]
    first, second = file_stem(name), file_stem(twin)
    shelf.client.create_registered_model(name)
    for _ in range(3):
        shelf.client.create_model_version(name, "s3://models/x", await_creation_for=0)
    team.commit(**{first: f"name: {name}\nstages: {{Production: 1}}\n"})
    team.reconcile()
    team.commit("Promote", **{first: f"name: {name}\nstages: {{Production: 2}}\n"})
    made = team.commit(
        "Twins",
        **{
            first: f"name: {name}\nstages: {{Production: 3}}\n",
            second: f"name: {twin}\nstages: {{Staging: 1}}\n",
        },
    )
    status = team.run("status", "--format", "json")
    assert status.code == 3
    assert syncs(status) | {name: "Invalid", twin: "Invalid"} == syncs(status)

    events = team.run("log", "--format", "json").json
    invalid = {event["model"] for event in events if event["type"] == "invalid"}
    assert invalid == {name, twin}
    assert {event["commit"] for event in events if event["type"] == "invalid"} == {made}
    moves = [(e["model"], e["to"]) for e in events if e["type"] == "stage" and e["to"]]
    assert moves == [(name, [1]), (name, [2])]
    [shown] = team.run("show", "--format", "json").json["models"]
    assert (shown["model"], shown["stages"]["Production"]) == (name, [2])

    ran = reconciled(team)
    assert ran.code == 3 and shelf.stages(name)[2] == "Production", "the last valid commit's wish"
    assert team.run("verify").code == 0

    team.git("rm", "-q", f"registry/models/{second}.yaml")
    ended = team.commit("One again")
    events = team.run("log", name, "--format", "json").json
    assert (events[-1]["commit"], events[-1]["to"]) == (ended, [3])
    assert reconciled(team).code == 0 and shelf.stages(name)[3] == "Production"
    assert team.run("verify").code == 0
