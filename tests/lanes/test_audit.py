"""Effects in the audit trail come from the receipts of real reconciles (RULES R6, R7)."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.core.audit import receipts
from tests.support.receipts import drop_receipts, edited, receipts_in, rewrite_receipts
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


def events(team: Team, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = team.run("log", "--format", "json", *options).json
    return found


def receipts_of(team: Team) -> list[receipts.Receipt]:
    return receipts_in(team.folder)


def test_an_event_took_effect_when_a_run_applied_it(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(4)
    team.commit(**{name: "stages: {Production: 1}\naliases: {best: 1}\n"})
    team.reconcile()
    team.commit(**{name: "stages: {Production: 2, Staging: 4}\naliases: {best: 2}\n"})
    third = team.commit(**{name: "stages: {Production: 3, Staging: 4}\naliases: {best: 2}\n"})
    pending = events(team, name)
    assert [e["effect"] is None for e in pending] == [False, False, True, True, True, True]
    team.reconcile()
    first, second = receipts_of(team)
    effects = {(e["stage"], *e["to"]): e["effect"] for e in events(team, name)}
    assert effects == {
        ("@best", 1): {"at": first.at, "result": "applied"},
        ("Production", 1): {"at": first.at, "result": "applied"},
        ("@best", 2): {"at": second.at, "result": "applied"},
        ("Production", 2): {"at": events(team, name)[-1]["at"], "result": "superseded"},
        ("Staging", 4): {"at": second.at, "result": "applied"},
        ("Production", 3): {"at": second.at, "result": "applied"},
    }
    assert pending[-1]["commit"] == third
    assert f"✓ applied {second.at[:10]} {second.at[11:16]}" in team.run("log", name).out


def test_a_receipt_of_another_environment_or_of_an_edited_line_is_no_effect(
    team: Team, shelf: LaneRegistry
) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    [own_receipt] = receipts_of(team)
    elsewhere = edited(own_receipt, owner=f"{own_receipt.content['owner']}:elsewhere")
    rewrite_receipts(team.folder, [elsewhere])
    assert [e["effect"] for e in events(team, name)] == [None]
    rewrite_receipts(team.folder, ['{"at":1,"models":7}', '{"at":"x"', "for people"])
    assert [e["effect"] for e in events(team, name)] == [None]


def test_people_come_from_the_receipt_where_it_looked_them_up(
    team: Team, shelf: LaneRegistry
) -> None:
    name = shelf.model(2)
    first = team.commit(
        "Promote (#1)\n\nApproved-by: Mallory <m@example.org>",
        **{name: "stages: {Production: 1}\n"},
    )
    team.reconcile()
    second = team.commit(
        "Promote 2 (#2)\n\nApproved-by: Mallory <m@example.org>",
        **{name: "stages: {Production: 2}\n"},
    )
    team.reconcile()
    one, two = receipts_of(team)
    people = {
        "commit": first,
        "pr": 41,
        "pr_source": "api",
        "merged_by": "@maintainer",
        "approved_by": ["@lee"],
    }
    claimed = {
        "commit": second,
        "pr": 2,
        "pr_source": "message",
        "merged_by": None,
        "approved_by": [],
    }
    texts = []
    for receipt, vouched in ((one, people), (two, claimed)):
        models = [{**receipt.content["models"][0], "people": [vouched, "nonsense", {"commit": 7}]}]
        texts.append(edited(receipt, models=models))
    rewrite_receipts(team.folder, texts)
    told, later = [event for event in events(team, name) if event["type"] == "stage"]
    assert (told["pr"], told["pr_source"], told["approved_by"]) == (41, "api", ["@lee"])
    assert told["approved_by_source"] == "receipt"
    assert (
        later["approved_by"] == ["Mallory <m@example.org>"]
        and later["approved_by_source"] == "message"
    )
    assert (later["pr"], later["pr_source"]) == (2, "message")


def test_what_mlflow_really_had(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(3)
    first = team.commit(**{name: "stages: {Production: 1}\naliases: {best: 1}\n"})
    team.reconcile()
    team.commit(**{name: "stages: {Production: 2}\n"})
    between = team.run("show", name, "--effective", "--format", "json").json["models"]
    declared = team.run("show", name, "--format", "json").json["models"][0]["stages"]
    [one] = receipts_of(team)
    assert declared == {"Production": [2]}
    since = {"at": one.at, "commit": first}
    assert between == [
        {
            "model": name,
            "stages": {"@best": [1], "Production": [1]},
            "since": {"@best": since, "Production": since},
        }
    ]
    third = team.commit(**{name: "stages: {Production: 3}\n"})
    team.reconcile()
    second = receipts_of(team)[-1]
    [now] = team.run("show", name, "--effective", "--format", "json").json["models"]
    assert now["stages"] == {"Archived": [1], "Production": [3]}
    assert now["since"]["Production"] == {"at": second.at, "commit": third}
    assert {stage: list(versions) for stage, versions in _stages(shelf, name).items()} == now[
        "stages"
    ]
    [earlier] = team.run("show", name, "--effective", "--at", one.at, "--format", "json").json[
        "models"
    ]
    assert earlier["stages"] == {"@best": [1], "Production": [1]}
    assert team.run("show", name, "--effective", "--at", first, "--format", "json").json[
        "models"
    ] == [earlier]
    assert (
        team.run("show", name, "--effective", "--at", "2020-01-01", "--format", "json").json[
            "models"
        ]
        == []
    )


def test_what_mlflow_really_had_though_a_run_left_no_receipt_and_a_clock_was_put_back(
    team: Team, shelf: LaneRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = shelf.model(3)

    def agrees() -> None:
        [now] = team.run("show", name, "--effective", "--format", "json").json["models"]
        assert now["stages"] == {stage: list(held) for stage, held in _stages(shelf, name).items()}

    team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    team.commit(**{name: "stages: {Production: 2}\n"})
    team.reconcile()
    rewrite_receipts(team.folder, [receipts_of(team)[0].text])
    team.reconcile()
    assert receipts_of(team)[-1].content["recovered"] is True
    agrees()
    team.commit(**{name: "stages: {Production: 3}\n"})
    settings = team.settings
    team.settings = replace(settings, now=lambda: datetime(2026, 1, 1, tzinfo=timezone.utc))
    team.reconcile()
    team.settings = settings
    agrees()
    stamp = shelf.tags(name)["gitops.receipt"]
    team.reconcile()
    assert shelf.tags(name)["gitops.receipt"] == stamp, "the stamp names the newest receipt"


def _stages(shelf: LaneRegistry, name: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for version, stage in shelf.stages(name).items():
        if stage != "None":
            found.setdefault(stage, []).append(version)
    return dict(sorted(found.items()))


def test_a_clone_shows_effects_once_it_has_the_receipts(
    team: Team, shelf: LaneRegistry, tmp_path: Any
) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.git("init", "-q", "--bare", "-b", "main", str(tmp_path / "bare.git"))
    team.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    team.git("push", "-q", "-u", "origin", "main")
    team.reconcile("--push-receipts")
    team.git(
        *("clone", "-q", "--single-branch"), str(tmp_path / "bare.git"), str(tmp_path / "clone")
    )
    clone = Team.__new__(Team)
    clone.folder, clone.uri = tmp_path / "clone", team.uri
    ran = clone.run("log", name)
    assert ran.code == 0 and "applied" not in ran.out
    command = shlex.split(ran.err.partition("Fetch them with: ")[2])
    clone.git(*command[1:])
    ran = clone.run("log", name)
    assert "✓ applied" in ran.out and not ran.err


def test_drift_that_was_healed_is_an_event(team: Team, shelf: LaneRegistry, tmp_path: Path) -> None:
    name = shelf.model(3)
    team.commit(**{name: "stages: {Production: 1}\naliases: {best: 1}\n"})
    team.reconcile()
    shelf.client.set_registered_model_alias(name, "best", "3")
    shelf.client.transition_model_version_stage(name, "2", "Production")
    team.reconcile()
    first, healed = receipts_of(team)
    drift = {e["stage"]: e for e in events(team, name) if e["type"] == "drift"}
    assert {stage: (e["from"], e["to"]) for stage, e in drift.items()} == {
        "@best": ([3], [1]),
        "Production": ([2], []),
    }
    for event in drift.values():
        assert (event["right_at"], event["at"]) == (first.at, healed.at)
        assert event["author"] is None and event["effect"] is None, (
            "its commit's author did nothing"
        )
        assert first.at < event["found_at"] <= healed.at
    assert [e["type"] for e in events(team, "--stage", "@best")] == ["stage", "drift"]
    assert {e["type"] for e in events(team, "--since", healed.at)} == {"drift"}
    assert "drift" not in {e["type"] for e in events(team, "--until", first.at)}
    text = team.run("log", name).out
    assert "drift 3 → 1" in text and "alias best: MLflow had 3, put back to 1" in text

    team.run("report", "--out", str(tmp_path), "--offline")
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "alias best: MLflow had 3, put back to 1; it came about after" in page

    before = team.run("show", "--effective", "--at", first.at, "--format", "json").json
    assert [found["stage"] for found in before["models"][0]["drift"]] == ["Production", "@best"]
    assert "nobody knows" in team.run("show", "--effective", "--at", first.at).out
    after = team.run("show", "--effective", "--format", "json").json
    assert "drift" not in after["models"][0]


def test_what_was_there_before_the_first_run_is_adopted(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(2)
    shelf.client.transition_model_version_stage(name, "1", "Production")
    team.commit(**{name: "stages: {Production: 1, Staging: 2}\n"})
    team.reconcile()
    results = {e["stage"]: e["effect"]["result"] for e in events(team, name)}
    assert results == {"Production": "adopted", "Staging": "applied"}
    assert "✓ adopted" in team.run("log", name).out


def test_a_flaw_of_the_record_is_an_event_until_it_is_acknowledged(
    team: Team, shelf: LaneRegistry, tmp_path: Path
) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    drop_receipts(team.folder)
    team.reconcile()
    flaws = [e for e in events(team, name) if e["type"] == "flaw"]
    assert [e["detail"].partition(":")[0] for e in flaws] == ["recovered", "lost"]
    [digest] = {e["detail"].partition("Audit-Ack: ")[2].split()[0] for e in flaws}
    team.commit(f"Seen\n\nAudit-Ack: {digest} the disk was full")
    for event in (e for e in events(team, name) if e["type"] == "flaw"):
        assert "claims: the disk was full" in event["detail"]
    assert team.run("verify").code == 0
    team.run("report", "--out", str(tmp_path), "--offline")
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "claims: the disk was full" in page and "Audit-Ack: " not in page
