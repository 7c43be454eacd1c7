"""A checkout with a registry folder: which commit is meant, what it says, and what MLflow would have to become.

This is where the edges meet the core: it reads git and MLflow and hands values to the planner.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mlflow_gitops.core.desired import Desired
from mlflow_gitops.core.fingerprint import fingerprint
from mlflow_gitops.core.history import BaseState, Histories, Line
from mlflow_gitops.core.names import file_stem
from mlflow_gitops.core.observed import ObservedModel
from mlflow_gitops.core.plan import ModelPlan, Plan
from mlflow_gitops.core.planner import Context, plan_model
from mlflow_gitops.core.problems import in_order
from mlflow_gitops.core.snapshot import Snapshot, build, classify, schema_copy_problems, stem_of
from mlflow_gitops.edges import files
from mlflow_gitops.edges.git import Git
from mlflow_gitops.errors import Failure, GitFailure, UsageFailure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow import Registry


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options. `repo` None means: the repository that the current folder lies in."""

    repo: Path | None = None
    registry_dir: str = "registry"
    main: str | None = None
    tracking_uri: str | None = None
    registry_uri: str | None = None
    verbosity: int = 0


def now_utc() -> str:
    """This moment, RFC 3339 in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


class Workspace:
    """One repository and the registry folder in it."""

    def __init__(self, settings: Settings) -> None:
        start = (settings.repo or Path.cwd()).resolve()
        if not start.is_dir():
            raise UsageFailure(f"There is no folder {settings.repo}.")
        try:
            self._git: Git | None = Git.find(start)
        except GitFailure as error:
            self._git, self._git_error = None, error
        # A named folder is taken at its word; otherwise the registry folder stands at the repository's top.
        self.top = self._git.top if self._git else start
        anchor = start if settings.repo is not None else self.top
        folder = PurePosixPath(anchor.relative_to(self.top.resolve()).as_posix(), settings.registry_dir)
        if folder.is_absolute() or ".." in folder.parts or folder == PurePosixPath("."):
            raise UsageFailure(f"--registry-dir must be a folder inside the repository, not {settings.registry_dir!r}.")
        self.registry = folder.as_posix()
        self._settings = settings

    @property
    def git(self) -> Git:
        """The repository; raises GitFailure where there is none."""
        if self._git is None:
            raise self._git_error
        return self._git

    @cached_property
    def main_ref(self) -> str:
        return self.git.main_ref(self._settings.main)

    @cached_property
    def main_line(self) -> dict[str, int]:
        """The commits of the main line and their places on it, from the oldest."""
        return {sha: i for i, sha in enumerate(self.git.first_parents(self.main_ref))}

    def tree(self) -> Snapshot:
        """The working tree's snapshot, with warnings about schema copies that differ."""
        snapshot = build(files.registry_files(self.top, self.registry), self.registry)
        snapshot.problems = in_order([*snapshot.problems, *schema_copy_problems(files.schema_copies(self.top))])
        return snapshot

    def at(self, commit: str) -> Snapshot:
        """A commit's snapshot, straight from git's objects."""
        return build(self.git.files_at(commit, self.registry), self.registry)

    def dirty_paths(self) -> list[str]:
        """Manifests and policy that differ from HEAD in the working tree."""
        return [path for path in self.git.dirty_paths(self.registry) if classify(path, self.registry)]

    def owner(self, line: Line) -> str | None:
        """`<root commit>:<registry folder>`, what marks a model as this repository's.

        None in a shallow clone, which does not know its root.
        """
        return None if self.git.is_shallow() else f"{line.shas[0]}:{self.registry}"


