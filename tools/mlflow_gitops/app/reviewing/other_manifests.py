"""The manifests of one model in the other environments of its repository, as one commit has
them."""

from __future__ import annotations

from functools import cached_property

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of


class OtherManifests:
    """Reads manifests of other environments; none without environments, or without a commit. One
    that is invalid is left out."""

    def __init__(self, workspace: Workspace, commit: str | None) -> None:
        self._workspace = workspace
        self._commit = commit

    def manifests_of(self, model: str) -> list[tuple[str, Manifest]]:
        """The model's manifest in each other environment that has one."""
        manifests = []
        for name, folder in self._folders:
            for path, blob in self._paths[name].get(file_stem(model), ()):
                data = self._workspace.git.blobs([blob]).get(blob)
                manifest = read_manifest(data, path)[0] if data is not None else None
                if manifest is not None and folder.classify(path) == "manifest":
                    manifests.append((name, manifest))
        return manifests

    @cached_property
    def _folders(self) -> list[tuple[str, RegistryFolder]]:
        current = self._workspace.environment
        if current is None or self._commit is None:
            return []
        environments = self._workspace.environments.values()
        return [
            (environment.name, environment.folder)
            for environment in environments
            if environment.name != current.name
        ]

    @cached_property
    def _paths(self) -> dict[str, dict[str, list[tuple[str, str]]]]:
        """By environment and stem: the files in its folder of manifests, each with its blob."""
        paths: dict[str, dict[str, list[tuple[str, str]]]] = {}
        for name, folder in self._folders:
            command = ("ls-tree", "-r", "-z", "--full-tree", self._commit or "")
            listing = self._workspace.git.output(*command, "--", f"{folder}/models")
            by_stem = paths.setdefault(name, {})
            for entry in filter(None, listing.split("\0")):
                metadata, _, path = entry.partition("\t")
                by_stem.setdefault(stem_of(path), []).append((path, metadata.split()[2]))
        return paths
