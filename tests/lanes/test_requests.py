"""What reaches the server, counted through a proxy: as many requests as there are pages, and no
write for nothing."""

from __future__ import annotations

import base64
import math
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from mlflow_gitops.core.audit import receipts
from mlflow_gitops.core.audit.receipt_format import receipt_text
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.mlflow import searches
from tests.support.proxy import Proxy, proxy
from tests.support.receipts import record
from tests.support.registries.lane import LaneRegistry, uncrowded
from tests.support.team import Team
from tests.support.together import Shared

MANY = 1_200
RUN_AT = "2026-01-01T00:00:00Z"


def test_a_plan_with_nothing_to_do_asks_for_pages_alone(
    http_server: Shared, tmp_path: Path
) -> None:
    with proxy(http_server.address) as between, uncrowded(http_server):
        asks_for_pages_alone(between, http_server.folder / "mlflow.db", tmp_path)


def asks_for_pages_alone(between: Proxy, database: Path, tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", between.address)
    # Behind all others' in a listing: coming and going, they move no row of theirs from page to
    # page.
    names = [f"zzz-crowd-{i:04}" for i in range(MANY)]
    commit = team.commit(**{name: "stages: {Production: 1}\n" for name in names})
    move = {"action": "transition", "version": 1, "commit": commit}
    applied = [{"model": name, "result": "applied", "changes": [move]} for name in names]
    owner = f"{commit}:registry"
    receipt = {"at": RUN_AT, "began": RUN_AT, "owner": owner, "models": applied}
    line = receipt_text(receipt, None)
    fill(database, names, commit, receipts.Receipt(commit, line, receipt).digest)
    between.reset()
    ran = team.run("plan", "--detailed-exitcode", "--format", "json")
    assert (
        ran.code == 0
        and ran.json["summary"].items()
        >= {
            "models": MANY,
            "changed": 0,
            "changes": 0,
            "refused": 0,
            "invalid": 0,
        }.items()
    )
    pages = math.ceil(MANY / searches.MODELS_A_PAGE) + math.ceil(MANY / searches.VERSIONS_A_PAGE)
    assert len(between.requests) == pages == 3, between.requests
    assert between.writes == []
    record(Git(team.folder), commit, line)
    between.reset()
    assert team.run("reconcile", "--yes").code == 0
    assert len(between.requests) == pages and between.writes == []
    empty(database)


@pytest.fixture
def uri(http_uri: str) -> str:
    return http_uri


def test_a_promotion_reads_its_model_before_and_after_and_writes_each_thing_once(
    team: Team, shelf: LaneRegistry, http_uri: str
) -> None:
    name = shelf.model(2)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    team.commit(**{name: "stages: {Production: 2}\n"})
    with proxy(http_uri) as between:
        assert team.run("reconcile", name, "--yes", uri=between.address).code == 0
        counted = Counter(path.rpartition("/mlflow/")[2] for _, path in between.requests)
    # The plan, the model again before writing, before the second move, and once more to read back.
    assert counted["registered-models/search"] == counted["model-versions/search"] == 4
    assert counted["model-versions/transition-stage"] == 2
    assert counted["registered-models/alias"] == 1
    # commit and author of both versions, the new one's held stamp; the model's time, commit and
    # receipt.
    assert counted["model-versions/set-tag"] <= 5 and counted["registered-models/set-tag"] == 3


def test_models_that_are_written_side_by_side_share_their_readings(
    team: Team, shelf: LaneRegistry, http_uri: str
) -> None:
    """Before the writes, between the moves and after the writes, all of them are read at once."""
    names = [shelf.model(2, f"model-{letter}") for letter in "abcd"]
    team.commit(**{name: "stages: {Production: 1}\n" for name in names})
    team.reconcile()
    team.commit(**{name: "stages: {Production: 2}\n" for name in names})
    team.wait_less(shared_read=120.0)  # a busy machine makes a model slow
    with proxy(http_uri) as between:
        ran = team.run("reconcile", *names, "--yes", "--jobs", "4", uri=between.address)
        assert ran.code == 0, ran.out + ran.err
        counted = Counter(path.rpartition("/mlflow/")[2] for _, path in between.requests)
    assert counted["registered-models/search"] == counted["model-versions/search"] == 1 + 3
    assert counted["model-versions/transition-stage"] == 2 * len(names)
    assert {tuple(shelf.stages(name).values()) for name in names} == {("Archived", "Production")}


def test_credentials_come_from_mlflows_own_settings(
    team: Team, shelf: LaneRegistry, http_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    with proxy(http_uri) as between:
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-token")
        assert team.run("reconcile", name, "--yes", uri=between.address).code == 0
        assert between.credentials == {"Bearer a-token"}
        between.reset()
        monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
        ran = team.run(
            "plan", name, "--format", "json", uri=between.address.replace("://", "://me:pa55word@")
        )
        assert ran.code == 0 and "pa55word" not in ran.out + ran.err
        [sent] = between.credentials
        assert sent is not None and base64.b64decode(sent.removeprefix("Basic ")) == b"me:pa55word"


def fill(database: Path, names: list[str], commit: str, receipt: str) -> None:
    """Models as a reconcile leaves them, put straight into MLflow's tables: through the API it
    would take minutes."""
    tags = {
        "gitops.commit": commit,
        "gitops.owner": f"{commit}:registry",
        "gitops.at": RUN_AT,
        "gitops.receipt": receipt,
    }
    version_tags = {"gitops.commit": commit, "gitops.author": "A Person <a@example.org>"}
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT INTO registered_models (name, creation_time, last_updated_time, description)"
            " VALUES (?, 1, 1, '')",
            [(name,) for name in names],
        )
        connection.executemany(
            "INSERT INTO registered_model_tags (key, value, name) VALUES (?, ?, ?)",
            [(key, value, name) for name in names for key, value in tags.items()],
        )
        connection.executemany(
            "INSERT INTO model_versions (name, version, creation_time, last_updated_time,"
            " current_stage, status, source) VALUES (?, 1, 1, 1, 'Production', 'READY',"
            " 's3://models/1')",
            [(name,) for name in names],
        )
        connection.executemany(
            "INSERT INTO model_version_tags (key, value, name, version) VALUES (?, ?, ?, 1)",
            [(key, value, name) for name in names for key, value in version_tags.items()],
        )


def empty(database: Path) -> None:
    """Take them out again: other tests share the server."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for table in (
            "model_version_tags",
            "model_versions",
            "registered_model_tags",
            "registered_models",
        ):
            connection.execute(f"DELETE FROM {table} WHERE name LIKE 'zzz-crowd-%'")