@dataclass(slots=True)
class Planner:
    """Plans one target against one registry: all of it, and single models again just before they are written."""

    workspace: Workspace
    registry: Registry
    snapshot: Snapshot
    commit: str | None
    """The target commit; None for a working tree with uncommitted changes."""
    line: Line
    histories: Histories
    desired: dict[str, Desired]
    owner: str | None
    adopt: bool = False
    take_over: bool = False

    def plan(self, names: Sequence[str] = (), progress: Callable[[str], None] = lambda step: None) -> Plan:
        """The plan for `names`, or for every manifest. Raises Failure for a name that no manifest and no model has."""
        wanted = list(names) or list(self.desired)
        progress("reading MLflow")
        observed = self.registry.observe([n for n in wanted if n in self.desired], only=bool(names))
        self._known(names, observed)
        bases = {name: self._base(observed.get(name)) for name in wanted if name in self.desired}
        progress("reading git history")
        self.histories.prefetch(
            (file_stem(name), base) for name, (base, state) in bases.items() if state in ("none", "known")
        )
        models = [self._model(name, observed.get(name), *base) for name, base in sorted(bases.items())]
        others = [model for name, model in sorted(observed.items()) if name not in self.desired and not model.is_prompt]
        gone = tuple(model.name for model in others if self.owner and model.owner == self.owner)
        made_from = fingerprint(
            self.snapshot.digest,
            self.registry.shown,
            self.registry.workspace,
            self.owner,
            ((model.model, observed.get(model.model)) for model in models),
        )
        return Plan(self.commit, tuple(models), made_from, tuple(m.name for m in others if m.name not in gone), gone)

    def again(self, name: str) -> ModelPlan:
        """Read one model anew and plan it again."""
        observed = self.registry.read(name)
        return self._model(name, observed, *self._base(observed))

    def _model(self, name: str, observed: ObservedModel | None, base: str | None, state: BaseState) -> ModelPlan:
        history = self.histories.of(name, file_stem(name), base, state)
        owner = self.owner or (observed.owner if observed else None) or ""
        context = Context(owner, now_utc(), self.registry.run_facts, self.take_over)
        return plan_model(name, history, observed, context)

    def _base(self, observed: ObservedModel | None) -> tuple[str | None, BaseState]:
        """The commit a model was last reconciled to, and whether the target can be compared with it (RULES R1)."""
        stamp = observed.base if observed else None
        if self.adopt or stamp is None:
            # A shallow clone cannot tell what earlier commits declared, nor which repository it is.
            return (None, "none") if self.adopt or self.owner else (None, "unknown")
        if stamp in self.line.index:
            return stamp, "known"
        on_main = stamp in self.workspace.main_line and self.workspace.git.exists(stamp)
        return stamp, "stale" if on_main else "unknown"

    def _known(self, names: Sequence[str], observed: dict[str, ObservedModel]) -> None:
        for name in names:
            if name in self.desired:
                continue
            near = difflib.get_close_matches(name, self.desired, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            what = "is in MLflow and has no manifest" if name in observed else "has no manifest"
            raise Failure(f"{name} {what} in {self.workspace.registry}/models/.{hint}")


def planner_for_commit(
    workspace: Workspace,
    registry: Registry,
    commit: str,
    snapshot: Snapshot,
    *,
    adopt: bool = False,
    take_over: bool = False,
) -> Planner:
    """A planner for one commit."""
    return _planner(workspace, registry, commit, snapshot, (), adopt, take_over)


def planner_for_tree(workspace: Workspace, registry: Registry, snapshot: Snapshot) -> Planner:
    """A planner for the working tree: for HEAD where nothing is uncommitted, else for what lies on top of it."""
    git = workspace.git
    if not git.has_commits():
        return _planner(workspace, registry, None, snapshot, workspace.dirty_paths(), False, False)
    dirty = workspace.dirty_paths()
    head = git.resolve("HEAD")
    return _planner(workspace, registry, head, snapshot, dirty, False, False)


def _planner(
    workspace: Workspace,
    registry: Registry,
    commit: str | None,
    snapshot: Snapshot,
    dirty: Collection[str],
    adopt: bool,
    take_over: bool,
) -> Planner:
    line = workspace.git.line(commit, workspace.registry) if commit else Line([], [], {})
    desired = {name: Desired(m, snapshot.policy.for_model(name)) for name, m in snapshot.manifests.items()}
    policy_dirty = any(classify(path, workspace.registry) == "policy" for path in dirty)
    stems = {stem_of(path) for path in dirty}
    histories = Histories(
        line,
        workspace.registry,
        workspace.git.blobs,
        desired,
        dirty=lambda stem: commit is None or policy_dirty or stem in stems,
    )
    owner = workspace.owner(line) if line.shas else f"uncommitted:{workspace.registry}"
    planned = None if dirty else commit
    return Planner(workspace, registry, snapshot, planned, line, histories, desired, owner, adopt, take_over)
