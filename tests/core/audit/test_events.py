"""The audit trail is what every commit of the main line, read whole and compared with its
neighbour, tells (RULES R7)."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from mlflow_gitops.core.audit.events import (
    declared_stages,
    model_timelines,
)
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.edges.git.index.history_index import HistoryIndex
from mlflow_gitops.edges.git.repository import Git
from tests.support.core import fast_audit, slow_audit
from tests.support.git_histories import REGISTRY, START, Repo, random_history

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "12"))


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
