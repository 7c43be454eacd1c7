"""Receipts (RULES R6): a chain on a branch, recovered after a crash, pushed by many at once without
losing one."""

from __future__ import annotations

import _thread
import gc
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.core.audit import receipts
from mlflow_gitops.core.audit.receipt_format import receipt_text
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.writer import ReceiptsWriter
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.errors import RegistryFailure
from tests.support.receipts import (
    RECEIPTS_REF,
    drop_receipts,
    receipts_in,
    record,
    rewrite_receipts,
)
from tests.support.registries.lane import LaneRegistry
from tests.support.team import GIT_ENVIRONMENT, Team


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


def receipts_of(team: Team) -> list[receipts.Receipt]:
    return receipts_in(team.folder)


def test_each_run_that_changed_something_leaves_one_file(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(2)
    first = team.commit(**{name: "stages: {Production: 1}\n"})
    ran = team.reconcile()
    second = team.commit(**{name: "stages: {Production: 2}\n"})
    team.reconcile()
    team.reconcile()
    one, two = receipts_of(team)
    assert (one.commit, two.commit) == (first, second)
    branch = "mlflow-gitops/receipts"
    subjects = team.git("log", "--format=%s", branch).splitlines()
    assert subjects == [f"Production of {name}: 1 → 2", f"Production of {name}: – → 1"]
    paths = team.git("ls-tree", "-r", "--name-only", branch).splitlines()
    digests = []
    for path in paths:
        shown = subprocess.check_output(["git", "show", f"{branch}:{path}"], cwd=team.folder)
        digests.append(hashlib.sha256(shown).hexdigest())
    assert {*digests} == {one.digest, two.digest}, "as sha256sum prints it for the file"
    assert paths[0].startswith(f"default/{one.at[:10].replace('-', '/')}/")
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
    changed = second.text.replace('"applied"', '"refused"')
    for texts in ([first.text, changed, third.text], [first.text, third.text]):
        rewrite_receipts(team.folder, texts)
        broken = receipts.broken_links(receipts_of(team))
        assert [receipt.digest for receipt in broken] == [third.digest]
    assert first in receipts_of(team)


def test_a_run_that_died_before_its_receipt_is_made_good(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(2)
    first = team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    # Such a run has written everything but its receipt and the stamp that names it.
    drop_receipts(team.folder)
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
    blocker = team.folder / ".git" / "refs" / "heads" / "mlflow-gitops"
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
    assert receipts_of(clone) == receipts_of(team), "a plain clone has them"
    drop_receipts(clone.folder)
    # A clone without receipts does not take that for a crash.
    ran = clone.run("reconcile", "--yes", "--no-push-receipts")
    assert "Recovered" not in ran.err and receipts_of(clone) == []
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
        ran.code == 5
        and "could not be fetched" in ran.err
        and "recorded here, not pushed" in ran.err
    )
    assert len(receipts_of(team)) == 4, "what cannot be pushed is still kept here"


WRITER = """
import sys
import time
from pathlib import Path
from mlflow_gitops.core.audit import receipts
from mlflow_gitops.core.audit.receipt_format import receipt_text
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.writer import ReceiptsWriter
from mlflow_gitops.edges.git.repository import Git

folder, commit, who, times = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
branch = ReceiptsBranch.of_repository(Git(Path(folder)))
writer = ReceiptsWriter(branch)
for i in range(times):
    # Both begin each round at once.
    (Path(folder).parent / f"{who}-{i}").touch()
    while not all((Path(folder).parent / f"{one}-{i}").exists() for one in ("one", "two")):
        time.sleep(0.001)
    writer.fetch()
    known = receipts.newest(branch.receipts())
    at = f"2026-01-01T00:00:{i % 60:02}Z"
    text = receipt_text({"at": at, "by": who, "run": i, "commit": commit}, known)
    writer.add(Receipt(commit, text, {"at": at, "commit": commit}), f"{who} {i}")
    writer.push()
"""


@pytest.mark.parametrize(
    "times", [5, pytest.param(50, marks=(pytest.mark.real, pytest.mark.weekly))]
)
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
    one.git("fetch", "-q", "origin")
    found = receipts_of(one)
    written = sorted((receipt.content["by"], receipt.content["run"]) for receipt in found)
    assert written == sorted((who, i) for who in ("one", "two") for i in range(times))
    assert receipts.broken_links(found) == []


def test_two_processes_in_one_clone_lose_none(tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", "unused")
    commit = team.commit("Only one")
    script = WRITER.replace("writer.push()", "")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(team.folder), commit, who, "10"],
            env=os.environ | GIT_ENVIRONMENT,
        )
        for who in ("one", "two")
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    assert len(receipts_of(team)) == 20


