"""`resolve`: which version holds a stage, from git alone; and what `fetch` refuses before it asks
MLflow."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.team import Team

DIGEST = "sha256:" + "ab" * 32
NOWHERE = "http://127.0.0.1:9"
"""Nothing answers there: what asks MLflow fails."""


@pytest.fixture
def team(tmp_path: Path) -> Team:
    made = Team(tmp_path / "repo", NOWHERE)
    made.write("policy.yaml", "stages: {Canary: {alias: canary, native: false}}\n")
    made.commit("First", fraud="stages: {Production: 1}\n")
    made.commit(
        "Promote",
        fraud=(
            "stages: {Production: [2, 3], Canary: 4, Staging: null}\naliases: {champion: 2}\n"
            f'versions: {{3: {{run_id: abc, digest: "{DIGEST}"}}}}\n'
        ),
    )
    made.commit("Words", fraud=made_words(made))
    return made


def made_words(team: Team) -> str:
    text = (team.folder / "registry/models/fraud.yaml").read_text()
    return text + "description: Words\n"


def test_the_forms(team: Team) -> None:
    promoted = team.git("rev-parse", "HEAD~1")
    ran = team.run("resolve", "fraud", "Production", "--format", "json")
    assert ran.code == 0, ran.err
    assert {key: ran.json[key] for key in ran.json if key != "at"} == {
        "schema": 1,
        "model": "fraud",
        "stage": "Production",
        "version": 3,
        "uri": "models:/fraud/3",
        "digest": DIGEST,
        "run_id": "abc",
        "commit": promoted,
    }
    as_yaml = yaml.safe_load(team.run("resolve", "fraud", "Production", "--format", "yaml").out)
    assert {"schema": 1, **as_yaml} == ran.json
    lines = team.run("resolve", "fraud", "Production", "--format", "env").out.splitlines()
    assert lines[:4] == [
        "MODEL_NAME=fraud",
        "MODEL_STAGE=Production",
        "MODEL_VERSION=3",
        "MODEL_URI=models:/fraud/3",
    ]
    assert f"MODEL_COMMIT={promoted}" in lines
    text = team.run("resolve", "fraud", "Production").out
    assert "version  3" in text and DIGEST in text


@pytest.mark.parametrize(("stage", "version"), [("Canary", 4), ("@champion", 2)])
def test_stages_of_the_teams_own_and_aliases(team: Team, stage: str, version: int) -> None:
    ran = team.run("resolve", "fraud", stage, "--format", "json")
    assert ran.json["version"] == version and ran.json["digest"] is None
    assert "MODEL_DIGEST=\n" in team.run("resolve", "fraud", stage, "--format", "env").out


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("fraud", "Staging"), 4, "No version of fraud holds Staging"),
        (("fraud", "Prodution"), 64, "There is no stage 'Prodution' of fraud"),
        (("churn", "Production"), 1, "churn never had a manifest"),
        (("fraud", "Production", "--effective"), 4, "No receipt says that a version of fraud"),
    ],
)
def test_what_cannot_be_resolved(
    team: Team, arguments: tuple[str, ...], code: int, text: str
) -> None:
    ran = team.run("resolve", *arguments)
    assert ran.code == code and text in ran.err and not ran.out


def test_a_branch_resolves_nothing(team: Team) -> None:
    """Only what main has was approved."""
    team.git("checkout", "-q", "-b", "mine")
    team.commit("Mine", fraud="stages: {Production: 9}\n")
    ran = team.run("--main", "main", "resolve", "fraud", "Production", "--format", "json")
    assert ran.json["version"] == 3


def test_files_without_a_digest_are_not_fetched(team: Team, tmp_path: Path) -> None:
    ran = team.run("fetch", "fraud", "Canary", "--to", str(tmp_path / "model"))
    assert ran.code == 4 and "git pins no digest of fraud 4" in ran.err
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_there_already_is_not_replaced(team: Team, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "model"
    if kind == "folder":
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path)
    ran = team.run("fetch", "fraud", "Production", "--to", str(target))
    assert ran.code == 4 and "exists, and is not the model fraud 3" in ran.err


def test_a_server_that_is_down_leaves_nothing(team: Team, tmp_path: Path) -> None:
    team.wait_less(answer=0.5, probe=0.5)
    ran = team.run("fetch", "fraud", "Production", "--to", str(tmp_path / "new" / "model"))
    assert ran.code == 1 and list((tmp_path / "new").iterdir()) == []
