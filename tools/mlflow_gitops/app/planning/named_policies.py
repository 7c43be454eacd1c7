"""The policies that the list of environments named along a line of commits, for one environment."""

from __future__ import annotations

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.environments import Environment, policy_changes, read_environments
from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS

FileChange = tuple[int, str, "str | None"]
"""A commit's index on a line, a path, and the new blob's id or None if the file was deleted."""


class NamedPolicies:
    """Adds to a line the policies of one environment of a repository."""

    def __init__(self, workspace: Workspace, environment: Environment) -> None:
        self._workspace = workspace
        self._environment = environment
        self._git = workspace.git
        self._registry = workspace.registry

    def on(self, line: MainLine) -> MainLine:
        """The line with, at each commit, the policy that the list of environments named then.

        Naming another policy file is a change of the policy, which the policy before it judges like
        any other (RULES R3).
        """
        current = self._registry.policy_path
        policy_paths = self._named(line)
        former_paths = {path for _, path in policy_paths if path} - {current}
        if not former_paths:
            return line

        changes = [change for change in line.changes if change[1] == current]
        for path in sorted(former_paths):
            changes += self._changes_of(line, path)
        unrelated = [change for change in line.changes if change[1] != current]
        policies = policy_changes(current, policy_paths, changes)
        line.changes = sorted(
            [*unrelated, *((index, current, blob) for index, blob in policies)],
            key=lambda change: change[0],
        )
        return line

    def _named(self, line: MainLine) -> list[tuple[int, str | None]]:
        """Each commit that changed the list of environments, and the policy that it names for this
        one; None if the list cannot be read or does not have the environment."""
        root = self._workspace.root
        changes = self._changes_of(line, f"{root}/{ENVIRONMENTS}")
        contents = self._git.blobs(blob for _, _, blob in changes if blob)

        policies: list[tuple[int, str | None]] = []
        for index, _, blob in changes:
            environments = None
            if blob and blob in contents:
                environments, _ = read_environments(contents[blob], root)
            current = environments.get(self._environment.name) if environments else None
            policies.append((index, current.folder.policy_path if current else None))
        return policies

    def _changes_of(self, line: MainLine, path: str) -> list[FileChange]:
        """What the commits of a line did to one more file. Adds these commits to `line.commits`."""
        file_line = MainLine(line.shas, [], {}, line.times, {})
        self._git.add_changes(file_line, [path])
        for sha, commit in file_line.commits.items():
            line.commits.setdefault(sha, commit)
        return file_line.changes
