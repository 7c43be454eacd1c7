"""The main line after its first parents changed although nothing was rewritten (RULES R1).

`git pull` on the main branch merges the branch's remote tip into a developer's own commits. Once
that is pushed, the tip's first parent is the developer's commit, and what was the main line before
is beside it. The same happens if the main branch is fast-forwarded to a branch that had merged it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from mlflow_gitops.core.history.mainline import Commit, MainLine


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


def first_parents_changed(merge: Commit) -> str:
    """The warning of a merge that changed the main line's first parents."""
    return (
        f'The merge {merge.sha[:7]} "{merge.subject}" changed the first parents of the main branch:'
        " what was the main line before is its second parent. Nothing is lost. To keep it from"
        " happening again, merge pull requests, and update a local main branch with git pull"
        " --rebase."
    )


def reroute(line: MainLine, graph: Graph, reconciled: Collection[str]) -> Rerouted:
    """The line of the same last commit that passes through the commits that were reconciled.

    Only commits of the main line are reconciled, so a merge that brought some of them in, and whose
    first parent leads past none, was made on the wrong side: its other parent is where the main
    line was. The merge then stands for everything that its first parent brought in. The line keeps
    every reconciled commit that it has; one that would cost another stays beside it. The result has
    no changes and no descriptions of commits yet, unless it is `line` itself.
    """
    return _Router(graph, frozenset(reconciled)).rerouted(line)


class _Router:
    """Reroutes lines of one graph; each commit's line is found once."""

    def __init__(self, graph: Graph, reconciled: frozenset[str]) -> None:
        self._graph = graph
        self._reconciled = reconciled
        self._parents = {sha: commit.parents for sha, commit in graph.items()}
        self._lines: dict[str, Rerouted] = {}

    def rerouted(self, line: MainLine) -> Rerouted:
        """A line through the reconciled commits that its last commit has."""
        merges: list[str] = []
        refused: set[tuple[str, str]] = set()
        while (step := self._next_step(line, refused)) is not None:
            line = step.line
            merges += step.merges
        return Rerouted(
            line, tuple(merge for merge in dict.fromkeys(merges) if merge in line.index)
        )

    def _next_step(self, line: MainLine, refused: set[tuple[str, str]]) -> Rerouted | None:
        """The line with one more merge followed the other way; None if there is none. Adds to
        `refused` each (merge, parent) that cannot be followed."""
        beside = self._reconciled & self._graph.keys() - line.index.keys()
        brought_in = line.brought_in(self._parents) if beside else {}
        positions = {brought_in[sha] for sha in beside if sha in brought_in}

        for position in sorted(positions, reverse=True):
            merge = line.shas[position]
            commits = {sha for sha in beside if brought_in.get(sha) == position}
            for parent in line.merges[position]:
                if (merge, parent) in refused or not self._leads_to(parent, commits, line):
                    continue
                detour = self._followed(line, position, parent)
                if detour is not None:
                    return detour
                refused.add((merge, parent))
        return None

    def _leads_to(self, start: str, commits: Collection[str], line: MainLine) -> bool:
        """Whether one of the commits is `start` or comes before it, beside the line."""
        waiting, passed = [start], set()
        while waiting:
            sha = waiting.pop()
            if sha in commits:
                return True
            if sha not in passed and sha not in line.index:
                passed.add(sha)
                waiting += self._parents.get(sha, ())
        return False

    def _followed(self, line: MainLine, position: int, parent: str) -> Rerouted | None:
        """The line that reaches the merge at `position` from one of its other parents; None if it
        would leave out a reconciled commit, or gain none."""
        before, merges = self._line_to(parent)
        present = self._reconciled.intersection(line.shas[:position])
        if not present < self._reconciled.intersection(before.shas):
            return None

        merge, start = line.shas[position], len(before.shas)
        parents_beside = dict(before.merges)
        parents_beside[start] = tuple(
            other for other in self._graph[merge].parents if other != parent
        )
        for index, parents in line.merges.items():
            if index > position:
                parents_beside[index - position + start] = parents
        detour = MainLine(
            [*before.shas, *line.shas[position:]],
            [],
            {},
            merges=parents_beside,
            dates=[*before.dates, *line.dates[position:]],
        )
        return Rerouted(detour, (*merges, merge))

    def _line_to(self, sha: str) -> Rerouted:
        """The line of a commit of the graph."""
        if sha not in self._lines:
            self._lines[sha] = self.rerouted(self._first_parents(sha))
        return self._lines[sha]

    def _first_parents(self, last: str) -> MainLine:
        shas: list[str] = []
        sha: str | None = last
        while sha is not None and sha in self._graph:
            shas.append(sha)
            sha = next(iter(self._parents[sha]), None)
        shas.reverse()

        merges = {
            index: self._parents[sha][1:]
            for index, sha in enumerate(shas)
            if len(self._parents[sha]) > 1
        }
        dates = [self._graph[sha].date for sha in shas]
        return MainLine(shas, [], {}, merges=merges, dates=dates)
