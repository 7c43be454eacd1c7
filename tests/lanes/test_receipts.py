"""Receipts (RULES R6): a chain in git notes, recovered after a crash, pushed by many at once without losing one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_gitops.core import receipts
from mlflow_gitops.edges.git import Git
from mlflow_gitops.edges.notes import Notes
from tests.lanes.conftest import POLICY, Shelf
from tests.support.team import GIT_ENVIRONMENT, Team


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


def kept(team: Team) -> list[receipts.Receipt]:
    return Notes.of(Git(team.folder)).receipts()


def test_each_run_that_changed_something_leaves_one_line(team: Team, shelf: Shelf) -> None:
    name = shelf.model(2)
    first = team.commit(**{name: "stages: {Production: 1}\n"})
    ran = team.reconcile()
    second = team.commit(**{name: "stages: {Production: 2}\n"})
    team.reconcile()
    team.reconcile()
    one, two = kept(team)
    assert (one.commit, two.commit) == (first, second)
    assert one.line.startswith('{"at":"') and "\n" not in one.line
    assert (
        one.digest == ran.json["receipt"] and two.content["previous"] == one.digest and one.content["previous"] is None
    )
    assert shelf.tags(name)["gitops.receipt"] == two.digest
    assert two.content["by"] == "A Person <a@example.org>" or two.content["by"] is None
    [model] = two.content["models"]
    assert model["model"] == name and model["stages"] == [["Production", 2]]
    assert model["changes"][0] == {
        "action": "transition",
        "version": 2,
        "from": "None",
        "to": "Production",
        "cause": "commit",
        "commit": second,
    }
    assert receipts.broken_links(kept(team)) == []


def test_an_edited_or_deleted_receipt_breaks_the_chain(team: Team, shelf: Shelf) -> None:
    name = shelf.model(3)
    for version in (1, 2, 3):
        team.commit(**{name: f"stages: {{Production: {version}}}\n"})
        team.reconcile()
    one, two, three = kept(team)
    notes = ["notes", "--ref=mlflow-gitops"]
    edited = two.line.replace('"applied"', '"refused"')
    team.git(*notes, "add", "-f", "-m", edited, two.commit)
    assert [broken.digest for broken in receipts.broken_links(kept(team))] == [three.digest]
    team.git(*notes, "remove", two.commit)
    assert [broken.digest for broken in receipts.broken_links(kept(team))] == [three.digest]
    assert one in kept(team)


def test_a_run_that_died_before_its_receipt_is_made_good(
    team: Team, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = shelf.model(2)
    first = team.commit(**{name: "stages: {Production: 1}\n"})
    with monkeypatch.context() as dying:
        dying.setattr("mlflow_gitops.recording.Recorder.record", lambda *_: None)
        team.reconcile()
    assert kept(team) == []
    team.commit("Something else")
    ran = team.run("reconcile", "--yes")
    assert ran.code == 0 and f"Recovered the receipt of an earlier run for {name}" in ran.err
    [recovered] = kept(team)
    assert recovered.commit == first and recovered.content["recovered"] is True and recovered.applied() == {name}
    assert shelf.tags(name)["gitops.receipt"] == recovered.digest
    assert "Recovered" not in team.run("reconcile", "--yes").err


def test_a_receipt_that_cannot_be_kept_is_exit_5(team: Team, shelf: Shelf) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    blocker = team.folder / ".git" / "refs" / "notes"
    blocker.parent.mkdir(parents=True, exist_ok=True)
    blocker.write_text("in the way")
    ran = team.run("reconcile", "--yes", "--format", "json")
    assert ran.code == 5 and "applied, not recorded" in ran.err and ran.json["receipt"] is None
    assert shelf.stages(name) == {1: "Production"}
    blocker.unlink()
    assert "Recovered" in team.run("reconcile", "--yes").err
    assert len(kept(team)) == 1


def test_receipts_reach_the_remote_and_other_clones(team: Team, shelf: Shelf, tmp_path: Path) -> None:
    name = shelf.model(2)
    bare = tmp_path / "bare.git"
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.git("init", "-q", "--bare", "-b", "main", str(bare))
    team.git("remote", "add", "origin", str(bare))
    team.git("push", "-q", "-u", "origin", "main")
    team.reconcile("--push-receipts")
    team.git("clone", "-q", str(bare), str(tmp_path / "clone"))
    clone = Team.__new__(Team)
    clone.folder, clone.uri = tmp_path / "clone", team.uri
    # A clone has no notes, and does not take that for a crash.
    assert "Recovered" not in clone.run("reconcile", "--yes").err and kept(clone) == []
    clone.commit(**{name: "stages: {Production: 2}\n"})
    clone.git("push", "-q")
    clone.reconcile("--push-receipts")
    team.git("pull", "-q")
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.git("push", "-q")
    team.reconcile("--push-receipts")
    chain = kept(team)
    assert [one.content["previous"] for one in chain] == [None, chain[0].digest, chain[1].digest]
    broken = tmp_path / "elsewhere"
    team.git("remote", "set-url", "origin", str(broken))
    team.commit(**{name: "stages: {Production: 2}\n"})
    ran = team.run("--main", "main", "reconcile", "--yes", "--push-receipts")
    assert ran.code == 5 and "could not be fetched" in ran.err and "applied, not recorded" in ran.err
    assert len(kept(team)) == 4, "what cannot be pushed is still kept here"


WRITER = """
import sys
import time
from pathlib import Path
from mlflow_gitops.core import receipts
from mlflow_gitops.edges.git import Git
from mlflow_gitops.edges.notes import Notes

