"""What a version's own artifacts state about the model: `MLmodel` and the requirements beside it.

Only these two small files are fetched, through MLflow's public API and into a temporary folder. The
model itself is never fetched, let alone loaded.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import yaml

from mlflow_gitops.core.recorded.values import ModelFile, Signature
from mlflow_gitops.edges.system.redaction import redact, without_credentials
from mlflow_gitops.errors import RegistryFailure

MAX_BYTES = 4 << 20
"""The largest file that is read. Those that MLflow writes have a few thousand bytes."""

_MODEL, _REQUIREMENTS = "MLmodel", "requirements.txt"
_EXACT = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[^\]]*\])?\s*===?\s*([^\s;,*]+)\Z"
)
_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:[\[<>=!~;@(]|\Z)")


def fetch_model_file(
    location: str, tracking_uri: str, registry_uri: str, folder: str
) -> ModelFile | None:
    """Fetch the model file and the requirements at an artifact location into `folder`; None if
    there is no `MLmodel`.

    Raises RegistryFailure for a file that MLflow did not write, and whatever MLflow's storage
    drivers raise.
    """
    files = _Files(location.rstrip("/"), tracking_uri, registry_uri, folder)
    if files.is_listed and _MODEL not in files.sizes:
        return None

    model, signature = _parse_model(files.fetch(_MODEL), files.display_root)
    pyfunc = (model.get("flavors") or {}).get("python_function") or {}
    python, size = pyfunc.get("python_version"), model.get("model_size_bytes")
    return ModelFile(
        signature=signature,
        size=size if isinstance(size, int) else None,
        python=str(python) if python else None,
        libraries=libraries(_read_requirements(files)),
    )


class _Files:
    """The files at one artifact location.

    MLflow lists artifacts only through its global registry URI, not through one that it is given
    (3.17). So a Unity Catalog location, `models:/NAME/VERSION`, is not listed. A version there has
    both files, or it would not have been accepted.
    """

    def __init__(self, root: str, tracking_uri: str, registry_uri: str, folder: str) -> None:
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        from mlflow.artifacts import list_artifacts

        self._root, self._folder = root, folder
        self._uris = {"tracking_uri": tracking_uri, "registry_uri": registry_uri}
        self.display_root = without_credentials(root)
        self.is_listed = not root.startswith("models:/")
        entries = list_artifacts(root, tracking_uri=tracking_uri) if self.is_listed else []
        self.sizes = {
            str(entry.path).rpartition("/")[2]: entry.file_size or 0
            for entry in entries
            if not entry.is_dir
        }

    def fetch(self, name: str) -> Path:
        from mlflow.artifacts import download_artifacts

        if self.sizes.get(name, 0) > MAX_BYTES:
            raise RegistryFailure(
                f"The file {name} at {self.display_root} is larger than {MAX_BYTES >> 20} MiB."
            )
        return Path(download_artifacts(f"{self._root}/{name}", dst_path=self._folder, **self._uris))


def _parse_model(file: Path, display_root: str) -> tuple[dict[str, Any], Signature | None]:
    try:
        model = yaml.safe_load(file.read_text("utf-8"))
        if not isinstance(model.get("flavors") or {}, dict):
            raise TypeError("flavors is not a mapping")
        return model, _signature(model.get("signature"))
    except Exception as error:
        # The first line alone, so that nothing from the file is quoted.
        reason = str(error).partition("\n")[0][:200]
        raise RegistryFailure(
            f"The file {_MODEL} at {display_root} was not written by MLflow: {reason}"
        ) from error


def _read_requirements(files: _Files) -> str:
    """The requirements file's text; empty if there is none."""
    from mlflow.exceptions import MlflowException

    if files.is_listed and _REQUIREMENTS not in files.sizes:
        return ""
    try:
        return files.fetch(_REQUIREMENTS).read_text("utf-8", "replace")
    except (MlflowException, OSError):
        if files.is_listed:
            raise
        return ""


def _signature(signature: Any) -> Signature | None:
    # Not through `Model.load`: that opens whatever file the key `resources` names (3.17).
    from mlflow.models import ModelSignature

    if not signature:
        return None
    parsed = ModelSignature.from_dict(signature)
    return Signature(_columns(parsed.inputs), _columns(parsed.outputs), _columns(parsed.params))


def _columns(schema: Any) -> tuple[dict[str, Any], ...] | None:
    # Through JSON, as MLflow stores it: defaults of parameters may be dates and the like.
    return None if schema is None else tuple(json.loads(schema.to_json()))


def libraries(requirements: str) -> dict[str, str]:
    """Parse a requirements file: distribution name (as PEP 503 normalises it) to exact version, or
    to the whole requirement if it is not one version. Options are left out, and credentials are
    removed from addresses."""
    requirements_by_name: dict[str, list[str]] = {}
    for line in requirements.splitlines():
        requirement = redact(re.split(r"(?:^|\s)#", line)[0].strip())
        if not requirement or requirement.startswith("-"):
            continue

        name, version = _parse_requirement(requirement)
        requirements_by_name.setdefault(name, []).append(version or requirement)
    return {name: ", ".join(values) for name, values in requirements_by_name.items()}


def _parse_requirement(requirement: str) -> tuple[str, str | None]:
    """Name and exact version; without a name, the requirement itself as the name."""
    if exact := _EXACT.match(requirement):
        return _normalize(exact.group(1)), exact.group(2)
    if name := _NAME.match(requirement):
        return _normalize(name.group(1)), None
    return requirement, None


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
