"""The files of the main branch, for commands that propose changes of them. The checkout is not
read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.manifest_file import OpenManifest
from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.snapshot import Snapshot, SourceFile, build
from mlflow_gitops.edges.forge import Forge
from mlflow_gitops.edges.git.refs.branches import branch_name
from mlflow_gitops.settings import Settings


@dataclass(frozen=True, slots=True)
class MainFiles:
    """The main branch: its name, its newest commit, and that commit's files."""

    name: str
    tip: str
    sources: Mapping[str, SourceFile]
    snapshot: Snapshot

    def open(
        self, workspace: Workspace, settings: Settings, manifest: Manifest, policy: Policy
    ) -> OpenManifest:
        """One of its manifests, to be edited."""
        rules = policy.for_model(manifest.name, manifest.kind)
        paths = (workspace.registry.policy_path, manifest.file)
        sources = {path: self.sources[path] for path in paths if path in self.sources}
        return OpenManifest(workspace, settings, sources, manifest.file, manifest, rules)


def read_main_files(workspace: Workspace, forge: Forge) -> MainFiles:
    """The main branch as it was last fetched. Raises GitFailure, and ForgeFailure if the forge has
    to name the branch."""
    git = workspace.git
    tip = git.resolve(workspace.main_ref)
    sources = {file.path: file for file in git.files_at(tip, workspace.registry)}
    snapshot = build(sources.values(), workspace.registry)
    name = branch_name(git, workspace.main_ref) or forge.default_branch
    return MainFiles(name, tip, sources, snapshot)
