"""Reading the MLflow of another environment, in a process of its own.

The process (`process.py`) has the credentials of that environment and no others.
MLflow's globals (URIs, workspace, variables) hold for a whole process, so they cannot be mixed up
either. The process gets one request on its standard input and leaves its answer in a file; both are
pickles that only this program writes.
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
from mlflow_gitops.edges.mlflow.other_environments.lineage import OriginVersion
from mlflow_gitops.edges.system.cache import VARIABLE
from mlflow_gitops.edges.system.redaction import redact
from mlflow_gitops.errors import Refused, RegistryFailure

_PROCESS_MODULE = "mlflow_gitops.edges.mlflow.other_environments.process"
_CREDENTIAL_PREFIXES = ("MLFLOW_", "AWS_", "AZURE_", "GOOGLE_", "DATABRICKS_")
"""Prefixes of the variables that may be set for each environment by a name of their own."""
_WITHHELD_PREFIXES = (
    "MLFLOW_TRACKING_",
    "MLFLOW_REGISTRY_",
    "MLFLOW_WORKSPACE",
    "MLFLOW_S3_",
    "MLFLOW_GITOPS_",
    "DATABRICKS_",
    "PGPASSWORD",
    "GITHUB_TOKEN",
    "GH_TOKEN",
)
"""Prefixes of the variables that belong to one environment or to the repository.

The process for another environment gets them only if they are set for that environment. It inherits
the credentials of an object store (`AWS_…`), unless others are set for it."""


def credentials(environment: Environment) -> dict[str, str]:
    """The variables that are set for one environment alone, by the names that MLflow and its
    storage drivers read: `MLFLOW_TRACKING_TOKEN_STAGING` as `MLFLOW_TRACKING_TOKEN`."""
    suffix = environment.variable_name("")
    return {
        name.removesuffix(suffix): value
        for name, value in os.environ.items()
        if name.endswith(suffix) and name.startswith(_CREDENTIAL_PREFIXES)
    }


class OtherEnvironments:
    """The environments that versions may be copied from, by name."""

    def __init__(
        self,
        environments: Mapping[str, Environment],
        check_approved: Callable[[Environment], None] = lambda environment: None,
    ) -> None:
        """`check_approved` raises RegistryFailure if no credentials may go to an environment."""
        self._environments = environments
        self._check_approved = check_approved
        self._versions: dict[OriginPin, OriginVersion | Unreadable] = {}
        self._lock = threading.Lock()

    def read(self, pin: OriginPin) -> OriginVersion:
        """The metadata of the version that a pin names. Each is read once in a run. Raises
        Unreadable."""
        with self._lock:
            if pin not in self._versions:
                try:
                    self._versions[pin] = self._request(pin)
                except RegistryFailure as failure:
                    self._versions[pin] = Unreadable(str(failure))
            version = self._versions[pin]

        if isinstance(version, Unreadable):
            raise version
        return version

    def make_pin(self, environment: str, model: str, version: int) -> OriginPin:
        """Pin a version as it is now. All of its artifacts are downloaded for their digest. Raises
        Refused if there is no such version, and RegistryFailure."""
        pin = OriginPin(environment, version, "", model=model)
        with _temporary_folder() as folder:
            origin = self._request(pin, folder)

        if origin.version is None:
            raise Refused(f"{environment} has no version {version} of {model}.")
        return replace(
            pin,
            digest=origin.digest,
            run_id=origin.version.run_id,
            model_id=origin.version.model_id,
        )

    def with_artifacts(
        self, pin: OriginPin, use: Callable[[OriginPin, OriginVersion], VersionSpec]
    ) -> VersionSpec:
        """Download a version's artifacts, check them by the pin, and return what `use` returns.

        The artifacts are in `OriginVersion.folder` until `use` returns. Raises Refused if the
        version is missing or differs from the pin.
        """
        with _temporary_folder() as folder:
            origin = self._request(pin, folder)
            _check_pin(pin, origin)
            return use(pin, origin)

    def _request(self, pin: OriginPin, folder: str | None = None) -> OriginVersion:
        """Read a version in a process of its own; with `folder`, its artifacts too."""
        environment = self._environments.get(pin.environment)
        if environment is None:
            listed = ", ".join(self._environments) or "none"
            raise RegistryFailure(
                f"environments.yaml lists no other environment {pin.environment!r}; it has"
                f" {listed}."
            )

        self._check_approved(environment)
        with _temporary_folder() as home:
            answer_file = Path(home) / "answer"
            # The process starts in an empty folder, since Python imports from where it starts.
            process = subprocess.run(
                [sys.executable, "-m", _PROCESS_MODULE],
                input=pickle.dumps((Path.cwd(), environment, pin, folder, answer_file)),
                env=_process_variables(environment),
                cwd=home,
                capture_output=True,
            )
            if not answer_file.is_file():
                errors = process.stderr.decode("utf-8", "replace").strip().splitlines()
                reason = redact(errors[-1]) if errors else f"exit code {process.returncode}"
                raise RegistryFailure(f"{pin.environment} could not be read: {reason}")
            answer = pickle.loads(answer_file.read_bytes())

        if isinstance(answer, OriginVersion):
            return answer
        message, is_transient = answer
        raise RegistryFailure(f"{pin.environment}: {message}", transient=is_transient)


def _check_pin(pin: OriginPin, origin: OriginVersion) -> None:
    if origin.version is None:
        raise Refused(f"{pin.environment} has no version {pin.version} of {pin.model}.")

    comparisons = (
        ("digest", pin.digest, origin.digest),
        ("run_id", pin.run_id, origin.version.run_id),
        ("model_id", pin.model_id, origin.version.model_id),
    )
    for field, expected, actual in comparisons:
        if expected not in (None, actual):
            raise Refused(
                f"{pin.label} is pinned to {field} {expected} and has {actual or 'none'}; nothing"
                " was copied."
            )


def _process_variables(environment: Environment) -> dict[str, str]:
    """The environment variables of the process that reads another environment."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_WITHHELD_PREFIXES)
    }
    if VARIABLE in os.environ:
        inherited[VARIABLE] = os.environ[VARIABLE]
    return inherited | credentials(environment)


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="mlflow-gitops-", ignore_cleanup_errors=True)
