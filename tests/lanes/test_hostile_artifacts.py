"""One version whose files are made to cost: its model is refused with a sentence, the others are
reconciled."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.models import Signed, log_model, register
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team

POLICY = "stages:\n  Production: {alias: production, require: {signature: compatible}}\n"
ALIASES = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    + ["flavors: {python_function: {python_version: *a9}}\n"]
)
FILES = {
    "aliases": ({"MLmodel": ALIASES}, "YAML aliases"),
    "deep lists": ({"MLmodel": "flavors: " + "[" * 100_000}, "not written by MLflow"),
    "a long requirement": (
        {"MLmodel": "flavors: {}\n", "requirements.txt": "a://" * 60_000},
        "requirements.txt has",
    ),
}


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


@pytest.mark.parametrize("case", FILES)
def test_the_other_models_are_reconciled(
    case: str, uri: str, team: Team, shelf: LaneRegistry, tmp_path: Path
) -> None:
    files, sentence = FILES[case]
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)

    honest, hostile = shelf.model(0, "honest"), shelf.model(0, "hostile")
    for name in (honest, hostile):
        logged = log_model(uri, name, Signed())
        log_model(uri, name, Signed())
    register(uri, hostile, str(folder), logged.run_id)
    team.write("policy.yaml", POLICY)
    team.commit(**{name: "stages: {Production: 1}\n" for name in (honest, hostile)})
    team.reconcile()

    team.commit(**{honest: "stages: {Production: 2}\n", hostile: "stages: {Production: 3}\n"})
    began = time.process_time()
    ran = team.run("reconcile", "--yes", "--format", "json")
    assert time.process_time() - began < 10
    results = {model["model"]: model["result"] for model in ran.json["models"]}
    assert results == {honest: "applied", hostile: "refused"} and ran.code == 4
    [refused] = [model for model in ran.json["models"] if model["model"] == hostile]
    assert sentence in refused["refusals"][0]["detail"]
    assert shelf.stages(honest)[2] == "Production" and shelf.stages(hostile)[1] == "Production"
