"""What is compared after a run: all that MLflow holds of a scene's models, and what the receipts
say was done."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from mlflow_gitops.core.audit import receipts
from mlflow_gitops.core.audit.receipts import RECEIPT_TAG, Receipt
from mlflow_gitops.core.observed.model import AT_TAG, HELD_PREFIX

State = dict[str, Any]


def state(database: Path, models: Sequence[str], known: Sequence[Receipt]) -> State:
    """Models by name. Times are left out of the stamps, and a receipt's digest is replaced by its
    commit: those differ from run to run."""
    commits = {receipt.digest: receipt.commit for receipt in known}
    found: State = {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        for name in models:
            rows = connection.execute(
                "SELECT description FROM registered_models WHERE name = ?", (name,)
            ).fetchall()
            if not rows:
                continue
            found[name] = {
                "description": rows[0][0] or "",
                "tags": _tags(connection, "registered_model_tags WHERE name = ?", (name,), commits),
                "aliases": dict(
                    connection.execute(
                        "SELECT alias, version FROM registered_model_aliases WHERE name = ?",
                        (name,),
                    )
                ),
                "versions": {
                    row[0]: {
                        "stage": row[1],
                        "description": row[2] or "",
                        "source": row[3],
                        "tags": _tags(
                            connection,
                            "model_version_tags WHERE name = ? AND version = ?",
                            (name, row[0]),
                            commits,
                        ),
                    }
                    for row in connection.execute(
                        "SELECT version, current_stage, description, source FROM model_versions"
                        " WHERE name = ? AND current_stage != 'Deleted_Internal' ORDER BY version",
                        (name,),
                    )
                },
            }
    return found


def _tags(
    connection: sqlite3.Connection,
    where: str,
    arguments: tuple[object, ...],
    commits: dict[str, str],
) -> dict[str, str]:
    tags = dict(
        connection.execute(f"SELECT key, value FROM {where} ORDER BY key", arguments).fetchall()
    )
    for key, value in tags.items():
        if key == AT_TAG:
            tags[key] = "then"
        elif key.startswith(HELD_PREFIX):
            tags[key] = value.partition("@")[0]
        elif key == RECEIPT_TAG:
            tags[key] = commits.get(value, f"unknown: {value}")
    return tags


def told(known: Sequence[Receipt]) -> dict[str, set[str]]:
    """What the receipts say of each model: the commits that it was brought to, and the changes that
    brought it there, done by the run or found done. Healed drift is left out: once a run that
    healed it is dead, nobody knows that there was any."""
    said: dict[str, set[str]] = {}
    for receipt in known:
        for model in receipt.models():
            facts = said.setdefault(model.model, set())
            if model.is_applied:
                facts.add(f"applied {receipt.commit}")
            for change in (*model.changes, *model.already_applied):
                if change.get("cause") != "drift":
                    facts.add(
                        json.dumps([change.get(key) for key in ("action", "version", "key", "to")])
                    )
    return {name: facts for name, facts in said.items() if facts}


def chain_holds(known: Sequence[Receipt]) -> bool:
    return not receipts.broken_links(known)
