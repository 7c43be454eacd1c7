"""What a plan is for: a commit, a working tree, or a revision as merged into a branch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from mlflow_gitops.app.planning.lines import LineReader
from mlflow_gitops.app.workspace import Merge, Workspace
from mlflow_gitops.core.history.line.line_files import LineFiles
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.errors import GitFailure


@dataclass(frozen=True, slots=True)
class Target:
    """The state that MLflow is compared with, and the commits that lead to it.

    `line` ends with the commit that `snapshot` is of, or that it lies on top of uncommitted.
    `commit` is the commit that the plan is of; None for a working tree with uncommitted changes and
    for a repository without commits, which can be planned but not reconciled.
    """

    snapshot: Snapshot
    line: MainLine
    commit: str | None
    is_uncommitted: Callable[[str], bool]
    """Whether what the snapshot wants of a model (by the stem of its manifest) may differ from what
    the last commit of the line wants."""
    merge: Merge | None = None
    branch: Snapshot | None = None
    """The branch that `merge` goes into, as it is now."""

    @property
    def touched(self) -> frozenset[str]:
        """For a merge: the paths of the manifests and the policy that it changes."""
        if self.branch is None:
            return frozenset()
        before, after = self.branch.contents, self.snapshot.contents
        return frozenset(
            path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
        )

    def is_new(self, error: Problem) -> bool:
        """Whether an error counts for the plan: for a merge, one that it has a part in. What is
        wrong on its branch already does not stop it (RULES R12)."""
        if self.branch is None:
            return True
        return error not in self.branch.validity.errors or error.file in self.touched

    def file_errors(self, names: Sequence[str] = ()) -> list[Problem]:
        """The errors of files that count for a plan of `names`, or of every model, as far as git
        alone shows them."""
        validity = self.snapshot.validity.of(names) if names else self.snapshot.validity
        return [error for error in validity.errors if self.is_new(error)]

    @property
    def tip(self) -> str | None:
        """The last commit of the line; None in a repository without commits."""
        return self.line.shas[-1] if self.line.shas else None

    @classmethod
    def of_commit(cls, workspace: Workspace, snapshot: Snapshot, commit: str) -> Target:
        """A commit, of which `snapshot` is."""
        return cls(snapshot, LineReader(workspace).to_commit(commit), commit, lambda stem: False)

    @classmethod
    def of_tree(cls, workspace: Workspace, snapshot: Snapshot) -> Target:
        """The working tree: HEAD if nothing is uncommitted, else what lies on top of it."""
        head = workspace.git.head()
        if head is None:
            return cls(snapshot, MainLine([], [], {}), None, lambda stem: True)

        dirty = workspace.dirty_paths()
        is_policy_dirty = any(workspace.registry.classify(path) == "policy" for path in dirty)
        stems = {stem_of(path) for path in dirty}
        return cls(
            snapshot,
            LineReader(workspace).to_commit(head),
            None if dirty else head,
            lambda stem: is_policy_dirty or stem in stems,
        )

    @classmethod
    def of_merge(cls, workspace: Workspace, snapshot: Snapshot, merge: Merge) -> Target:
        """A revision as merged into a branch (RULES R9), `snapshot` being the merge's. The plan is
        of the models that the merge changes."""
        line = LineReader(workspace).to_merge(merge)
        return cls(
            snapshot, line, line.shas[-1], lambda stem: False, merge, workspace.at(merge.onto)
        )


@dataclass(frozen=True)
class ManifestDeletions:
    """The manifests that a target deletes, which is no merge."""

    workspace: Workspace
    target: Target

    @cached_property
    def files(self) -> LineFiles:
        """The manifests along the target's line."""
        return LineFiles(self.target.line, self.workspace.registry)

    def includes(self, model: str) -> bool:
        """Whether the working tree does not have the model's manifest any more, or a branch does
        not that has left main with it."""
        tip, stem = self.target.tip, file_stem(model)
        if tip is None:
            return False
        if self.target.is_uncommitted(stem) and self.files.has_manifest(stem, tip):
            return True
        try:
            main_line = self.workspace.main_line
        except GitFailure:
            return False  # a clone that does not know its main branch is planned all the same
        merged = next((sha for sha in reversed(self.target.line.shas) if sha in main_line), tip)
        return merged != tip and self.files.has_manifest(stem, merged)
