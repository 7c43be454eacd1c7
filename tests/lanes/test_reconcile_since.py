"""`reconcile --since REV`: refusals that were there at REV are reported, and the new ones decide
the exit code (RULES R8)."""

from __future__ import annotations

import pytest

from tests.support.registries.lane import POLICY, LaneRegistry
from tests.support.team import Ran, Team

GATED = (
    "stages: {Staging: {alias: staging, require: {tags: {validation: passed}}}, Production: {alias:"
    " production}}\n"
)


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


def since(team: Team, revision: str, *args: str) -> Ran:
    return team.run("reconcile", "--yes", "--since", revision, "--format", "json", *args)


def test_a_refusal_that_stood_already_is_a_warning(team: Team, shelf: LaneRegistry) -> None:
    stuck, other = shelf.model(1, "stuck"), shelf.model(3, "other")
    team.commit(**{stuck: "stages: {Production: 9}\n"})
    before = team.commit(**{other: "stages: {Production: 1}\n"})
    assert team.run("reconcile", "--yes").code == 4
    team.commit(**{other: "stages: {Production: 2}\n"})
    ran = since(team, before)
    assert ran.code == 0 and ran.json["standing"] == [stuck]
    assert f"{stuck} is still refused, as it was at {before}" in ran.err
    assert {m["model"]: m["result"] for m in ran.json["models"]} == {
        stuck: "refused",
        other: "applied",
    }

    team.commit(**{other: "stages: {Production: 8}\n"})
    new = since(team, before)
    assert new.code == 4 and new.json["standing"] == [stuck]
    assert since(team, "HEAD").code == 0, "by then both stood"
    assert team.run("reconcile", "--yes").code == 4


def test_the_same_model_refused_for_something_else_is_new(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(1)
    before = team.commit(**{name: "stages: {Production: 9}\n"})
    team.commit(**{name: "stages: {Production: 8}\n"})
    ran = since(team, before)
    assert ran.code == 4 and ran.json["standing"] == []


def test_a_gate_that_refused_the_same_entry_already(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(2)
    team.write("policy.yaml", GATED)
    team.commit()
    before = team.commit(**{name: "stages: {Staging: 1}\nversions: {1: {tags: {a: one}}}\n"})
    shelf.client.set_model_version_tag(name, "1", "validation", "failed")
    team.commit(**{name: "stages: {Staging: 1}\nversions: {1: {tags: {a: two}}}\n"})
    assert since(team, before).code == 0
    team.commit(**{name: "stages: {Staging: 2}\n"})
    assert since(team, before).code == 4


def test_a_limit_that_stopped_the_whole_run_already(team: Team, shelf: LaneRegistry) -> None:
    names = [shelf.model(1, f"many{i}") for i in range(3)]
    team.write("policy.yaml", POLICY + "limits: {changed_models: {percent: 0, floor: 1}}\n")
    before = team.commit(**{name: "stages: {Production: 1}\n" for name in names})
    team.commit("Nothing of the registry's")
    ran = since(team, before)
    assert ran.code == 0 and "the whole run is still refused" in ran.err
    assert since(team, "0" * 40).code == 4
    assert all(shelf.stages(name) == {1: "None"} for name in names)


@pytest.mark.parametrize("revision", ["0" * 40, "1" * 40, "no-such-thing"])
def test_a_commit_that_nobody_has_makes_every_refusal_new(
    team: Team, shelf: LaneRegistry, revision: str
) -> None:
    """CI names 0000… for a new branch, and after a forced push a commit that was never fetched."""
    team.commit(**{shelf.model(1): "stages: {Production: 9}\n"})
    ran = since(team, revision)
    assert ran.code == 4 and ran.json["standing"] == []
    assert ("does not exist in this clone" in ran.err) is bool(revision.strip("0"))


def test_failures_and_faults_of_receipts_are_never_old(team: Team, shelf: LaneRegistry) -> None:
    team.commit(
        **{
            shelf.model(1): "stages: {Production: 9}\n",
            shelf.model(1, "other"): "stages: {Production: 1}\n",
        }
    )
    blocker = team.folder / ".git" / "refs" / "heads" / "mlflow-gitops"
    blocker.parent.mkdir(parents=True, exist_ok=True)
    blocker.write_text("in the way")
    assert since(team, "HEAD").code == 5


def test_before_there_was_a_registry_folder_nothing_stood(team: Team, shelf: LaneRegistry) -> None:
    """The push that brings the first manifests."""
    stuck, other = shelf.model(1, "stuck"), shelf.model(1, "other")
    team.git("commit", "-q", "--allow-empty", "-m", "Begin")
    before = team.git("rev-parse", "HEAD")
    team.commit(**{stuck: "stages: {Production: 9}\n", other: "stages: {Production: 1}\n"})
    ran = since(team, before)
    assert ran.code == 4 and ran.json["standing"] == []
    assert {m["model"]: m["result"] for m in ran.json["models"]} == {
        stuck: "refused",
        other: "applied",
    }
