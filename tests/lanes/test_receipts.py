"""Receipts (RULES R6): a chain in git notes, recovered after a crash, pushed by many at once
without losing one."""

from __future__ import annotations

import _thread
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.core.audit import receipts
from mlflow_gitops.core.audit.receipt_format import receipt_line
from mlflow_gitops.edges.git.notes import Notes
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.errors import RegistryFailure
from tests.support.registries.lane import POLICY, LaneRegistry
from tests.support.team import GIT_ENVIRONMENT, Team


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


def receipts_of(team: Team) -> list[receipts.Receipt]:
    return Notes.of_repository(Git(team.folder)).receipts()


def test_each_run_that_changed_something_leaves_one_line(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(2)
    first = team.commit(**{name: "stages: {Production: 1}\n"})
    ran = team.reconcile()
    second = team.commit(**{name: "stages: {Production: 2}\n"})
    team.reconcile()
    team.reconcile()
    one, two = receipts_of(team)
    assert (one.commit, two.commit) == (first, second)
    assert one.line.startswith('{"at":"') and "\n" not in one.line
    assert (
        one.digest == ran.json["receipt"]
        and two.content["previous"] == one.digest
        and one.content["previous"] is None
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
    assert receipts.broken_links(receipts_of(team)) == []


def test_one_receipt_explains_several_merges(team: Team, shelf: LaneRegistry) -> None:
    names = [shelf.model(1, "one"), shelf.model(1, "two")]
    for name in names:
        tip = team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    ran = team.run("reconcile", "--yes")
    assert "Recovered" not in ran.err
    [receipt] = receipts_of(team)
    assert (receipt.commit, receipt.applied()) == (tip, set(names))


def test_an_edited_or_deleted_receipt_breaks_the_chain(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(3)
    for version in (1, 2, 3):
        team.commit(**{name: f"stages: {{Production: {version}}}\n"})
        team.reconcile()
    first, second, third = receipts_of(team)
    notes = ["notes", "--ref=mlflow-gitops"]
    edited = second.line.replace('"applied"', '"refused"')
    team.git(*notes, "add", "-f", "-m", edited, second.commit)
    assert [broken.digest for broken in receipts.broken_links(receipts_of(team))] == [third.digest]
    team.git(*notes, "remove", second.commit)
    assert [broken.digest for broken in receipts.broken_links(receipts_of(team))] == [third.digest]
    assert first in receipts_of(team)


def test_a_run_that_died_before_its_receipt_is_made_good(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(2)
    first = team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    # Such a run has written everything but its receipt and the stamp that names it.
    team.git("update-ref", "-d", "refs/notes/mlflow-gitops")
    shelf.client.delete_registered_model_tag(name, "gitops.receipt")
    team.commit("Something else")
    ran = team.run("reconcile", "--yes")
    assert ran.code == 0 and f"Recovered the receipt of an earlier run for {name}" in ran.err
    [recovered] = receipts_of(team)
    assert (
        recovered.commit == first
        and recovered.content["recovered"] is True
        and recovered.applied() == {name}
    )
    assert shelf.tags(name)["gitops.receipt"] == recovered.digest
    assert "Recovered" not in team.run("reconcile", "--yes").err


def test_a_receipt_that_cannot_be_kept_is_exit_5(team: Team, shelf: LaneRegistry) -> None:
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
    assert len(receipts_of(team)) == 1


def test_receipts_reach_the_remote_and_other_clones(
    team: Team, shelf: LaneRegistry, tmp_path: Path
) -> None:
    name = shelf.model(2)
    team.commit(**{name: "stages: {Production: 1}\n"})
    bare = with_remote(team, tmp_path)
    team.reconcile("--push-receipts")
    team.git("clone", "-q", str(bare), str(tmp_path / "clone"))
    clone = Team.__new__(Team)
    clone.folder, clone.uri = tmp_path / "clone", team.uri
    # A clone has no notes, and does not take that for a crash.
    assert "Recovered" not in clone.run("reconcile", "--yes").err and receipts_of(clone) == []
    clone.commit(**{name: "stages: {Production: 2}\n"})
    clone.git("push", "-q")
    clone.reconcile("--push-receipts")
    team.git("pull", "-q")
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.git("push", "-q")
    team.reconcile("--push-receipts")
    chain = receipts_of(team)
    assert [receipt.content["previous"] for receipt in chain] == [
        None,
        chain[0].digest,
        chain[1].digest,
    ]
    broken = tmp_path / "elsewhere"
    team.git("remote", "set-url", "origin", str(broken))
    team.commit(**{name: "stages: {Production: 2}\n"})
    ran = team.run("--main", "main", "reconcile", "--yes", "--push-receipts")
    assert (
        ran.code == 5 and "could not be fetched" in ran.err and "applied, not recorded" in ran.err
    )
    assert len(receipts_of(team)) == 4, "what cannot be pushed is still kept here"


WRITER = """
import sys
import time
from pathlib import Path
from mlflow_gitops.core.audit import receipts
from mlflow_gitops.core.audit.receipt_format import receipt_line
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.git.notes import Notes

folder, commit, who, times = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
notes = Notes.of_repository(Git(Path(folder)))
for i in range(times):
    # Both begin each round at once.
    (Path(folder).parent / f"{who}-{i}").touch()
    while not all((Path(folder).parent / f"{one}-{i}").exists() for one in ("one", "two")):
        time.sleep(0.001)
    notes.fetch()
    known = receipts.newest(notes.receipts())
    at = f"2026-01-01T00:00:{i % 60:02}Z"
    notes.add(commit, receipt_line({"at": at, "by": who, "run": i, "models": []}, known))
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
    found = receipts_of(one)
    written = sorted((receipt.content["by"], receipt.content["run"]) for receipt in found)
    assert written == sorted((who, i) for who in ("one", "two") for i in range(times))
    assert receipts.broken_links(found) == []


def test_two_processes_in_one_clone_lose_none(tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", "unused")
    commit = team.commit("Only one")
    script = WRITER.replace("notes.push()", "")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(team.folder), commit, who, "10"],
            env=os.environ | GIT_ENVIRONMENT,
        )
        for who in ("one", "two")
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    assert len(receipts_of(team)) == 20


def test_a_note_that_people_wrote_stays(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(1)
    team.write("policy.yaml", POLICY)
    commit = team.commit(**{name: "stages: {Production: 1}\n"})
    team.git("notes", "--ref=mlflow-gitops", "add", "-m", "Looked at it myself.", commit)
    team.reconcile()
    text = team.git("notes", "--ref=mlflow-gitops", "show", commit)
    assert text.startswith("Looked at it myself.\n{") and json.loads(text.splitlines()[1])["models"]


def test_a_note_in_another_encoding_stays_as_it_is(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(1)
    commit = team.commit(**{name: "stages: {Production: 1}\n"})
    written = b"Schon gepr\xfcft.\n\nZweite\x0cSeite.\n"
    (team.folder / "note").write_bytes(written)
    team.git(
        "notes", "--ref=mlflow-gitops", "add", "-C", team.git("hash-object", "-w", "note"), commit
    )
    (team.folder / "note").unlink()
    team.reconcile()
    [receipt] = receipts_of(team)
    note = subprocess.check_output(
        ["git", "notes", "--ref=mlflow-gitops", "show", commit], cwd=team.folder
    )
    assert note == written + receipt.line.encode() + b"\n"


def test_receipts_that_come_while_the_remotes_are_merged_stay(tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", "unused")
    commit = team.commit("Only one")
    with_remote(team, tmp_path)
    lines = [receipt_line({"at": f"2026-01-01T00:00:0{i}Z", "models": []}, None) for i in range(3)]
    notes = Notes.of_repository(Git(team.folder))
    notes.add(commit, lines[0])
    notes.push()
    team.git("update-ref", "-d", "refs/notes/mlflow-gitops")
    notes.add(commit, lines[1])

    class Meanwhile(Git):
        """A clone in which another process records something just when receipts are merged."""

        def output(self, *args: str, **how: Any) -> str:
            if "merge" in args and len(receipts_of(team)) < 2:
                notes.add(commit, lines[2])
            return super().output(*args, **how)

    Notes(Meanwhile(team.folder), "origin").fetch()
    assert [receipt.line for receipt in receipts_of(team)] == lines


def test_receipts_that_the_remote_lost_are_pushed_again(
    team: Team, shelf: LaneRegistry, tmp_path: Path
) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    bare = with_remote(team, tmp_path)
    team.reconcile("--push-receipts")
    team.git("push", "-q", "origin", ":refs/notes/mlflow-gitops")
    assert pushed(bare) == []
    team.reconcile("--push-receipts")
    assert (
        [receipt.digest for receipt in pushed(bare)]
        == [receipt.digest for receipt in receipts_of(team)]
        != []
    )


def test_a_clone_that_fetches_all_notes_keeps_receipts_that_are_not_pushed_yet(
    tmp_path: Path,
) -> None:
    team = Team(tmp_path / "repo", "unused")
    commit = team.commit("Only one")
    with_remote(team, tmp_path)
    team.git("config", "--add", "remote.origin.fetch", "+refs/notes/*:refs/notes/*")
    team.git("config", "fetch.prune", "true")
    git = Git(team.folder)
    Notes.of_repository(git).add(
        commit, receipt_line({"at": "2026-01-01T00:00:00Z", "models": []}, None)
    )
    git.fetch()
    assert len(receipts_of(team)) == 1


def with_remote(team: Team, tmp_path: Path) -> Path:
    bare = tmp_path / "bare.git"
    team.git("init", "-q", "--bare", "-b", "main", str(bare))
    team.git("remote", "add", "origin", str(bare))
    team.git("push", "-q", "-u", "origin", "main")
    return bare


def pushed(bare: Path) -> list[receipts.Receipt]:
    return Notes(Git(bare), None).receipts()


def test_what_could_not_be_pushed_is_pushed_by_the_next_run(
    team: Team, shelf: LaneRegistry, tmp_path: Path
) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    bare = with_remote(team, tmp_path)
    bare.rename(tmp_path / "away.git")
    ran = team.run("reconcile", "--yes", "--push-receipts")
    assert (
        ran.code == 5
        and "applied, not recorded" in ran.err
        and shelf.stages(name) == {1: "Production"}
    )
    (tmp_path / "away.git").rename(bare)
    assert pushed(bare) == []
    assert team.run("reconcile", "--yes", "--push-receipts").code == 0, (
        "there is nothing else to do"
    )
    assert [receipt.digest for receipt in pushed(bare)] == [
        receipt.digest for receipt in receipts_of(team)
    ] and len(pushed(bare)) == 1


def test_a_new_clone_recovers_what_was_never_pushed_and_pushes_it(
    team: Team, shelf: LaneRegistry, tmp_path: Path
) -> None:
    name = shelf.model(1)
    commit = team.commit(**{name: "stages: {Production: 1}\n"})
    bare = with_remote(team, tmp_path)
    team.reconcile()
    team.git("clone", "-q", str(bare), str(tmp_path / "clone"))
    clone = Team.__new__(Team)
    clone.folder, clone.uri = tmp_path / "clone", team.uri
    ran = clone.run("reconcile", "--yes", "--push-receipts")
    assert ran.code == 0 and f"Recovered the receipt of an earlier run for {name}" in ran.err
    [receipt] = pushed(bare)
    assert receipt.commit == commit and receipt.content["recovered"] is True
    assert shelf.tags(name)["gitops.receipt"] == receipt.digest


def test_receipts_of_a_shallow_clone_are_the_repositorys(
    team: Team, shelf: LaneRegistry, tmp_path: Path
) -> None:
    name = shelf.model(2)
    team.commit(**{name: "stages: {Production: 1}\n"})
    bare = with_remote(team, tmp_path)
    team.reconcile("--push-receipts")
    second = team.commit(**{name: "stages: {Production: 2}\n"})
    team.git("push", "-q", "origin", "main")
    team.git("clone", "-q", "--depth", "2", bare.as_uri(), str(tmp_path / "shallow"))
    clone = Team.__new__(Team)
    clone.folder, clone.uri = tmp_path / "shallow", team.uri
    assert "Recovered" not in clone.reconcile("--push-receipts").err
    first, last = pushed(bare)
    assert last.commit == second and last.content["owner"] == first.content["owner"] is not None
    assert "Recovered" not in clone.reconcile("--push-receipts").err and len(pushed(bare)) == 2
    team.git("fetch", "-q", "origin", "+refs/notes/mlflow-gitops:refs/notes/mlflow-gitops")
    assert team.run("log", name, "--format", "json").json[-1]["effect"]["result"] == "applied"
    assert team.run("verify", name).code == 0


def test_a_stamp_that_could_not_be_written_is_written_by_the_next_run(
    team: Team, shelf: LaneRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [shelf.model(1, f"m{i}") for i in range(3)]
    team.commit(**{name: "stages: {Production: 1}\n" for name in names})
    set_tag = Registry.set_tag

    def refuses(self: Registry, name: str, version: int | None, key: str, value: str) -> None:
        if key == "gitops.receipt" and name == names[1]:
            raise RegistryFailure("not now")
        set_tag(self, name, version, key, value)

    with monkeypatch.context() as broken:
        broken.setattr(Registry, "set_tag", refuses)
        ran = team.run("reconcile", "--yes")
        assert ran.code == 5 and "applied, not recorded: not now" in ran.err
    [receipt] = receipts_of(team)
    assert [shelf.tags(name).get("gitops.receipt") == receipt.digest for name in names] == [
        True,
        False,
        True,
    ]
    assert team.run("reconcile", "--yes").code == 0
    assert shelf.tags(names[1])["gitops.receipt"] == receipt.digest and len(receipts_of(team)) == 1
    shelf.client.set_registered_model_tag(names[0], "gitops.receipt", "f" * 64)
    assert team.run("reconcile", "--yes").code == 0
    [_, met] = receipts_of(team)
    assert shelf.tags(names[0])["gitops.receipt"] == met.digest
    [model] = met.models()
    assert model.flaws == [{"kind": "lost", "stamp": "f" * 64}], "there is no other clone to ask"


@pytest.mark.parametrize("model", [1, 2])
def test_an_interrupted_run_records_what_was_under_way(
    team: Team, shelf: LaneRegistry, monkeypatch: pytest.MonkeyPatch, model: int
) -> None:
    """Ctrl-C: models under way are finished and recorded, the others are left for the next run."""
    names = [shelf.model(1, f"m{i}") for i in range(4)]
    team.commit(**{name: "stages: {Production: 1}\n" for name in names})
    transition, transitions = Registry.transition, []

    def slow(self: Registry, name: str, version: int, stage: str) -> None:
        transitions.append(name)
        if len(transitions) == model:
            _thread.interrupt_main()
        time.sleep(0.3)
        transition(self, name, version, stage)

    monkeypatch.setattr(Registry, "transition", slow)
    # A shell that starts the tests in the background has them ignore Ctrl-C.
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        ran = team.run("reconcile", "--yes", "--jobs", "1")
    finally:
        signal.signal(signal.SIGINT, earlier)
    assert ran.code == 130 and "interrupted" in ran.err
    done = [name for name in names if shelf.stages(name) == {1: "Production"}]
    [receipt] = receipts_of(team)
    assert 1 <= len(done) < len(names) and receipt.applied() == set(done)
    monkeypatch.undo()
    next_run = team.run("reconcile", "--yes")
    assert next_run.code == 0 and "Recovered" not in next_run.err


def test_what_a_dead_run_did_is_named_by_the_receipt_that_makes_it_good(
    team: Team, shelf: LaneRegistry
) -> None:
    name = shelf.model(3)
    team.commit(**{name: "stages: {Production: 1}\naliases: {champion: 1}\n"})
    team.reconcile()
    first = team.git("rev-parse", "refs/notes/mlflow-gitops")
    team.commit(**{name: "stages: {Production: 3}\ntags: {task: x}\n"})
    team.reconcile()
    [_, whole] = receipts_of(team)
    team.git("update-ref", "refs/notes/mlflow-gitops", first)
    assert "Recovered" in team.run("reconcile", "--yes").err
    [_, recovered] = receipts_of(team)
    assert recovered.content["recovered"] is True and recovered.commit == whole.commit
    assert changes_in(recovered) == changes_in(whole) and len(changes_in(whole)) == 5


def test_a_pruned_model_whose_run_died_is_recorded(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    first = team.git("rev-parse", "refs/notes/mlflow-gitops")
    team.git("rm", "-q", f"registry/models/{name}.yaml")
    gone = team.commit("Retire it")
    team.reconcile("--prune")
    [_, whole] = receipts_of(team)
    team.git("update-ref", "refs/notes/mlflow-gitops", first)
    assert (
        f"Recovered the receipt of an earlier run for {name}" in team.run("reconcile", "--yes").err
    )
    [_, recovered] = receipts_of(team)
    assert (
        recovered.commit == gone
        and changes_in(recovered) == changes_in(whole)
        and changes_in(whole)
    )
    assert shelf.tags(name)["gitops.receipt"] == recovered.digest


def changes_in(receipt: receipts.Receipt) -> list[tuple[object, ...]]:
    """The changes that a receipt names, whether its run made or found them."""
    [model] = receipt.models()
    changes = (*model.changes, *model.already_applied)
    return sorted(
        (c["action"], c.get("version") or 0, c.get("key") or "", str(c.get("to"))) for c in changes
    )
