"""Receipts that cannot be read, such as some of gigabytes, stop nothing but what only they can
decide."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlflow_gitops.core.audit import receipt_reader
from mlflow_gitops.edges.git.receipts import files, limits, reading
from tests.support.receipts import add_receipt
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


def a_large_receipt(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_RECEIPT", 100)
    add_receipt(team.folder, "x" * 101)


def many_receipts(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_RECEIPTS", 100)
    for text in ("x" * 60, "y" * 60):
        add_receipt(team.folder, text)


def too_many_receipts(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipt_reader, "MAX_MEMORY", 3_000)
    for second in range(2):
        text = f'{{"at":"2026-01-01T00:00:0{second}Z"}}'
        add_receipt(team.folder, text, team.git("rev-parse", "HEAD"))


def a_long_listing(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_LISTING", 40)
    monkeypatch.setattr(files, "MAX_LISTING", 40)


@pytest.mark.parametrize(
    "spoil", [a_large_receipt, many_receipts, too_many_receipts, a_long_listing]
)
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
        a_large_receipt(team, spoiled)
        team.commit(**{name: "stages: {Production: 2}\n"})
        assert team.run("reconcile", "--yes").code == 5
    assert team.reconcile().code == 0
    verified = team.run("verify")
    assert verified.code == 4 and "recovered: no run recorded what it did" in verified.out
    assert "is not the receipt that its name says" in verified.out
    lines = [line.strip() for line in verified.out.splitlines() if "Audit-Ack:" in line]
    assert len(lines) == 2
    message = "\n".join(line.replace("REASON", "seen") for line in lines)
    team.commit(f"The receipt was too large\n\n{message}")
    assert team.run("verify").code == 0
