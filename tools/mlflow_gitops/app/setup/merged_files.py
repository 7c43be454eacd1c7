"""What `validate` checks besides manifests and the policy, for a merge: CODEOWNERS, the list of
environments, and who is notified. Everything is read from git's objects."""

from __future__ import annotations

from mlflow_gitops.app.setup import codeowners
from mlflow_gitops.app.workspace import Merge, Workspace
from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS, NOTIFY
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.setup.codeowners import LOCATIONS, CodeOwners
from mlflow_gitops.core.yaml.problems import Problem

_MAX_BYTES = 16 * 1024 * 1024


def errors_of_merge(
    workspace: Workspace, merge: Merge, merged: Snapshot, branch: Snapshot
) -> list[Problem]:
    """The errors that a merge brings. What is wrong on its branch already does not stop it
    (RULES R12)."""
    after = _FilesAt(workspace, merge.commit)
    errors = [*after.codeowners_errors(merged), *after.list_errors(), *after.notify_errors()]
    if not errors:
        return []

    before = _FilesAt(workspace, merge.onto)
    earlier = [*before.codeowners_errors(branch), *before.list_errors(), *before.notify_errors()]
    return [
        error
        for error in errors
        if error not in earlier or before.data(error.file) != after.data(error.file)
    ]


class _FilesAt:
    """The files of one commit."""

    def __init__(self, workspace: Workspace, commit: str) -> None:
        self._workspace = workspace
        self._commit = commit

    def codeowners_errors(self, snapshot: Snapshot) -> list[Problem]:
        """Whether GitHub asks the owners that the snapshot's manifests name. A missing file is a
        warning of `validate` alone."""
        for location in LOCATIONS:
            data = self.data(location)
            if data is not None:
                current = CodeOwners(location, data.decode("utf-8", "surrogateescape"))
                has_tools = self._object("tools", "tree") is not None
                return codeowners.stale_lines(
                    self._workspace, snapshot, current, has_tools=has_tools
                )
        return []

    def list_errors(self) -> list[Problem]:
        """What is wrong with the list of environments."""
        path = f"{self._workspace.root}/{ENVIRONMENTS}"
        data = self.data(path)
        if data is None:
            return []
        from mlflow_gitops.core.manifests.environments import read_environments

        return read_environments(data, self._workspace.root)[1]

    def notify_errors(self) -> list[Problem]:
        """What is wrong with the file that says who is notified."""
        path = f"{self._workspace.root}/{NOTIFY}"
        data = self.data(path)
        if data is None:
            return []
        from mlflow_gitops.core.notifying.settings import read_notify

        return read_notify(data, path)[1]

    def data(self, path: str) -> bytes | None:
        """A file's content; None if there is none, or it is too large."""
        blob = self._object(path, "blob")
        return self._workspace.git.blobs([blob], _MAX_BYTES).get(blob) if blob else None

    def _object(self, path: str, kind: str) -> str | None:
        """The id of what the commit has at a path, if it is of this kind."""
        entry = self._workspace.git.output(
            "ls-tree", "--full-tree", self._commit, "--", path
        ).split()
        return entry[2] if entry[1:2] == [kind] else None
