"""The audit trail is what every commit of the main line, read whole and compared with its
neighbour, tells (RULES R7)."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from mlflow_gitops.core.audit.events import Event, declared_stages, in_order, model_timelines
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.line.file_choice import (
    IncompleteHistory,
    files_of_models,
    files_since,
)
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.edges.git.index.history_index import HistoryIndex
from mlflow_gitops.edges.git.repository import Git
from tests.support.core import fast_audit, slow_audit
from tests.support.git_histories import REGISTRY, START, Repo, random_history

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "5"))


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_events_are_what_neighbouring_commits_tell(tmp_path: Path, seed: int) -> None:
    rng = random.Random(7_000 + seed)
    repo = Repo(tmp_path)
    history = random_history(rng, rng.randint(2, 16))
    ids = repo.build(history)
    main = [ids[i] for i in history.main]
    git = Git(tmp_path)
    line = git.line(main[-1], REGISTRY)
    found = fast_audit.events(git, line)
    assert line.shas == main
    line.date(START + 86_400)
    assert line.times == slow_audit.times(repo, main, START + 86_400)
    assert found == slow_audit.events(repo, main)
    for _ in ("a new index", "an index that has everything"):
        git.index = HistoryIndex(tmp_path / ".git", "main", REGISTRY.paths)
        indexed = git.first_parent_line(main[-1])
        indexed.date()
        git.add_changes(indexed, REGISTRY.paths, is_main_line=True)
        assert fast_audit.events(git, indexed) == found


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_later_events_need_only_later_commits(tmp_path: Path, seed: int) -> None:
    """From each commit on, with the files that the index of the line says decide that."""
    rng = random.Random(7_500 + seed)
    repo = Repo(tmp_path)
    history = random_history(rng, rng.randint(3, 14))
    tip = repo.build(history)[history.main[-1]]
    git = Git(tmp_path)
    git.index = HistoryIndex(tmp_path / ".git", "main", REGISTRY.paths)
    whole = git.first_parent_line(tip)
    git.add_changes(whole, REGISTRY.paths, is_main_line=True)
    expected = _model_events(git, whole, 0)
    for start in range(1, len(whole.shas)):
        line = git.first_parent_line(tip)
        line.date()
        later = [event for event in expected if event.index >= start]
        assert _events_since(git, line, start) == later
    for model in ("alpha", "beta", "gamma", "ALPHA"):
        line = git.first_parent_line(tip)
        line.date()
        git.add_changes(line, REGISTRY.paths, choose=files_of_models(REGISTRY, [model]))
        assert _events_of(git, line, model) == _events_of(git, whole, model)


def _events_since(git: Git, line: MainLine, start: int) -> list[Event]:
    for shortens in (True, False):
        git.add_changes(
            line, REGISTRY.paths, choose=files_since(REGISTRY, start, shortens=shortens)
        )
        try:
            return _model_events(git, line, start)
        except IncompleteHistory:
            assert shortens and line.is_shortened
            line.changes.clear()
    raise AssertionError("the whole history is incomplete")


def _model_events(git: Git, line: MainLine, start: int) -> list[Event]:
    timelines = model_timelines(line, HistoryReader(line, REGISTRY, git.blobs), since=start)
    events = in_order(event for timeline in timelines for event in timeline.events)
    return [event for event in events if event.index >= start]


def _events_of(git: Git, line: MainLine, model: str) -> list[Event]:
    histories = HistoryReader(line, REGISTRY, git.blobs)
    [timeline] = model_timelines(line, histories, [model])
    return list(timeline.events)


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_what_was_held_then_is_what_the_commit_said(tmp_path: Path, seed: int) -> None:
    rng = random.Random(8_000 + seed)
    repo = Repo(tmp_path)
    history = random_history(rng, rng.randint(2, 12))
    ids = repo.build(history)
    main = [ids[i] for i in history.main]
    git = Git(tmp_path)
    line = git.line(main[-1], REGISTRY)
    timelines = model_timelines(line, HistoryReader(line, REGISTRY, git.blobs))
    for i, expected in enumerate(slow_audit.whole(repo, main)):
        stages = {
            timeline.model: {s: list(v) for s, v in declared_stages(timeline.desired_at(i)).items()}
            for timeline in timelines
            if timeline.desired_at(i)
        }
        assert stages == expected.stages
        for course in timelines:
            for stage, versions in stages.get(course.model, {}).items():
                since = course.event_behind(stage, i)
                assert (since.after if since else ()) == tuple(versions)


def test_the_generated_histories_tell_of_everything() -> None:
    """They must really hold every kind of commit, or the tests above prove little."""
    counts: Counter[str] = Counter()
    for seed in range(24):
        rng = random.Random(7_000 + seed)
        history = random_history(rng, rng.randint(2, 16))
        clocks = [history.nodes[i].when for i in history.main]
        counts["skewed"] += clocks != sorted(clocks)
        for i in history.main:
            node = history.nodes[i]
            counts["merge"] += len(node.parents) > 1
            counts["renamed"] += any(path.endswith("gamma.yaml") for path in node.tree)
            names = [path.lower() for path in node.tree if path.endswith(".yaml")]
            counts["twins"] += len(names) != len(set(names))
            counts["moved"] += any("/team/" in path for path in node.tree)
            counts["revert"] += node.subject.startswith("Revert")
            counts["deleted"] += (
                bool(node.parents)
                and not history.nodes[node.parents[0]].tree.keys() <= node.tree.keys()
            )
    kinds = ("skewed", "merge", "renamed", "moved", "revert", "deleted", "twins")
    assert all(counts[kind] >= 5 for kind in kinds), counts
