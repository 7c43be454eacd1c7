"""The process that reads another environment's MLflow, with that environment's credentials.
`origins.py` starts it."""

from __future__ import annotations

import os
import pickle
import sys
from typing import Any

from mlflow_gitops.core.manifests.environments import Environment
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.edges.mlflow.artifacts.file_reader import digest_of
from mlflow_gitops.edges.mlflow.other_environments.lineage import OriginVersion
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.errors import RegistryFailure
from mlflow_gitops.settings import THIS_PROCESS


def _read(environment: Environment, pin: OriginPin, folder: str | None) -> OriginVersion:
    registry = Registry(
        environment.tracking_uri, environment.registry_uri, workspace=environment.workspace
    )
    model = registry.read(pin.model)
    if model is None or model.is_prompt or pin.version not in model.versions:
        return OriginVersion()

    version = model.versions[pin.version]
    if folder is not None:
        artifacts = registry.download(pin.model, version, folder)
        return OriginVersion(
            version,
            lineage=registry.lineage(version),
            digest=digest_of(artifacts),
            folder=str(artifacts),
        )

    model_file, fault = None, None
    paths: tuple[str, ...] = ()
    try:
        model_file = registry.model_file(pin.model, version)
        paths = registry.file_paths(pin.model, version)
    except RegistryFailure as failure:
        fault = str(failure)
    return OriginVersion(version, registry.record(version), model_file, fault, paths=paths)


def main() -> None:
    """Read one request from standard input, and write the answer to the file that it names."""
    THIS_PROCESS.is_command = True
    working_folder, environment, pin, folder, answer_file = pickle.load(sys.stdin.buffer)
    os.chdir(working_folder)  # relative paths of a store start there
    answer: Any
    try:
        answer = _read(environment, pin, folder)
    except RegistryFailure as failure:
        answer = (str(failure), failure.transient)
    answer_file.write_bytes(pickle.dumps(answer))


if __name__ == "__main__":
    main()
