"""Random histories with receipts: `log` says what happened in a simulated world (RULES R6, R7).

Drift, renames (also back to an earlier name), merges, reverts, deleted manifests, crashes,
receipts that vanish and acknowledgements come in any order; the world says what is to be shown,
without reading any receipt."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.app.audit.selection import select_events
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.settings import Settings
from tests.support.core.random_records import SERVED, Model, Run, Versions, World, random_world

HISTORIES = int(os.environ.get("MLFLOW_GITOPS_FUZZ", "60")) // 5
"""`make prove` tries a thousand."""

RECORDED = ("stage", "renamed", "drift")


def expected_of(world: World, model: Model) -> list[tuple[Any, ...]]:
    """What is to be shown of one model, whatever its name was."""
    runs = sorted(
        (run for run in model.runs if run.digest not in world.vanished), key=lambda run: run.index
    )
    return [*_changes(world, model, runs), *_drift(world, model, runs)]


def _changes(world: World, model: Model, runs: list[Run]) -> Iterator[tuple[Any, ...]]:
    before: Versions = {}
    for index, versions in enumerate(model.declared):
        commit, now = world.commits[index], versions or {}
        if index and model.names[index] != model.names[index - 1]:
            yield "renamed", commit, model.names[index - 1], model.names[index]
        for stage in SERVED:
            old, new = _holders(before, stage), _holders(now, stage)
            if old != new:
                effect = _effect(world, model, index, stage, new, runs)
                yield "stage", commit, model.names[index], stage, old, new, effect
        before = now


def _holders(versions: Versions | None, stage: str) -> tuple[int, ...]:
    return tuple(version for version, held in (versions or {}).items() if held == stage)


def _effect(
    world: World, model: Model, index: int, stage: str, new: tuple[int, ...], runs: list[Run]
) -> tuple[str, str] | None:
    run = next((run for run in runs if run.index >= index), None)
    if run is None:
        return None
    for later in range(index + 1, run.index + 1):
        if _holders(model.declared[later], stage) != _holders(model.declared[later - 1], stage):
            return "superseded", world.times[later]
    is_there = any((version, stage) in run.found for version in new)
    is_adopted = run is runs[0] and not run.recovered and is_there
    return "adopted" if is_adopted else "applied", run.at


def _drift(world: World, model: Model, runs: list[Run]) -> Iterator[tuple[Any, ...]]:
    order = [receipt.digest for receipt in world.receipts]
    for drift in world.drift:
        if drift.model is not model or drift.digest in world.vanished:
            continue
        position = order.index(drift.digest)
        known = [run for run in runs if not run.recovered]
        earlier = [run.at for run in known if order.index(run.digest) < position]
        right_at = max(earlier, default=None)
        yield "drift", drift.stage, drift.had, drift.right, drift.found_at, right_at


def shown(audited: AuditedEvent) -> tuple[Any, ...]:
    """One event as the product shows it."""
    event, effect = audited.event, audited.effect
    if event.kind == "renamed":
        return "renamed", event.commit.sha, *(event.renamed or ())
    if event.kind == "drift":
        return "drift", event.stage, event.before, event.after, event.found_at, event.right_at
    took_effect = (effect.result, effect.at) if effect else None
    sha = event.commit.sha
    return "stage", sha, event.model, event.stage, event.before, event.after, took_effect


def flaws_expected(world: World) -> Counter[tuple[str, bool]]:
    return Counter(
        (kind, any(digest.startswith(known) for known in world.acknowledged))
        for kind, digest, _ in world.flaws
        if digest not in world.vanished
    )


def flaws_shown(events: list[AuditedEvent]) -> Counter[tuple[str, bool]]:
    details = [audited.event.detail or "" for audited in events if audited.event.kind == "flaw"]
    return Counter((text.split(":")[0], "; acknowledged by" in text) for text in details)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_log_says_what_happened(tmp_path: Path, seed: int) -> None:
    world = random_world(tmp_path / "world", seed)
    now = datetime.fromtimestamp(world.clock + 60, timezone.utc)
    everything: Counter[tuple[Any, ...]] = Counter()
    for model in world.models:
        workspace = Workspace(Settings(repo=tmp_path / "world", now=lambda: now))
        trail = AuditTrail(workspace, model.name)
        events = trail.audit(select_events(trail, None, None, None))
        found = Counter(shown(event) for event in events if event.event.kind != "flaw")
        expected = Counter(expected_of(world, model))
        assert found == expected, model.names
        everything += expected

    trail = AuditTrail(Workspace(Settings(repo=tmp_path / "world", now=lambda: now)))
    events = trail.audit(select_events(trail, None, None, None))
    assert flaws_shown(events) == flaws_expected(world)
    found = Counter(shown(event) for event in events if event.event.kind in RECORDED)
    assert found == everything
