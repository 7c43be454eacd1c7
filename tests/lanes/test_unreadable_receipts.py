"""Receipts that cannot be read, such as notes of gigabytes, stop nothing but what only they can
decide."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from mlflow_gitops.core.audit.receipts import NOTES_REF
from mlflow_gitops.edges.git import notes
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


def a_large_note(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MAX_NOTE", 100)
    put(team, "x" * 101)


def many_notes(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MAX_NOTES", 100)
    for text in ("x" * 60, "y" * 60):
        put(team, text)


def too_many_receipts(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow_gitops.core.audit import receipts

    monkeypatch.setattr(receipts, "MAX_MEMORY", 3_000)
    put(team, '{"at":"2026-01-01T00:00:00Z"}\n{"at":"2026-01-01T00:00:01Z"}')


def a_long_listing(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "_MAX_LISTING", 40)
    put(team, "x")


_IDS = count(1)


def put(team: Team, text: str) -> None:
    """Put a note on an id of its own, without a commit."""
    file = team.folder / "note"
    file.write_text(text)
    blob = team.git("hash-object", "-w", "note")
    file.unlink()
    commit = team.git("commit-tree", "HEAD^{tree}", "-m", f"Odd {next(_IDS)}")
    team.git("notes", f"--ref={NOTES_REF}", "add", "-f", "-C", blob, commit)


@pytest.mark.parametrize("spoil", [a_large_note, many_notes, too_many_receipts, a_long_listing])
def test_healing_and_applying_go_on(
    spoil: Callable[[Team, pytest.MonkeyPatch], None],
    team: Team,
    shelf: LaneRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drifted, changed, unstamped = (shelf.model(2, name) for name in ("a", "b", "c"))
    team.commit(**{drifted: "stages: {Production: 1}\n", changed: "stages: {Production: 1}\n"})
    team.reconcile()
    spoil(team, monkeypatch)
    shelf.client.transition_model_version_stage(drifted, "2", "Production")
    team.commit(**{changed: "stages: {Production: 2}\n", unstamped: "stages: {Production: 1}\n"})

    ran = team.run("reconcile", "--yes", "--format", "json")
    results = {model["model"]: model["result"] for model in ran.json["models"]}
    assert results == {drifted: "applied", changed: "applied", unstamped: "refused"}
    assert shelf.stages(drifted)[1] == "Production" and shelf.stages(changed)[2] == "Production"
    [refused] = [model for model in ran.json["models"] if model["model"] == unstamped]
    assert [refusal["code"] for refusal in refused["refusals"]] == ["receipts_unreadable"]
    assert ran.code == 5 and ran.err.count("so they are not read") == 1

    plan = team.run("plan", "--format", "json")
    assert plan.code == 4 and "Traceback" not in plan.err
    for reader in ("log", "verify"):
        read = team.run(reader)
        assert read.code == 1 and "so they are not read" in read.err


def test_the_next_run_recovers_the_receipt(
    team: Team, shelf: LaneRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = shelf.model(2)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    with monkeypatch.context() as spoiled:
        a_large_note(team, spoiled)
        team.commit(**{name: "stages: {Production: 2}\n"})
        assert team.run("reconcile", "--yes").code == 5
    assert team.reconcile().code == 0
    verified = team.run("verify")
    assert verified.code == 4 and "recovered: no run recorded what it did" in verified.out
    [line] = [line.strip() for line in verified.out.splitlines() if "Audit-Ack:" in line]
    team.commit(f"The note was too large\n\n{line.replace('REASON', 'seen')}")
    assert team.run("verify").code == 0
