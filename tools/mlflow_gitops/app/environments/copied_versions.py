"""Which version of another environment a version was copied from, by the manifests' pins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.errors import Failure
from mlflow_gitops.settings import Settings


def copied_versions(settings: Settings, environment: str) -> Mapping[str, Mapping[int, str]]:
    """By model and version: the origin, such as `staging/5`, that HEAD pins. None are known if HEAD
    cannot be read."""
    try:
        workspace = Workspace(replace(settings, environment=environment))
        snapshot = workspace.at(workspace.git.resolve("HEAD"))
    except Failure:
        return {}
    return {
        name: {
            version: spec.origin.label
            for version, spec in manifest.versions.items()
            if spec.origin is not None
        }
        for name, manifest in snapshot.manifests.items()
    }
