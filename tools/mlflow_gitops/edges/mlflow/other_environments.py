"""The MLflow of another environment, asked by a process of its own: it has that environment's
credentials and no other's, and MLflow's globals (URIs, workspace, variables), which hold for a
whole process, are its own.

It (`edges/mlflow/other_environment_process.py`) gets one request on its standard input and leaves
its answer in a file. What is in there is what this program wrote.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from mlflow_gitops.core.manifests.environments import Environment
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.edges.mlflow.lineage import OriginVersion
from mlflow_gitops.errors import Refused, RegistryFailure

_ANSWERING = "mlflow_gitops.edges.mlflow.other_environment_process"
_OURS = ("MLFLOW_", "AWS_", "AZURE_", "GOOGLE_", "DATABRICKS_")
"""What a variable begins with that may be there once for each environment."""
_OF_THE_OTHER = (
    "MLFLOW_TRACKING_", "MLFLOW_REGISTRY_", "MLFLOW_WORKSPACE", "MLFLOW_S3_", "MLFLOW_GITOPS_", "DATABRICKS_", "PGPASSWORD",
    "GITHUB_TOKEN", "GH_TOKEN",
)  # fmt: skip
"""What speaks for one environment, or for the repository: another environment's process has it by a
variable of its own, or not at all. An object store's credentials (`AWS_…`) serve both, unless there
is one for the other alone."""


def credentials(place: Environment) -> dict[str, str]:
    """The variables that are set for one environment alone, by the names that MLflow and its
    storage drivers read."""
    ending = place.variable_name("")
    return {
        name.removesuffix(ending): value
        for name, value in os.environ.items()
        if name.endswith(ending) and name.startswith(_OURS)
    }


class OtherEnvironments:
    """The environments that versions may come from."""

    def __init__(self, places: Mapping[str, Environment]) -> None:
        self._places = places
        self._seen: dict[OriginPin, OriginVersion | Unreadable] = {}
        self._lock = threading.Lock()

    def read(self, pin: OriginPin) -> OriginVersion:
        """What a pin's version is, in metadata. Read once a run. Raises Unreadable."""
        with self._lock:
            if pin not in self._seen:
                try:
                    self._seen[pin] = self._ask(pin, None)
                except RegistryFailure as failure:
                    self._seen[pin] = Unreadable(str(failure))
            found = self._seen[pin]
        if isinstance(found, Unreadable):
            raise found
        return found

    def make_pin(self, environment: str, model: str, version: int) -> OriginPin:
        """The pin of a version as it is now; all of its artifacts are read for their digest. Raises
        Refused and RegistryFailure."""
        pin = OriginPin(environment, version, "", model=model)
        with tempfile.TemporaryDirectory(
            prefix="mlflow-gitops-", ignore_cleanup_errors=True
        ) as folder:
            found = self._ask(pin, folder)
        if found.version is None:
            raise Refused(f"{environment} has no version {version} of {model}.")
        return replace(
            pin, digest=found.digest, run_id=found.version.run_id, model_id=found.version.model_id
        )

    def with_artifacts(
        self, pin: OriginPin, take: Callable[[OriginPin, OriginVersion], VersionSpec]
    ) -> VersionSpec:
        """What `take` makes of a version, with its artifacts at `Look.folder` meanwhile, once it is
        what the pin says."""
        with tempfile.TemporaryDirectory(
            prefix="mlflow-gitops-", ignore_cleanup_errors=True
        ) as folder:
            found = self._ask(pin, folder)
            if found.version is None:
                raise Refused(f"{pin.environment} has no version {pin.version} of {pin.model}.")
            have = {
                "digest": found.digest,
                "run_id": found.version.run_id,
                "model_id": found.version.model_id,
            }
            for word, value in have.items():
                if (wanted := getattr(pin, word)) not in (None, value):
                    raise Refused(
                        f"{pin.label} is pinned to {word} {wanted} and has {value or 'none'};"
                        " nothing was copied."
                    )
            return take(pin, found)

    def _ask(self, pin: OriginPin, folder: str | None) -> OriginVersion:
        place = self._places.get(pin.environment)
        if place is None:
            known = ", ".join(self._places) or "none"
            raise RegistryFailure(
                f"environments.yaml lists no other environment {pin.environment!r}; it has {known}."
            )
        with tempfile.TemporaryDirectory(
            prefix="mlflow-gitops-", ignore_cleanup_errors=True
        ) as home:
            answer = Path(home) / "answer"
            # It begins in a folder of its own, since Python would import from where it begins.
            done = subprocess.run(
                [sys.executable, "-m", _ANSWERING],
                input=pickle.dumps((Path.cwd(), place, pin, folder, answer)),
                env=_environment(place),
                cwd=home,
                capture_output=True,
            )
            if not answer.is_file():
                said = done.stderr.decode("utf-8", "replace").strip().splitlines()
                raise RegistryFailure(
                    f"{pin.environment} could not be asked: {said[-1] if said else done.returncode}"
                )
            found = pickle.loads(answer.read_bytes())
        if isinstance(found, OriginVersion):
            return found
        raise RegistryFailure(f"{pin.environment}: {found[0]}", transient=found[1])


def _environment(place: Environment) -> dict[str, str]:
    """What the process for another environment is given of ours: nothing that speaks for this one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OF_THE_OTHER)}
    return kept | credentials(place)
