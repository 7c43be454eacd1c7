"""The lines of commits that the histories of a plan's models follow.

Nearly always that is one: the target's. If merges changed the main line's first parents, the base
of a model may lie beside it, and the model's history follows a line through its base (RULES R1).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mlflow_gitops.app.evidence import WorkspaceEvidence
from mlflow_gitops.app.planning.judging.approved_policies import ApprovedPolicies
from mlflow_gitops.app.planning.judging.change_judges import ChangeJudges
from mlflow_gitops.app.planning.judging.policies_in_force import PoliciesInForce
from mlflow_gitops.app.planning.lines import LineReader
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.base import Base
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.line.rerouting import Graph, Rerouted
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.blob_reader import ManifestReader
from mlflow_gitops.core.manifests.names import file_stem

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One line of commits with what is read along it."""

    line: MainLine
    histories: HistoryReader
    evidence: WorkspaceEvidence
    policies: PoliciesInForce
    approved: ApprovedPolicies
    judges: ChangeJudges


class PlanLines:
    """The target's line, and lines of the same commits through the bases that are beside it."""

    def __init__(self, workspace: Workspace, registry: Registry, target: Target) -> None:
        self._workspace = workspace
        self._registry = registry
        self._target = target
        self.first = self._plan_line(target.line)
        self._others: list[PlanLine] = []
        self._unreachable: set[str] = set()
        self._merges: dict[str, None] = {}
        self._reconciled: set[str] = set()

    @property
    def recent_detours(self) -> list[str]:
        """The merges that changed the main line's first parents, if nothing later was reconciled
        yet."""
        return [
            merge
            for merge in self._merges
            for entry in self._others[:1]
            if merge in entry.line.index
            and self._reconciled.isdisjoint(entry.line.shas[entry.line.index[merge] + 1 :])
        ]

    def read_receipts_again(self) -> None:
        """Let the next question about a model's history read the receipts anew."""
        for entry in (self.first, *self._others):
            entry.evidence.read_receipts_again()

    def __contains__(self, commit: object) -> bool:
        if not isinstance(commit, str):
            return False
        self.include([commit])
        return any(commit in entry.line.index for entry in self._all)

    def of(self, base: str | None) -> PlanLine:
        """The line for a model with this base. If there is one through what was reconciled, it also
        serves the models without a base: it has the commits that made the changes."""
        for entry in (*self._others, self.first):
            if base is None or base in entry.line.index:
                return entry
        return self.first

    def prefetch(self, bases: Mapping[str, Base]) -> None:
        """Read in one batch for each line the blobs that the histories of these models need."""
        for entry in self._all:
            on_line = (
                (file_stem(name), base)
                for name, base in bases.items()
                if self.of(base.commit) is entry
            )
            entry.histories.prefetch(on_line, self._target.is_uncommitted)

    def histories_of(self, line: MainLine) -> HistoryReader:
        """The reader of any line's histories."""
        git, registry = self._workspace.git, self._workspace.registry
        reader = ManifestReader(git.blobs, stageless=self._registry.stageless, recall=git.recall)
        return HistoryReader(line, registry, git.blobs, reader=reader)

    def remember(self) -> None:
        """Let later processes recall the manifests that were read."""
        for entry in self._all:
            self._workspace.git.remember(entry.histories.reader.news)

    def positions(self) -> Mapping[str, int]:
        """The commits of the main line, those beside its first parents included. Each has a number
        that is larger than those of the commits before it."""
        main_line = self._workspace.main_line
        if not self._others:
            return main_line
        order = reversed(self._workspace.git.graph(self._workspace.main_ref))
        commits = main_line.keys() | {sha for entry in self._others for sha in entry.line.shas}
        return {sha: number for number, sha in enumerate(order) if sha in commits}

    def are_beside(self, beginnings: Set[str], digits: int) -> bool:
        """Whether the target's history may have a commit beside the target's line whose id begins
        like one of these, which have so many digits."""
        beside = beginnings - {sha[:digits] for sha in self.first.line.index}
        return bool(beside) and any(sha[:digits] in beside for sha in self._graph)

    def include(self, bases: Collection[str], reconciled: Collection[str] = ()) -> None:
        """Find a line for each of these bases that the target's history has. If it can, it passes
        through everything else that was reconciled."""
        self._reconciled |= {*bases, *reconciled}
        beside = {
            commit
            for commit in (*bases, *reconciled)
            if commit not in self._unreachable
            and not any(commit in entry.line.index for entry in self._all)
        }
        if not beside:
            return
        reachable = {commit for commit in beside if commit in self._graph}
        self._unreachable |= beside - reachable
        if not reachable:
            return

        # One line for all if there is one, so that each change has the same commit for every model.
        present = self._reconciled & self.first.line.index.keys()
        self._add(self._read(reachable | present))
        for base in sorted(reachable.intersection(bases)):
            if not any(base in entry.line.index for entry in self._all):
                self._add(self._read({base}))
        self._unreachable |= {
            commit
            for commit in reachable
            if not any(commit in entry.line.index for entry in self._all)
        }

    @property
    def _all(self) -> list[PlanLine]:
        return [self.first, *self._others]

    @cached_property
    def _graph(self) -> Graph:
        """Every commit that the target's history has, later ones first."""
        tip = self._target.merge.onto if self._target.merge else self._target.tip
        return self._workspace.git.graph(tip) if tip else {}

    def _read(self, reconciled: Collection[str]) -> Rerouted:
        reader = LineReader(self._workspace)
        if self._target.merge is not None:
            return reader.merge_through(self._target.merge, reconciled)
        return reader.commit_through(self._target.line.shas[-1], reconciled)

    def _add(self, rerouted: Rerouted) -> None:
        if rerouted.merges:
            self._merges.update(dict.fromkeys(rerouted.merges))
            self._others.append(self._plan_line(rerouted.line))

    def _plan_line(self, line: MainLine) -> PlanLine:
        workspace, registry = self._workspace, self._registry
        histories = self.histories_of(line)
        owner = workspace.owner(self._target.line)
        evidence = WorkspaceEvidence(
            workspace,
            registry,
            line,
            self._target.merge,
            is_rerouted=line is not self._target.line,
        )
        policies = PoliciesInForce(workspace, owner, line, histories)
        approved = ApprovedPolicies(workspace, line, histories, evidence)
        judges = ChangeJudges(line, histories, evidence, policies, approved)
        return PlanLine(line, histories, evidence, policies, approved, judges)
