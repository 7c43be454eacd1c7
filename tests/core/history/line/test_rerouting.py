"""The main line after merges that changed its first parents, in random histories whose real course
is known (RULES R1)."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field

import pytest

from mlflow_gitops.core.history.line.rerouting import Graph, GraphCommit, reroute
from mlflow_gitops.core.history.mainline import MainLine

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "40"))


@dataclass
class Story:
    """What happened to a main branch, push by push."""

    graph: dict[str, GraphCommit] = field(default_factory=dict)
    tips: list[str] = field(default_factory=list)
    former: dict[str, str] = field(default_factory=dict)
    """The merges that put the main branch on the wrong side: each with its parent that was main."""

    def commit(self, *parents: str) -> str:
        sha = f"{len(self.graph):03}"
        self.graph[sha] = GraphCommit(len(self.graph), parents)
        return sha

    def commits(self, parent: str, number: int) -> str:
        for _ in range(number):
            parent = self.commit(parent)
        return parent

    def first_parents(self) -> MainLine:
        shas, sha = [], self.tips[-1]
        while sha:
            shas.append(sha)
            sha = next(iter(self.graph[sha].parents), "")
        shas.reverse()
        merges = {
            index: self.graph[sha].parents[1:]
            for index, sha in enumerate(shas)
            if len(self.graph[sha].parents) > 1
        }
        return MainLine(shas, [], {}, merges=merges, dates=[self.graph[sha].date for sha in shas])

    def before(self, sha: str) -> set[str]:
        """A commit and all that come before it."""
        found, waiting = set(), [sha]
        while waiting:
            commit = waiting.pop()
            if commit not in found:
                found.add(commit)
                waiting += self.graph[commit].parents
        return found


def random_story(rng: random.Random) -> Story:
    story = Story()
    story.tips.append(story.commit())
    for _ in range(rng.randint(2, 9)):
        tip, old = story.tips[-1], rng.choice(story.tips[-4:])
        push = rng.choice(("direct", "pull request", "pull", "pull", "octopus", "forward"))
        if push == "direct":
            story.tips.append(story.commits(tip, rng.randint(1, 2)))
        elif push in ("pull request", "octopus"):
            heads = [story.commits(old, rng.randint(1, 2)) for _ in range(1 + (push == "octopus"))]
            story.tips.append(story.commit(tip, *heads))
        else:
            own = story.commits(old, rng.randint(1, 2))
            merge = story.commit(own, tip)
            story.former[merge] = tip
            after = rng.randint(1, 2) if push == "forward" else 0
            story.tips.append(story.commits(merge, after))
    return story


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_the_line_passes_through_everything_that_was_reconciled(seed: int) -> None:
    rng = random.Random(seed)
    story = random_story(rng)
    reconciled = {tip for tip in story.tips if rng.random() < 0.5}
    line, merges = reroute(story.first_parents(), story.graph, reconciled)

    assert reconciled <= set(line.shas)
    assert line.shas[-1] == story.tips[-1]
    followed = set()
    for index, sha in enumerate(line.shas):
        parents = story.graph[sha].parents
        before = line.shas[index - 1] if index else None
        assert before in parents if parents else before is None
        beside = tuple(parent for parent in parents if parent != before)
        assert line.merges.get(index, ()) == beside
        assert line.dates[index] == story.graph[sha].date
        if parents and before != parents[0]:
            followed.add(sha)
            assert before == story.former[sha], "a pull request's branch is never the main line"
        elif sha in story.former:
            lost = story.before(story.former[sha]) - story.before(parents[0])
            assert not lost & reconciled
    assert followed == set(merges)


@pytest.mark.parametrize("seed", range(20))
def test_without_anything_reconciled_beside_it_the_line_stays(seed: int) -> None:
    rng = random.Random(500 + seed)
    story = random_story(rng)
    first_parents = story.first_parents()
    reconciled = {sha for sha in first_parents.shas if rng.random() < 0.5}
    assert reroute(first_parents, story.graph, reconciled) == (first_parents, ())
    assert reroute(first_parents, story.graph, {"unknown"}) == (first_parents, ())


def _fork() -> tuple[Graph, MainLine]:
    """`1` was main and `2` a developer's commit; `3` merges 1 into 2."""
    graph = {
        "0": GraphCommit(0, ()),
        "1": GraphCommit(1, ("0",)),
        "2": GraphCommit(2, ("0",)),
        "3": GraphCommit(3, ("2", "1")),
    }
    return graph, MainLine(["0", "2", "3"], [], {}, merges={2: ("1",)}, dates=[0, 2, 3])


@pytest.mark.parametrize(
    ("reconciled", "shas"),
    [
        ({"1"}, ["0", "1", "3"]),
        ({"0", "1", "3"}, ["0", "1", "3"]),
        # Both sides were reconciled: what the first parents have stays.
        ({"1", "2"}, ["0", "2", "3"]),
        ({"0"}, ["0", "2", "3"]),
    ],
)
def test_one_merge(reconciled: set[str], shas: list[str]) -> None:
    graph, line = _fork()
    assert reroute(line, graph, reconciled).line.shas == shas


def test_histories_without_a_common_root() -> None:
    graph = {"a": GraphCommit(0, ()), "b": GraphCommit(1, ()), "m": GraphCommit(2, ("b", "a"))}
    line = MainLine(["b", "m"], [], {}, merges={1: ("a",)}, dates=[1, 2])
    assert reroute(line, graph, {"a"}).line.shas == ["a", "m"]
