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
    in_order,
    model_timelines,
    policy_events,
)
from mlflow_gitops.core.audit.ledger import Ledger
from mlflow_gitops.core.audit.trail import EventAuditor
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.edges.git.repository import Git
from tests.support.core import slow_audit
from tests.support.git_histories import REGISTRY, Repo, random_history

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "12"))


def trail(git: Git, revision: str) -> tuple[MainLine, list[dict[str, object]]]:
    line = git.line(revision, REGISTRY)
    histories = HistoryReader(line, REGISTRY, git.blobs)
    every = model_timelines(line, histories)
    found = in_order(
        [*policy_events(line, histories), *(event for one in every for event in one.events)]
    )
    merged = git.merged_commits(line, {event.index for event in found}, REGISTRY)
    auditor = EventAuditor(
        line,
        REGISTRY,
        (e for e in found if e.kind == "stage"),
        Ledger([], line.index, None),
        merged,
        histories.judge,
    )
    told = [auditor.audit(event) for event in found]
    return line, [
        {
            "type": one.event.kind,
            "commit": one.event.commit.sha,
            "model": one.event.model,
            "stage": one.event.stage,
            "from": list(one.event.before),
            "to": list(one.event.after),
            "author": one.people.author,
            "co_authors": list(one.people.co_authors),
            "merged_by": one.people.merged_by,
            "subject": one.event.commit.subject,
        }
        for one in told
    ]


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_events_are_what_neighbouring_commits_tell(tmp_path: Path, seed: int) -> None:
    rng = random.Random(7_000 + seed)
    repo = Repo(tmp_path)
    history = random_history(rng, rng.randint(2, 16))
    ids = repo.build(history)
    main = [ids[i] for i in history.main]
    git = Git(tmp_path)
    line, found = trail(git, main[-1])
    assert line.shas == main
    assert list(line.times) == slow_audit.times(repo, main)
    assert found == slow_audit.events(repo, main)


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_what_was_held_then_is_what_the_commit_said(tmp_path: Path, seed: int) -> None:
    rng = random.Random(8_000 + seed)
    repo = Repo(tmp_path)
    history = random_history(rng, rng.randint(2, 12))
    ids = repo.build(history)
    main = [ids[i] for i in history.main]
    git = Git(tmp_path)
    line = git.line(main[-1], REGISTRY)
    every = model_timelines(line, HistoryReader(line, REGISTRY, git.blobs))
    for i, then in enumerate(slow_audit.whole(repo, main)):
        now = {
            one.model: {s: list(v) for s, v in declared_stages(one.desired_at(i)).items()}
            for one in every
            if one.desired_at(i)
        }
        assert now == then.stages
        for course in every:
            for stage, versions in now.get(course.model, {}).items():
                since = course.event_behind(stage, i)
                assert (since.after if since else ()) == tuple(versions)


def test_the_generated_histories_tell_of_everything() -> None:
    """They must really hold every kind of commit, or the tests above prove little."""
    seen: Counter[str] = Counter()
    for seed in range(24):
        rng = random.Random(7_000 + seed)
        history = random_history(rng, rng.randint(2, 16))
        clocks = [history.nodes[i].when for i in history.main]
        seen["skewed"] += clocks != sorted(clocks)
        for i in history.main:
            node = history.nodes[i]
            seen["merge"] += len(node.parents) > 1
            seen["renamed"] += any(path.endswith("gamma.yaml") for path in node.tree)
            seen["moved"] += any("/team/" in path for path in node.tree)
            seen["revert"] += node.subject.startswith("Revert")
            seen["deleted"] += (
                bool(node.parents)
                and not history.nodes[node.parents[0]].tree.keys() <= node.tree.keys()
            )
    assert all(
        seen[what] >= 5 for what in ("skewed", "merge", "renamed", "moved", "revert", "deleted")
    ), seen
