"""What a version's own artifacts state about the model: `MLmodel` and the requirements beside it.

Only these two small files are fetched, through MLflow's public API and into a temporary folder. The
model itself is never fetched, let alone loaded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace

from mlflow_gitops.core.recorded.values import ModelFile, Signature
from mlflow_gitops.core.secrets import shown_source
from mlflow_gitops.edges.mlflow.artifacts.model_yaml import read_values
from mlflow_gitops.edges.mlflow.artifacts.signature_json import parse_signature
from mlflow_gitops.edges.system.http_answers import answers_up_to
from mlflow_gitops.edges.system.redaction import redact
from mlflow_gitops.errors import RegistryFailure

MAX_BYTES = 4 << 20
"""The largest file that is read. Those that MLflow writes have a few thousand bytes."""

MAX_LISTING = 16 << 20
"""Bytes of the list of a version's files."""

_MAX_LINES = 50_000
_MAX_LINE = 4_000
"""Lines of the requirements, and characters of one. A file with the hashes of 300 packages has
9,000 lines."""

_MODEL, _REQUIREMENTS = "MLmodel", "requirements.txt"
NAMES = (_MODEL, _REQUIREMENTS)
"""The files that are read."""
_SIZE = re.compile(r"[0-9]{1,18}\Z")
_COMMENT = re.compile(r"(?:^|\s)#")
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

    text = files.text(_MODEL)
    try:
        file = parse_model_file(text)
    except ValueError as error:
        # The first line alone, so that nothing from the file is quoted.
        reason = str(error).partition("\n")[0][:200]
        raise RegistryFailure(
            f"The file {_MODEL} at {files.display_root} was not written by MLflow: {reason}"
        ) from error
    return replace(file, libraries=libraries(_read_requirements(files)))


def parse_model_file(text: str) -> ModelFile:
    """What the text of an `MLmodel` states, without libraries. Raises ValueError if MLflow did not
    write it."""
    values, flavors = read_values(text)
    size = values.get(("model_size_bytes",), "")
    python = values.get(("flavors", "python_function", "python_version"))
    size_in_bytes = int(size) if _SIZE.match(size) else None
    return ModelFile(_signature(values), size_in_bytes, python or None, flavors=flavors)


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
        self.display_root = shown_source(root)
        self.is_listed = not root.startswith("models:/")
        with answers_up_to(MAX_LISTING):
            entries = list_artifacts(root, tracking_uri=tracking_uri) if self.is_listed else []
        self.sizes = {
            str(entry.path).rpartition("/")[2]: entry.file_size or 0
            for entry in entries
            if not entry.is_dir
        }

    def text(self, name: str) -> str:
        """Fetch a file and return its text. Raises RegistryFailure if it is too large, by the
        listing or in fact."""
        from mlflow.artifacts import download_artifacts

        if self.sizes.get(name, 0) > MAX_BYTES:
            raise self._too_large(name)
        address = f"{self._root}/{name}"
        with open(download_artifacts(address, dst_path=self._folder, **self._uris), "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise self._too_large(name)
        return data.decode("utf-8", "replace")

    def _too_large(self, name: str) -> RegistryFailure:
        return RegistryFailure(
            f"The file {name} at {self.display_root} is larger than {MAX_BYTES >> 20} MiB."
        )


def _read_requirements(files: _Files) -> str:
    """The requirements file's text; empty if there is none."""
    from mlflow.exceptions import MlflowException

    if files.is_listed and _REQUIREMENTS not in files.sizes:
        return ""
    try:
        return files.text(_REQUIREMENTS)
    except (MlflowException, OSError):
        if files.is_listed:
            raise
        return ""


def _signature(values: Mapping[tuple[str, ...], str]) -> Signature | None:
    # Not through `Model.load`: that opens whatever file the key `resources` names (3.17).
    texts = {path[1]: text for path, text in values.items() if path[0] == "signature" and text}
    return parse_signature(texts)


def libraries(requirements: str) -> dict[str, str]:
    """Parse a requirements file: distribution name (as PEP 503 normalises it) to exact version, or
    to the whole requirement if it is not one version. Options are left out, and credentials are
    removed from addresses. Raises RegistryFailure if it is larger than any that is read."""
    lines = redact(requirements).splitlines()
    if len(lines) > _MAX_LINES or any(len(line) > _MAX_LINE for line in lines):
        raise RegistryFailure(
            f"The file {_REQUIREMENTS} has more than {_MAX_LINES:,} lines, or a line of more than"
            f" {_MAX_LINE:,} characters."
        )

    requirements_by_name: dict[str, list[str]] = {}
    for line in lines:
        requirement = _COMMENT.split(line, 1)[0].strip()
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
