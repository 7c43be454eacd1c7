"""Which run and logged model a version's files come from.

A version names a run and a source separately, and MLflow does not compare them (3.17): anyone who
may register a version can put a good run beside other files. So the evidence about a version is
that of its source: the logged model there and that model's run, or the run whose artifacts hold the
files. Nothing else is read in their place.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.values import Record
from mlflow_gitops.edges.mlflow.listing import logged_model
from mlflow_gitops.edges.mlflow.recorded import read_record
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.edges.system.redaction import without_credentials

if TYPE_CHECKING:
    from mlflow import MlflowClient

_MAX_COPIES = 10
"""How many times a version may be a copy of a copy."""
_MAX_MODELS_OF_RUN = 20
"""Logged models of one run that are read to see which of them a metric of the run belongs to."""
_VERSION_SOURCE = re.compile(r"models:/([^/@]+)/([0-9]+)\Z")
_RUN_IN_PATH = re.compile(r"/([0-9a-f]{32})/artifacts(?:/|\Z)")


class Provenance:
    """Reads what MLflow recorded about the files of versions of one registry."""

    def __init__(self, client: MlflowClient, server: Server) -> None:
        self._client = client
        self._server = server
        self.artifact_locations: dict[str, str] = {}
        """Where the logged models that were read keep their artifacts, by their sources."""

    def record(self, version: ObservedVersion) -> Record | None:
        """What was recorded about the files at a version's source; None if the version names
        neither run nor logged model. A record with a `fault` has no evidence, and says why."""
        source, fault = self._origin_source(version.source)
        if fault is not None:
            return Record(fault=fault)

        model_id = logged_model(source)
        if model_id is not None:
            if version.model_id not in (None, model_id, logged_model(version.source)):
                return Record(
                    fault=f"it names the logged model {version.model_id}, and its source is"
                    f" {model_id}"
                )
            return self._of_logged_model(version, model_id)
        if version.model_id is not None:
            return self._of_model_artifacts(version, version.model_id, source)
        return self._of_run(version, source)

    def _origin_source(self, source: str | None) -> tuple[str | None, str | None]:
        """The source of the version that a copy was made from (`copy_model_version`, which keeps
        `models:/NAME/VERSION`); any other source itself. The second value is why there is none."""
        for _ in range(_MAX_COPIES):
            copied = _VERSION_SOURCE.match(source or "")
            if copied is None:
                return source, None
            name, number = unquote(copied[1]), copied[2]
            original = self._server.find(partial(self._client.get_model_version, name), number)
            if original is None:
                return None, f"it is a copy of version {number} of {name}, which is not in MLflow"
            source = original.source or None
        return None, "it is a copy of too many copies"

    def _of_logged_model(self, version: ObservedVersion, model_id: str) -> Record:
        logged = self._server.find(self._client.get_logged_model, model_id)
        if logged is None:
            return _without_logged_model(model_id)
        return self._of_existing_model(version, logged)

    def _of_model_artifacts(
        self, version: ObservedVersion, model_id: str, source: str | None
    ) -> Record:
        """The evidence of a version whose source is the folder of a logged model's artifacts."""
        logged = self._server.find(self._client.get_logged_model, model_id)
        if logged is None:
            return _without_logged_model(model_id)
        if source is not None and not _is_below(source, str(logged.artifact_location)):
            return Record(
                fault=f"its source {without_credentials(source)} is not where its logged model"
                f" {model_id} is"
            )
        return self._of_existing_model(version, logged)

    def _of_existing_model(self, version: ObservedVersion, logged: Any) -> Record:
        model_id, run_id = str(logged.model_id), logged.source_run_id or None
        self.artifact_locations[f"models:/{model_id}"] = str(logged.artifact_location)
        if version.run_id and version.run_id != run_id:
            return Record(
                fault=f"its run {version.run_id} is not the run of its logged model {model_id},"
                f" which is {run_id or 'of no run'}"
            )
        if run_id is None:
            return read_record(None, logged) or Record()

        run, fault = self._run(run_id)
        if fault is not None:
            fault = f"{fault}; it is the run of its logged model {model_id}"
            return Record(fault=fault, is_gone=True)
        return read_record(run, logged, self._metrics_of_others(run, model_id)) or Record()

    def _of_run(self, version: ObservedVersion, source: str | None) -> Record | None:
        """The evidence of a version without a logged model."""
        run_id = version.run_id or _run_in(source)
        if run_id is None:
            return None

        run, fault = self._run(run_id)
        if fault is not None:
            # A run that never was here may be in the MLflow where an outside source was trained.
            is_gone = run is not None or _run_in(source) == run_id
            return Record(fault=fault, is_run_missing=True, is_gone=is_gone)
        if source is None or _is_of_run(source, run):
            return read_record(run, None)
        if source.startswith("runs:/") or urlsplit(source).scheme in ("mlflow-artifacts", "models"):
            return Record(
                fault=f"its source {_shown(source)} is not among the artifacts of its run {run_id}"
            )
        return read_record(run, None, is_claim=True)

    def _run(self, run_id: str) -> tuple[Any, str | None]:
        """A run, and why it is no evidence. MLflow still returns a deleted run (3.17)."""
        run = self._server.find(self._client.get_run, run_id)
        if run is None:
            return None, f"its run {run_id} is not in MLflow"
        if run.info.lifecycle_stage == "deleted":
            return run, f"its run {run_id} was deleted in MLflow"
        return run, None

    def _metrics_of_others(self, run: Any, model_id: str) -> frozenset[str] | None:
        """The keys of a run's metrics that belong to another logged model of the run; None if there
        are too many models to tell."""
        outputs = getattr(run, "outputs", None)
        others = {
            str(output.model_id)
            for output in (outputs.model_outputs if outputs else ())
            if output.model_id != model_id
        }
        if len(others) > _MAX_MODELS_OF_RUN:
            return None

        keys: set[str] = set()
        for other_id in sorted(others):
            other = self._server.find(self._client.get_logged_model, other_id)
            keys |= {metric.key for metric in (other.metrics or ())} if other is not None else set()
        return frozenset(keys)


def _without_logged_model(model_id: str) -> Record:
    fault = f"its logged model {model_id} is not in MLflow, or was deleted"
    return Record(fault=fault, is_gone=True)


def _is_of_run(source: str, run: Any) -> bool:
    """Whether a source is an artifact of a run."""
    if source.startswith("runs:/"):
        path = unquote(source.removeprefix("runs:/"))
        return path.split("/")[0] == run.info.run_id and ".." not in path.split("/")
    return _is_below(source, str(run.info.artifact_uri))


def _run_in(source: str | None) -> str | None:
    """The run that a source's own path names. Whether the source is really there is checked
    against the run."""
    if source is None:
        return None
    if source.startswith("runs:/"):
        return source.removeprefix("runs:/").partition("/")[0] or None
    match = _RUN_IN_PATH.search(source)
    return match[1] if match else None


def _is_below(location: str, root: str) -> bool:
    """Whether a location is a folder or something in it. Spellings of one place are equal."""
    path, root_path = _normalized(location), _normalized(root)
    if ".." in path.split("/"):
        return False
    return path == root_path or path.startswith(f"{root_path}/")


def _normalized(location: str) -> str:
    """An artifact location without `file://`, MLflow's own host, escapes and a slash at the end."""
    parts = urlsplit(location)
    if parts.scheme == "mlflow-artifacts":
        location = f"mlflow-artifacts:{parts.path}"
    elif parts.scheme == "file":
        location = parts.path
    return unquote(location).rstrip("/")


def _shown(source: str) -> str:
    return without_credentials(source)