folder, commit, who, times = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
notes = Notes.of(Git(Path(folder)))
for i in range(times):
    # Both begin each round at once.
    (Path(folder).parent / f"{who}-{i}").touch()
    while not all((Path(folder).parent / f"{one}-{i}").exists() for one in ("one", "two")):
        time.sleep(0.001)
    notes.fetch()
    known = receipts.newest(notes.receipts())
    notes.add(commit, receipts.write({"at": f"2026-01-01T00:00:{i % 60:02}Z", "by": who, "run": i, "models": []}, known))
    notes.push()
"""


@pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.real)])
def test_two_processes_push_at_once_and_none_is_lost(tmp_path: Path, times: int) -> None:
    bare = tmp_path / "bare.git"
    one = Team(tmp_path / "one", "unused")
    commit = one.commit("Only one")
    one.git("init", "-q", "--bare", "-b", "main", str(bare))
    one.git("remote", "add", "origin", str(bare))
    one.git("push", "-q", "-u", "origin", "main")
    one.git("clone", "-q", str(bare), str(tmp_path / "two"))
    environment = os.environ | GIT_ENVIRONMENT
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / who), commit, who, str(times)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for who in ("one", "two")
    ]
    for writer in writers:
        _, error = writer.communicate(timeout=300)
        assert writer.returncode == 0, error
    one.git("fetch", "-q", "origin", "+refs/notes/mlflow-gitops:refs/notes/mlflow-gitops")
    found = kept(one)
    written = sorted((receipt.content["by"], receipt.content["run"]) for receipt in found)
    assert written == sorted((who, i) for who in ("one", "two") for i in range(times))
    assert receipts.broken_links(found) == []


def test_two_processes_in_one_clone_lose_none(tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", "unused")
    commit = team.commit("Only one")
    script = WRITER.replace("notes.push()", "")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(team.folder), commit, who, "10"], env=os.environ | GIT_ENVIRONMENT
        )
        for who in ("one", "two")
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    assert len(kept(team)) == 20


def test_a_note_that_people_wrote_stays(team: Team, shelf: Shelf) -> None:
    name = shelf.model(1)
    team.write("policy.yaml", POLICY)
    commit = team.commit(**{name: "stages: {Production: 1}\n"})
    team.git("notes", "--ref=mlflow-gitops", "add", "-m", "Looked at it myself.", commit)
    team.reconcile()
    text = team.git("notes", "--ref=mlflow-gitops", "show", commit)
    assert text.startswith("Looked at it myself.\n{") and json.loads(text.splitlines()[1])["models"]
