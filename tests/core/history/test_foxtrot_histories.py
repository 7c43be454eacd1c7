"""Random histories in which the first parents of main changed: bases, causes and the audit are
those of the line that main always was, read commit by commit (RULES R1)."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from mlflow_gitops.core.audit.events import declared_stages
from mlflow_gitops.core.history.base import Base
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.line.rerouting import reroute
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.edges.git.index.history_index import HistoryIndex
from mlflow_gitops.edges.git.repository import Git
from tests.support.core import fast_audit, slow_audit
from tests.support.git_histories import REGISTRY, START, Repo, foxtrot_history

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "5"))


def rerouted(folder: Path, seed: int) -> tuple[Repo, Git, MainLine, list[str], list[str]]:
    """A repository with such a merge, the line through what was reconciled, what main always was,
    and the commits beside the first parents."""
    rng = random.Random(9_000 + seed)
    repo = Repo(folder)
    history, line, beside = foxtrot_history(rng, rng.randint(3, 10))
    ids = repo.build(history)
    git = Git(folder)
    tip = ids[history.main[-1]]
    if seed % 2:  # the index has the first-parent line, of which the other one has the beginning
        git.index = HistoryIndex(folder / ".git", "main", REGISTRY.paths)
        git.add_changes(git.first_parent_line(tip), REGISTRY.paths, is_main_line=True)
    first_parents = git.first_parent_line(tip)
    assert first_parents.shas == [ids[i] for i in history.main]

    reconciled = {ids[i] for i in rng.sample(beside, rng.randint(1, len(beside)))}
    reconciled |= {sha for sha in first_parents.shas[:2] if rng.random() < 0.5} - {
        ids[i] for i in history.main if i not in line
    }
    found = reroute(first_parents, git.graph(tip), reconciled).line
    found.date(START + 86_400)
    git.add_changes(found, REGISTRY.paths)
    return repo, git, found, [ids[i] for i in line], [ids[i] for i in beside]


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_the_audit_is_that_of_what_main_always_was(tmp_path: Path, seed: int) -> None:
    repo, git, line, main, _ = rerouted(tmp_path, seed)
    assert line.shas == main
    assert line.times == slow_audit.times(repo, main, START + 86_400)
    assert fast_audit.events(git, line) == slow_audit.events(repo, main)


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_bases_and_causes_are_those_of_what_main_always_was(tmp_path: Path, seed: int) -> None:
    """A stage's cause is `commit` if more than one value is in the commits from the base on."""
    repo, git, line, main, beside = rerouted(tmp_path, seed)
    whole = slow_audit.whole(repo, main)
    histories = HistoryReader(line, REGISTRY, git.blobs)
    for name in whole[-1].stages:
        stem = file_stem(name)
        latest = histories.latest(stem)
        assert latest is not None
        for base in beside:
            history = histories.history(stem, latest.desired, Base.at(base))
            assert history.base_state == "known"
            states = [state.stages.get(name, {}) for state in whole[main.index(base) :]]
            told = [declared_stages(point.desired) for point in history.points]
            for stage in {stage for state in states for stage in state}:
                expected = {tuple(state.get(stage, ())) for state in states}
                assert {tuple(point.get(stage, ())) for point in told} == expected, stage
