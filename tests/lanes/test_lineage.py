"""What a version was made from: by its pins alone, and by what MLflow recorded of it."""

from __future__ import annotations

import pytest

from tests.support.models import Logged, Signed, log_model
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team

OLD, NEW = "5" * 32, "6" * 32


@pytest.fixture
def made(uri: str, team: Team, shelf: LaneRegistry) -> tuple[str, Logged, Logged]:
    """Version 1 pins its run and its data, version 2 nothing; both were really logged."""
    name = shelf.model(0)
    one, two = (
        log_model(
            uri, name, Signed(), data=[("training", [1, 2])],
            tags={"dvc.data/train.csv": md5, "mlflow.source.git.commit": code * 40},
        )
        for md5, code in ((OLD, "a"), (NEW, "b"))
    )  # fmt: skip
    pins = (
        f"versions: {{1: {{run_id: {one.run_id}, data: {{path: data/train.csv, md5: '{OLD}'}}}}}}"
    )
    team.commit("Begin", **{name: f"stages: {{Production: 1, Staging: 2}}\n{pins}\n"})
    team.reconcile(name)
    return name, one, two


def test_the_pins_tell_offline_and_mlflow_tells_the_rest(
    team: Team, made: tuple[str, Logged, Logged]
) -> None:
    name, one, two = made
    plain = team.run("show", name, uri="sqlite:////nowhere/mlflow.db")
    assert plain.code == 0
    assert f"made from  run {one.run_id}, data data/train.csv (md5 {OLD})\n" in plain.out

    asked = team.run("show", name, "--lineage")
    assert asked.code == 0
    assert f"data data/train.csv (md5 {OLD}), code commit aaaaaaaaaaaa\n" in asked.out

    [model] = team.run("show", name, "--lineage", "--format", "json").json["models"]
    first, second = model["made_from"]
    assert (first["version"], first["run_id"], first["code_commit"]) == (1, one.run_id, "a" * 40)
    assert (second["version"], second["run_id"], second["code_commit"]) == (2, two.run_id, "b" * 40)
    assert first["data"] == [{"path": "data/train.csv", "md5": OLD}]
    assert second["data"] == [{"path": "data/train.csv", "md5": NEW}]
    assert len(first["datasets"]) == 1


def test_the_report_says_it_of_every_version_in_a_stage(
    team: Team, made: tuple[str, Logged, Logged]
) -> None:
    _, one, two = made
    out = team.folder.parent / "out"
    assert team.run("report", "--out", str(out)).code == 0
    page = (out / "index.html").read_text(encoding="utf-8")
    for run, md5, code in ((one.run_id, OLD, "a"), (two.run_id, NEW, "b")):
        assert run in page and f"data data/train.csv (md5 {md5}), code commit {code * 12}" in page


def test_lineage_is_of_one_model_and_needs_mlflow(
    team: Team, made: tuple[str, Logged, Logged]
) -> None:
    assert team.run("show", "--lineage").code == 64
    assert team.run("show", made[0], "--lineage", "--effective").code == 64
    gone = team.run("show", made[0], "--lineage", uri="sqlite:////nowhere/mlflow.db")
    assert gone.code == 1 and gone.out == "" and "/nowhere/mlflow.db" in gone.err