@pytest.mark.parametrize("is_pushed", [False, True])
def test_receipts_that_come_while_a_run_fetches_stay(tmp_path: Path, is_pushed: bool) -> None:
    """Another process records something just when the remote's receipts come in."""
    team = Team(tmp_path / "repo", "unused")
    commit = team.commit("Only one")
    with_remote(team, tmp_path)
    texts = [
        receipt_text({"at": f"2026-01-01T00:00:0{i}Z", "commit": commit}, None) for i in range(3)
    ]
    record(Git(team.folder), commit, texts[0])
    ReceiptsWriter(ReceiptsBranch.of_repository(Git(team.folder))).push()
    team.git("update-ref", "-d", RECEIPTS_REF)
    if not is_pushed:
        drop_receipts(team.folder)
    record(Git(team.folder), commit, texts[1])

    class Meanwhile(Git):
        def output(self, *args: str, **how: Any) -> str:
            if "for-each-ref" in args and len(receipts_of(team)) < 3:
                record(Git(team.folder), commit, texts[2])
            return super().output(*args, **how)

    ReceiptsWriter(ReceiptsBranch(Meanwhile(team.folder), "origin")).fetch()
    assert [receipt.text for receipt in receipts_of(team)] == texts


def test_receipts_that_the_remote_lost_are_pushed_again(
    team: Team, shelf: LaneRegistry, tmp_path: Path
) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    bare = with_remote(team, tmp_path)
    team.reconcile("--push-receipts")
    team.git("push", "-q", "origin", ":mlflow-gitops/receipts")
    assert pushed(bare) == []
    team.reconcile("--push-receipts")
    assert (
        [receipt.digest for receipt in pushed(bare)]
        == [receipt.digest for receipt in receipts_of(team)]
        != []
    )


def with_remote(team: Team, tmp_path: Path) -> Path:
    bare = tmp_path / "bare.git"
    team.git("init", "-q", "--bare", "-b", "main", str(bare))
    team.git("remote", "add", "origin", str(bare))
    team.git("push", "-q", "-u", "origin", "main")
    return bare


def pushed(bare: Path) -> list[receipts.Receipt]:
    return receipts_in(bare)


@pytest.mark.parametrize("has_remote", [True, False])
def test_receipts_are_pushed_where_there_is_a_remote(
    team: Team, shelf: LaneRegistry, tmp_path: Path, has_remote: bool
) -> None:
    name = shelf.model(2)
    team.commit(**{name: "stages: {Production: 1}\n"})
    bare = with_remote(team, tmp_path) if has_remote else None
    assert team.run("reconcile", "--yes").code == 0
    assert bare is None or pushed(bare) == receipts_of(team) != []
    team.commit(**{name: "stages: {Production: 2}\n"})
    if bare is not None:
        team.git("push", "-q", "origin", "main")
    assert team.run("reconcile", "--yes", "--no-push-receipts").code == 0
    assert len(receipts_of(team)) == 2 and (bare is None or len(pushed(bare)) == 1)


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
        and "applied and recorded here, not pushed" in ran.err
        and "applied, not recorded" not in ran.err
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
    team.reconcile("--no-push-receipts")
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
    team.git("fetch", "-q", "origin")
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
    # Python drops an interruption that arrives in a callback of the garbage collector, and
    # hypothesis has one.
    gc.disable()
    try:
        ran = team.run("reconcile", "--yes", "--jobs", "1")
    finally:
        gc.enable()
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
    first = team.git("rev-parse", RECEIPTS_REF)
    team.commit(**{name: "stages: {Production: 3}\ntags: {task: x}\n"})
    team.reconcile()
    [_, whole] = receipts_of(team)
    team.git("update-ref", RECEIPTS_REF, first)
    assert "Recovered" in team.run("reconcile", "--yes").err
    [_, recovered] = receipts_of(team)
    assert recovered.content["recovered"] is True and recovered.commit == whole.commit
    assert changes_in(recovered) == changes_in(whole) and len(changes_in(whole)) == 5


def test_a_pruned_model_whose_run_died_is_recorded(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    first = team.git("rev-parse", RECEIPTS_REF)
    team.git("rm", "-q", f"registry/models/{name}.yaml")
    gone = team.commit("Retire it")
    team.reconcile("--prune")
    [_, whole] = receipts_of(team)
    team.git("update-ref", RECEIPTS_REF, first)
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


def test_the_branch_can_have_another_name(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    ran = team.run("--receipts-branch", "audit/mlflow", "reconcile", "--yes")
    assert ran.code == 0 and receipts_of(team) == []
    assert team.git("log", "--format=%s", "audit/mlflow") == f"Production of {name}: – → 1"
    assert team.run("--receipts-branch", "audit/mlflow", "verify", name).code == 0


@pytest.mark.parametrize("branch", ["main", "a..b", "-x", "a b"])
def test_a_name_that_cannot_be_the_branchs(team: Team, branch: str) -> None:
    team.commit("First")
    ran = team.run("--receipts-branch", branch, "log")
    assert ran.code == 64 and "receipts-branch" in ran.err, ran
