"""A checkout with a registry folder: which commit is meant, and what it says.

This knows git and files; `planning` adds MLflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.environments import Environment, policy_changes, read_environments
from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS, RegistryFolder
from mlflow_gitops.core.manifests.snapshot import Snapshot, build, schema_copy_problems
from mlflow_gitops.core.yaml.problems import in_order
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.system import files
from mlflow_gitops.edges.system.processes import parallel_map
from mlflow_gitops.errors import Failure, GitFailure, InvalidFiles, UsageFailure
from mlflow_gitops.settings import Settings


@dataclass(frozen=True, slots=True)
class Merge:
    """What a revision will be once it is merged. `made` is the merge commit, which no branch names;
    for people, and for everything that speaks of it, it is `revision`. `onto` is the branch's tip,
    `name` what the user called it."""

    made: str
    revision: str
    onto: str
    name: str

    @property
    def is_nothing(self) -> bool:
        """Whether the branch has the revision already."""
        return self.made == self.onto


class Workspace:
    """One repository and the registry folder in it: of one environment, where the repository keeps
    several.

    `whole` is for what looks at all environments by itself; `registry` is then the folder that they
    lie in.
    """

    def __init__(self, settings: Settings, *, whole: bool = False) -> None:
        start = (settings.repo or Path.cwd()).resolve()
        if not start.is_dir():
            raise UsageFailure(f"There is no folder {settings.repo}.")
        try:
            self._git: Git | None = Git.find(start)
        except GitFailure as error:
            self._git, self._git_error = None, error
        # A named folder is taken at its word; otherwise the registry folder stands at the
        # repository's top.
        self.top = self._git.top if self._git else start
        anchor = start if settings.repo is not None else self.top
        folder = PurePosixPath(
            anchor.relative_to(self.top.resolve()).as_posix(), settings.registry_dir
        )
        if folder.is_absolute() or ".." in folder.parts or folder == PurePosixPath("."):
            raise UsageFailure(
                "--registry-dir must be a folder inside the repository, not"
                f" {settings.registry_dir!r}."
            )
        self.root = folder.as_posix()
        """The folder that --registry-dir names."""
        self.registry = RegistryFolder(self.root)
        self.settings = settings
        self.environment: Environment | None = None
        if settings.environment is not None:
            self.environment = self._chosen(settings, settings.environment)
            self.registry = self.environment.folder
        elif not whole and self.has_environments:
            raise UsageFailure(
                f"{self.root}/{ENVIRONMENTS} lists environments: choose one with --env"
                f" {self._names()}."
            )

    @property
    def git(self) -> Git:
        """The repository; raises GitFailure where there is none."""
        if self._git is None:
            raise self._git_error
        return self._git

    @property
    def has_environments(self) -> bool:
        return (self.top / self.root / ENVIRONMENTS).is_file()

    @cached_property
    def environments(self) -> dict[str, Environment]:
        """The environments of this repository, as the working tree lists them: in a workflow, that
        is the main branch's. Empty where it has no list. Raises Failure where the list has
        errors."""
        if not self.has_environments:
            return {}
        shown = f"{self.root}/{ENVIRONMENTS}"
        read = files.read_file(self.top / shown, shown)
        if read.data is None:
            raise Failure(f"{shown} {read.fault}.")
        known, problems = read_environments(read.data, self.root)
        if known is None:
            first = problems[0]
            raise InvalidFiles(
                f"{first.file}:{first.line}: {first.message}. mlflow-gitops validate tells all."
            )
        return known

    def _chosen(self, settings: Settings, name: str) -> Environment:
        if settings.tracking_uri or settings.registry_uri:
            raise UsageFailure(
                f"--env {name} says which MLflow is meant; leave --tracking-uri and --registry-uri"
                " away, or --env."
            )
        if not self.has_environments:
            raise UsageFailure(
                f"There is no {self.root}/{ENVIRONMENTS}, so there is no environment {name}."
            )
        if name not in self.environments:
            raise UsageFailure(
                f"{self.root}/{ENVIRONMENTS} has no environment {name!r}; it has {self._names()}."
            )
        return self.environments[name]

    def _names(self) -> str:
        try:
            return ", ".join(self.environments)
        except Failure:
            return "NAME"

    @cached_property
    def main_ref(self) -> str:
        return self.git.main_ref(self.settings.main)

    @cached_property
    def main_line(self) -> dict[str, int]:
        """The commits of the main line and their places on it, from the oldest."""
        return {sha: i for i, sha in enumerate(self.git.first_parents(self.main_ref))}

    def tree(self) -> Snapshot:
        """The working tree's snapshot, with warnings about schema copies that differ."""
        snapshot = build(files.registry_files(self.top, self.registry), self.registry, parallel_map)
        snapshot.problems = in_order(
            [*snapshot.problems, *schema_copy_problems(files.schema_copies(self.top))]
        )
        return snapshot

    def at(self, commit: str) -> Snapshot:
        """A commit's snapshot, straight from git's objects."""
        return build(self.git.files_at(commit, self.registry), self.registry, parallel_map)

    def merge(self, revision: str, onto: str) -> Merge:
        """Merge a revision into a branch, in git's objects alone (RULES R9). Raises GitFailure
        where they conflict."""
        head, tip = self.git.resolve(revision), self.git.resolve(onto)
        made = tip if self.git.contains(tip, head) else self.git.merge(tip, head)
        return Merge(made, head, tip, onto)

    def messages(self, sha: str, file: str, merge: Merge | None = None) -> list[str]:
        """The messages that speak for a commit's change of a file; of a merge that is only planned,
        those of the branch."""
        planned = merge is not None and sha == merge.revision and not merge.is_nothing
        return self.git.messages(merge.made if merge and planned else sha, file)

    def line(self, commit: str) -> MainLine:
        """The history that a commit is the end of: its first parents.

        Of a branch that main was merged into, these know nothing of what main did meanwhile, though
        the commit comes after it. There, it is the main line as far as the commit has it, and on
        top of that what the branch did from that merge on.
        """
        if (start := self._newest_merged(commit)) is None:
            return self._with_policies(self.git.line(commit, self.registry))
        own, after = self.git.first_parent_line(commit), self.git.after(start, commit)
        line = self.git.first_parent_line(start)
        for sha, seconds in zip(own.shas, own.times, strict=True):
            if sha in after:
                line.shas.append(sha)
                line.times.append(max(seconds, line.times[-1]))
        self._fill(line, self.registry.paths)
        return self._with_policies(line)

    def _fill(self, line: MainLine, paths: Sequence[str]) -> None:
        self.git.add_changes(line, paths, lambda path: False, lambda path, blob, data: None)

    def _with_policies(self, line: MainLine) -> MainLine:
        """A line whose policy is at each commit the file that the list of environments named then.
        To name another one is to change the policy, and what stood before judges that as well
        (RULES R3)."""
        if self.environment is None:
            return line
        named = self._named_policies(line)
        current = self.registry.policy_path
        others = {file for _, file in named if file} - {current}
        if not others:
            return line
        of_files = [change for change in line.changes if change[1] == current]
        for file in sorted(others):
            of_files += self._changes(line, file)
        rest = [change for change in line.changes if change[1] != current]
        course = policy_changes(current, named, of_files)
        line.changes = sorted(
            [*rest, *((i, current, blob) for i, blob in course)], key=lambda change: change[0]
        )
        return line

    def _named_policies(self, line: MainLine) -> list[tuple[int, str | None]]:
        """Each commit that changed the list of environments, and the policy that it names for this
        one; None where it cannot be read or does not have it."""
        assert self.environment is not None
        changes = self._changes(line, f"{self.root}/{ENVIRONMENTS}")
        contents = self.git.blobs(blob for _, _, blob in changes if blob)
        found = []
        for i, _, blob in changes:
            known = (
                read_environments(contents[blob], self.root)[0]
                if blob and blob in contents
                else None
            )
            one = known.get(self.environment.name) if known else None
            found.append((i, one.folder.policy_path if one else None))
        return found

    def _changes(self, line: MainLine, file: str) -> list[tuple[int, str, str | None]]:
        """What the commits of a line did to one more file; the line comes to know those commits."""
        more = MainLine(line.shas, [], {}, line.times, {})
        self._fill(more, [file])
        line.commits.update(
            (sha, commit) for sha, commit in more.commits.items() if sha not in line.commits
        )
        return more.changes

    def _newest_merged(self, commit: str) -> str | None:
        """The newest commit of the main line that came into a commit's history by a merge; None
        where its first parents lead there, or where no main line is known."""
        try:
            main = self.main_line
        except GitFailure:
            return None
        if commit in main:
            return None
        have = len(main) - len(self.git.first_parents(self.main_ref, excluded=commit))
        newest = next((sha for sha, place in main.items() if place == have - 1), None)
        return None if newest in self.git.first_parents(commit) else newest

    def line_of(self, merge: Merge) -> MainLine:
        """The main line as it will be: the branch's, and on top of it the merge under the
        revision's name."""
        line = self._with_policies(self.git.line(merge.made, self.registry))
        if merge.is_nothing:
            return line
        told = self.git.describe(merge.revision)
        at = line.commits[merge.made].at if merge.made in line.commits else told.at
        commits = {sha: commit for sha, commit in line.commits.items() if sha != merge.made}
        return MainLine(
            [*line.shas[:-1], merge.revision],
            line.changes,
            commits | {merge.revision: replace(told, at=at)},
        )

    def dirty_paths(self) -> list[str]:
        """Manifests and policy that differ from HEAD in the working tree."""
        return [
            path
            for path in self.git.dirty_paths(self.registry.paths)
            if self.registry.classify(path)
        ]

    def owner(self, line: MainLine) -> str | None:
        """`<root commit>:<registry folder>[:<environment>]`, what marks a model as this
        repository's.

        None in a shallow clone, which does not know its root.
        """
        here = (
            f"{self.registry}:{self.environment.name}" if self.environment else str(self.registry)
        )
        if not line.shas:
            return f"uncommitted:{here}"
        return None if self.git.is_shallow() else f"{line.shas[0]}:{here}"
