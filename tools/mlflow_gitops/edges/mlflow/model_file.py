"""What a version's own artifacts say: the file `MLmodel` and the requirements beside it.

These two small files are all that is fetched, through MLflow's public API and into a folder that is
gone afterwards. The model itself is never fetched, let alone loaded.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import threading
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from mlflow_gitops.core.recorded.values import ModelFile, Signature
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.edges.system.redaction import redact, without_credentials
from mlflow_gitops.errors import RegistryFailure

PATIENCE = 30.0
"""Seconds for one version's files: an object store that is dead or not to be reached is retried by
its driver for minutes."""

LARGEST = 4 << 20
"""Bytes of a file that is read. What MLflow writes has a few thousand."""

_MODEL, _REQUIREMENTS = "MLmodel", "requirements.txt"
_OVER_HTTP = ("http", "https", "mlflow-artifacts")
_EXACT = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[^\]]*\])?\s*===?\s*([^\s;,*]+)\Z"
)
_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:[\[<>=!~;@(]|\Z)")


class Artifacts:
    """Reads the artifacts of versions whose metadata live at `tracking_uri` and `registry_uri`."""

    def __init__(self, tracking_uri: str, registry_uri: str) -> None:
        self._tracking_uri, self._registry_uri = tracking_uri, registry_uri
        self._silent: set[str] = set()

    def read(self, location: str) -> ModelFile | None:
        """What lies at `location`, a URI that MLflow gave; None where there is no `MLmodel`.

        Raises RegistryFailure where it cannot be read: no access, no answer in time, not what
        MLflow writes.
        """
        shown, place = (
            without_credentials(location),
            location.partition(":/")[0] + urlsplit(location).netloc,
        )
        self.check_trusted(location)
        if place in self._silent:
            raise RegistryFailure(
                f"The artifacts at {shown} are not to be had: their storage did not answer before."
            )
        with tempfile.TemporaryDirectory(
            prefix="mlflow-gitops-", ignore_cleanup_errors=True
        ) as folder:
            found: list[ModelFile | None] = []
            failed: list[Exception] = []

            def run() -> None:
                try:
                    found.append(_fetch(location, self._tracking_uri, self._registry_uri, folder))
                except Exception as error:  # whatever MLflow's many storage drivers raise
                    failed.append(error)

            worker = threading.Thread(target=run, daemon=True)
            worker.start()
            worker.join(PATIENCE)
            if failed:
                raise self._failure(location, failed[0]) from failed[0]
            if not found:
                self._silent.add(place)
                raise RegistryFailure(
                    f"The artifacts at {shown} did not arrive within {PATIENCE:.0f} seconds."
                )
            return found[0]

    def download(self, location: str, folder: str) -> Path:
        """All that lies at `location`, fetched to below a folder. It takes as long as it takes.
        Raises RegistryFailure."""
        from mlflow.artifacts import download_artifacts

        self.check_trusted(location)
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        try:
            uris = {"tracking_uri": self._tracking_uri, "registry_uri": self._registry_uri}
            return Path(download_artifacts(location.rstrip("/"), dst_path=folder, **uris))
        except Exception as error:  # whatever MLflow's many storage drivers raise
            raise self._failure(location, error) from error

    def check_trusted(self, location: str) -> None:
        """Raise RegistryFailure for a place that is not to be read.

        MLflow sends its token to whatever host an `http:` location names (`HttpArtifactRepository`,
        3.17), so that who may register a version could collect the credentials of those who look at
        it.
        """
        parts, ours = urlsplit(location), urlsplit(self._tracking_uri)
        if parts.scheme in _OVER_HTTP and parts.netloc:
            same = parts.netloc.rpartition("@")[2] == ours.netloc.rpartition("@")[2]
            if not same or parts.scheme not in ("mlflow-artifacts", ours.scheme):
                raise RegistryFailure(
                    f"The artifacts at {without_credentials(location)} are not read: that is not"
                    " MLflow's own server, and its credentials would be sent there."
                )
        elif parts.scheme in ("", "file") and ours.scheme in ("http", "https"):
            path = Path(unquote(parts.path) if parts.scheme else location)
            if not path.is_dir():
                raise RegistryFailure(
                    f"The artifacts are in a folder of the server's, {path}, which is not on this"
                    " machine. Serve artifacts through the server (mlflow-artifacts:), or keep"
                    " them in an object store."
                )

    def _failure(self, location: str, error: Exception) -> RegistryFailure:
        if isinstance(error, RegistryFailure):
            return error
        proxied = urlsplit(location).scheme in (*_OVER_HTTP, "runs", "models")
        # `explain` begins with the address that it was told.
        where = self._tracking_uri if proxied else location
        cause = Server(where).explain(error, "list_artifacts")
        return RegistryFailure(f"The artifacts cannot be read. {cause.message}", fix=cause.fix)


def _fetch(location: str, tracking_uri: str, registry_uri: str, folder: str) -> ModelFile | None:
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from mlflow.artifacts import download_artifacts, list_artifacts
    from mlflow.exceptions import MlflowException

    root = location.rstrip("/")
    # MLflow lists no artifacts of a registry that it is told of (3.17), only of its global one: a
    # Unity Catalog's, the one that is asked by a version's name, is not listed. Both files are in
    # it, or the version was not accepted.
    listed = not root.startswith("models:/")
    found = list_artifacts(root, tracking_uri=tracking_uri) if listed else []
    sizes = {
        str(one.path).rpartition("/")[2]: one.file_size or 0 for one in found if not one.is_dir
    }
    if listed and _MODEL not in sizes:
        return None

    def get(name: str) -> Path:
        if sizes.get(name, 0) > LARGEST:
            raise RegistryFailure(
                f"The file {name} at {without_credentials(root)} is larger than {LARGEST >> 20}"
                " MiB."
            )
        place = f"{root}/{name}"
        return Path(
            download_artifacts(
                place, dst_path=folder, tracking_uri=tracking_uri, registry_uri=registry_uri
            )
        )

    fetched = get(_MODEL)
    try:
        said = yaml.safe_load(fetched.read_text("utf-8"))
        pyfunc = (said.get("flavors") or {}).get("python_function") or {}
        signature = _signature(said.get("signature"))
    except Exception as error:
        raise RegistryFailure(
            f"The file {_MODEL} at {without_credentials(root)} is not MLflow's: {_first(error)}"
        ) from error
    wanted = ""
    if _REQUIREMENTS in sizes or not listed:
        try:
            wanted = get(_REQUIREMENTS).read_text("utf-8", "replace")
        except (MlflowException, OSError):
            if listed:
                raise
    python = pyfunc.get("python_version")
    return ModelFile(
        signature=signature,
        size=_whole(said.get("model_size_bytes")),
        python=str(python) if python else None,
        libraries=libraries(wanted),
    )


def _first(error: Exception) -> str:
    """A line for a person; what the file holds is not quoted."""
    return str(error).partition("\n")[0][:200]


def _whole(size: object) -> int | None:
    return size if isinstance(size, int) else None


def _signature(said: Any) -> Signature | None:
    # Not through `Model.load`: that opens whatever file the key `resources` names (3.17).
    from mlflow.models import ModelSignature

    if not said:
        return None
    signed = ModelSignature.from_dict(said)
    return Signature(_columns(signed.inputs), _columns(signed.outputs), _columns(signed.params))


def _columns(schema: Any) -> tuple[dict[str, Any], ...] | None:
    # Through JSON, as MLflow keeps it: defaults of parameters may be dates and the like.
    return None if schema is None else tuple(json.loads(schema.to_json()))


def libraries(requirements: str) -> dict[str, str]:
    """A requirements file as distribution (in PEP 503's spelling) to exact version, or to the whole
    requirement where that is not one version. Options are left out; an address is shown without
    credentials."""
    found: dict[str, list[str]] = {}
    for line in requirements.splitlines():
        said = redact(re.split(r"(?:^|\s)#", line)[0].strip())
        if not said or said.startswith("-"):
            continue
        exact, named = _EXACT.match(said), _NAME.match(said)
        name = exact.group(1) if exact else named.group(1) if named else said
        key = re.sub(r"[-_.]+", "-", name).lower() if exact or named else name
        found.setdefault(key, []).append(exact.group(2) if exact else said)
    return {key: ", ".join(values) for key, values in found.items()}
