"""Errors of files are reported although no plan can be made, or the plan changes no model
(RULES R12)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.registries.lane import LaneRegistry
from tests.support.servers import free_port
from tests.support.team import Team

BROKEN = {
    "no YAML": ("models/ill.yaml", "name: ill\nstages: {Production: 1\n"),
    "a policy": ("policy.yaml", "stages: [\n"),
    "a wrong ending": ("models/ill.yml", "name: ill\nstages: {}\n"),
    "twins": ("models/WELL.yaml", "name: WELL\nstages: {}\n"),
}


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


@pytest.mark.parametrize("kind", BROKEN)
def test_without_mlflow_the_errors_are_printed(team: Team, kind: str) -> None:
    team.commit(well="stages: {}\n")
    path, text = BROKEN[kind]
    team.write(path, text)
    team.commit("Break a file")
    missing = "sqlite:////nowhere/mlflow.db"
    commands = [
        ("plan",),
        ("plan", "--format", "json"),
        ("status",),
        ("reconcile", "--yes"),
        ("report", "--out", str(team.folder / "out")),
    ]
    for command in commands:
        ran = team.run(*command, uri=missing)
        assert ran.code == 1 and "mlflow.db" in ran.err, ran.err
        assert f"registry/{path}:" in ran.err and "error[" in ran.err, command
    named = team.run("plan", "well", uri=missing)
    assert (f"registry/{path}" in named.err) is (kind in ("a policy", "twins"))


def test_without_a_server_the_errors_are_printed(team: Team) -> None:
    team.wait_less(read_backoff=0)
    team.commit(ill="stages: {Production: 1\n")
    ran = team.run("plan", uri=f"http://127.0.0.1:{free_port()}")
    assert ran.code == 1 and "registry/models/ill.yaml:" in ran.err, ran.err


def test_a_plan_for_a_merge_reports_its_own_errors_only(team: Team) -> None:
    team.commit(old="stages: {Production: 1\n", well="stages: {}\n")
    team.git("checkout", "-q", "-b", "feature")
    team.commit(new="oops: 1\n")
    ran = team.run("--main", "main", "plan", "--onto", "main", uri="sqlite:////nowhere/m.db")
    assert ran.code == 1 and "models/new.yaml" in ran.err and "models/old.yaml" not in ran.err


# -- saved plans of merges -------------------------------------------------------------------------


def _link(team: Team) -> None:
    folder = team.folder / "registry/models"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "team").symlink_to("../elsewhere")


def _break_the_policy(team: Team) -> None:
    team.write("policy.yaml", "stages: [\n")


def _add_a_second_policy(team: Team) -> None:
    team.write("policy.yml", "stages: {}\n")


@pytest.mark.parametrize("changes_a_model", [False, True], ids=["empty", "with a model"])
@pytest.mark.parametrize("spoil", [_link, _break_the_policy, _add_a_second_policy])
def test_a_saved_plan_counts_errors_of_no_model(
    team: Team, shelf: LaneRegistry, tmp_path: Path, spoil, changes_a_model: bool
) -> None:
    name, file = shelf.model(2), str(tmp_path / "plan.json")
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    team.git("checkout", "-q", "-b", "feature")
    if changes_a_model:
        team.commit(**{name: "stages: {Production: 1, Staging: 2}\n"})
    spoil(team)
    team.commit("An error")
    assert team.run("--main", "main", "plan", "--onto", "main", "--out", file).code == 3
    team.git("checkout", "-q", "main")
    team.git("merge", "-q", "--no-ff", "-m", "Merge", "feature")

    ran = team.run("reconcile", "--plan", file, "--yes", "--format", "json")
    assert ran.code == 3 and ran.json["errors"], ran.out + ran.err
    assert [model["model"] for model in ran.json["models"]] == ([name] if changes_a_model else [])
    if changes_a_model:
        assert shelf.stages(name)[2] == "Staging"
    since = ("--since", "HEAD")
    assert team.run("reconcile", "--plan", file, "--yes", *since).code in (0, 4), "not new"


def test_a_saved_plan_leaves_out_what_was_invalid_on_the_branch(
    team: Team, shelf: LaneRegistry, tmp_path: Path
) -> None:
    name, file = shelf.model(1), str(tmp_path / "plan.json")
    _link(team)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.git("checkout", "-q", "-b", "feature")
    (team.folder / "README.md").write_text("Words.\n")
    team.commit("Words")
    assert team.run("--main", "main", "plan", "--onto", "main", "--out", file).code == 0
    team.git("checkout", "-q", "main")
    team.git("merge", "-q", "feature")
    assert team.run("reconcile", "--plan", file, "--yes").code == 0
