"""The main line after its first parents changed although nothing was rewritten (RULES R1).

`git pull` on the main branch merges the branch's remote tip into a developer's own commits. Once
that is pushed, the tip's first parent is the developer's commit, and what was the main line before
is beside it. The same happens if the main branch is fast-forwarded to a branch that had merged it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from mlflow_gitops.core.history.mainline import MainLine


class GraphCommit(NamedTuple):
    """A commit's committer date, in seconds since 1970, and its parents."""

    date: int
    parents: tuple[str, ...]


Graph = Mapping[str, GraphCommit]
"""Every commit that can be reached from the end of a line."""


class Rerouted(NamedTuple):
    """A line, and the merges at which it follows another parent than the first."""

    line: MainLine
    merges: tuple[str, ...]


def reroute(line: MainLine, graph: Graph, reconciled: Collection[str]) -> Rerouted:
    """The line of the same last commit that passes through the commits that were reconciled.

    Only commits of the main line are reconciled, so a merge that brought some of them in, and whose
    first parent leads past none, was made on the wrong side: its other parent is where the main
    line was. The merge then stands for everything that its first parent brought in. The line keeps
    every reconciled commit that it has; one that would cost another stays beside it. The result has
    no changes and no descriptions of commits yet.
    """
    reconciled = frozenset(reconciled)
    merges: list[str] = []
    refused: set[tuple[str, str]] = set()
    while True:
        step = _next_step(line, graph, reconciled, refused)
        if step is None:
            return Rerouted(line, tuple(merges))
        line, merge = step
        merges.append(merge)


def _next_step(
    line: MainLine, graph: Graph, reconciled: frozenset[str], refused: set[tuple[str, str]]
) -> tuple[MainLine, str] | None:
    """The line with one more merge followed the other way, and that merge; None if there is none.
    Adds to `refused` each (merge, parent) that cannot be followed."""
    beside = [sha for sha in reconciled if sha in graph and sha not in line.index]
    if not beside:
        return None
    brought_in = line.brought_in({sha: commit.parents for sha, commit in graph.items()})
    positions = sorted({brought_in[sha] for sha in beside if sha in brought_in}, reverse=True)

    for position in positions:
        merge = line.shas[position]
        commits = {sha for sha in beside if brought_in.get(sha) == position}
        for parent in line.merges[position]:
            if (merge, parent) in refused or not _leads_to(parent, commits, line, graph):
                continue
            detour = _follow(line, graph, position, parent, reconciled)
            if detour is not None:
                return detour, merge
            refused.add((merge, parent))
    return None


def _leads_to(start: str, commits: Collection[str], line: MainLine, graph: Graph) -> bool:
    """Whether one of the commits is `start` or comes before it, beside the line."""
    waiting, seen = [start], set()
    while waiting:
        sha = waiting.pop()
        if sha in commits:
            return True
        if sha in seen or sha in line.index or sha not in graph:
            continue
        seen.add(sha)
        waiting += graph[sha].parents
    return False


def _follow(
    line: MainLine, graph: Graph, position: int, parent: str, reconciled: frozenset[str]
) -> MainLine | None:
    """The line that reaches the merge at `position` from one of its other parents; None if it
    would leave out a reconciled commit."""
    chain: list[str] = []
    sha: str | None = parent
    while sha is not None and sha not in line.index and sha in graph:
        chain.append(sha)
        sha = next(iter(graph[sha].parents), None)
    chain.reverse()
    joint = line.index[sha] + 1 if sha in line.index else 0
    if not reconciled.isdisjoint(line.shas[joint:position]):
        return None

    merge = line.shas[position]
    merges = {index: parents for index, parents in line.merges.items() if index < joint}
    merges |= _merges_among(chain, joint, graph)
    start = joint + len(chain)
    merges[start] = tuple(other for other in graph[merge].parents if other != parent)
    merges |= {
        index - position + start: parents
        for index, parents in line.merges.items()
        if index > position
    }
    return MainLine(
        [*line.shas[:joint], *chain, *line.shas[position:]],
        [],
        {},
        merges=merges,
        dates=[*line.dates[:joint], *(graph[sha].date for sha in chain), *line.dates[position:]],
    )


def _merges_among(chain: Sequence[str], joint: int, graph: Graph) -> dict[int, tuple[str, ...]]:
    return {
        joint + offset: graph[sha].parents[1:]
        for offset, sha in enumerate(chain)
        if len(graph[sha].parents) > 1
    }
