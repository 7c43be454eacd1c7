"""The process that asks another environment's MLflow, with that environment's credentials
(`edges/mlflow/other_environments.py` begins it)."""

from __future__ import annotations

import os
import pickle
import sys
from typing import Any

from mlflow_gitops.core.manifests.environments import Environment
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.edges.mlflow.lineage import OriginVersion, digest
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.errors import RegistryFailure


def _answer(place: Environment, pin: OriginPin, folder: str | None) -> OriginVersion:
    registry = Registry(place.tracking_uri, place.registry_uri, workspace=place.workspace)
    seen = registry.read(pin.model)
    version = seen.versions.get(pin.version) if seen is not None and not seen.is_prompt else None
    if version is None:
        return OriginVersion()
    if folder is not None:
        artifacts = registry.download(pin.model, version, folder)
        told = registry.lineage(version)
        return OriginVersion(version, lineage=told, digest=digest(artifacts), folder=str(artifacts))
    file, fault = None, None
    try:
        file = registry.model_file(pin.model, version)
    except RegistryFailure as failure:
        fault = str(failure)
    return OriginVersion(version, registry.record(version), file, fault)


def main() -> None:
    """Answer one request."""
    here, place, pin, folder, answer = pickle.load(sys.stdin.buffer)
    os.chdir(here)  # which a store's relative path begins at
    found: Any
    try:
        found = _answer(place, pin, folder)
    except RegistryFailure as failure:
        found = (str(failure), failure.transient)
    answer.write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main()
