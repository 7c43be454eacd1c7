"""A model whose tags are larger than what is read of a server: it is refused, and the others are
reconciled (RULES R11)."""

from __future__ import annotations

import pytest

from mlflow_gitops.edges.mlflow import server
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team


@pytest.fixture
def uri(http_uri: str) -> str:
    return http_uri


LONG = (pytest.mark.real, pytest.mark.weekly)


@pytest.mark.parametrize(
    "place",
    ["a model", pytest.param("a version", marks=LONG), pytest.param("a description", marks=LONG)],
)
def test_one_large_model_stops_itself_alone(
    team: Team, shelf: LaneRegistry, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    names = [shelf.model(2, f"m{i}") for i in range(3)]
    team.commit(**{name: "stages: {Production: 1}\n" for name in names})
    team.reconcile()
    large = names[1]
    if place == "a description":
        for version in ("1", "2"):
            shelf.client.update_model_version(large, version, "x" * 30_000)
    for i in range(12) if place != "a description" else ():
        if place == "a model":
            shelf.client.set_registered_model_tag(large, f"k{i}", "x" * 4_000)
        else:
            shelf.client.set_model_version_tag(large, "2", f"k{i}", "x" * 4_000)
    team.commit(**{name: "stages: {Production: 2}\n" for name in names})

    monkeypatch.setattr(server, "MAX_ANSWER", 20_000)
    ran = team.run("reconcile", "--yes", "--format", "json")
    results = {model["model"]: model["result"] for model in ran.json["models"]}
    assert ran.code == 4, ran.out + ran.err
    assert results == {names[0]: "applied", large: "refused", names[2]: "applied"}
    [refused] = [model for model in ran.json["models"] if model["model"] == large]
    assert "is not read" in refused["refusals"][0]["detail"]
    assert shelf.stages(names[0])[2] == shelf.stages(names[2])[2] == "Production"
    assert shelf.stages(large)[1] == "Production"
