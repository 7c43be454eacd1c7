"""Access to the artifacts of versions: which locations may be read, and for how long."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.core.recorded.numbers import format_size
from mlflow_gitops.core.recorded.values import ModelFile
from mlflow_gitops.core.secrets import shown_source
from mlflow_gitops.edges.mlflow.artifacts.digest_cache import DigestCache
from mlflow_gitops.edges.mlflow.artifacts.file_reader import (
    LEAST_BYTES,
    FileReader,
    Report,
    TooSlow,
)
from mlflow_gitops.edges.mlflow.artifacts.file_store import listed_paths, open_store
from mlflow_gitops.edges.mlflow.artifacts.model_file import (
    MAX_BYTES,
    MAX_LISTING,
    NAMES,
    fetch_model_file,
)
from mlflow_gitops.edges.mlflow.artifacts.trusted_locations import OVER_HTTP, check_trusted
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.edges.system.http_answers import answers_up_to, limit_files
from mlflow_gitops.errors import RegistryFailure, UnfitFiles
from mlflow_gitops.settings import DEFAULT_PATIENCE

ResultT = TypeVar("ResultT")


class Artifacts:
    """Reads the artifacts of versions whose metadata are at `tracking_uri` and `registry_uri`."""

    def __init__(
        self,
        tracking_uri: str,
        registry_uri: str,
        seconds: float = DEFAULT_PATIENCE.artifacts,
        files_seconds: float = DEFAULT_PATIENCE.artifact_files,
    ) -> None:
        """One version's small files may take `seconds` to arrive. When all its files are read, the
        storage may send little for `files_seconds`."""
        self._tracking_uri, self._registry_uri = tracking_uri, registry_uri
        self._seconds = seconds
        self._files_seconds = files_seconds
        self._unresponsive: set[str] = set()

    def read(self, location: str) -> ModelFile | None:
        """Read the model file at a URI that MLflow returned; None if there is no `MLmodel`.

        Raises RegistryFailure if it cannot be read: no access, no answer in time, not a file that
        MLflow wrote.
        """
        self._check_usable(location)
        limit_files(NAMES, MAX_BYTES, self._seconds)
        with tempfile.TemporaryDirectory(
            prefix="mlflow-gitops-", ignore_cleanup_errors=True
        ) as folder:
            uris = self._tracking_uri, self._registry_uri
            return self._in_time(location, lambda: fetch_model_file(location, *uris, folder))

    def paths(self, location: str) -> tuple[str, ...]:
        """List the paths of all files at `location`, and read none. Raises RegistryFailure."""
        if location.startswith("models:/"):
            raise RegistryFailure("Unity Catalog lists no files of a version.")
        self._check_usable(location)

        def list_paths() -> tuple[str, ...]:
            with answers_up_to(MAX_LISTING):
                store = open_store(location.rstrip("/"), self._tracking_uri, self._registry_uri)
                return tuple(listed_paths(store))

        return self._in_time(location, list_paths)

    def _check_usable(self, location: str) -> None:
        """Raise RegistryFailure for a location that is not trusted, or whose storage did not
        answer before."""
        self.check_trusted(location)
        if _storage_of(location) in self._unresponsive:
            raise RegistryFailure(
                f"The artifacts at {shown_source(location)} are not read: their storage did not"
                " answer before."
            )

    def _in_time(self, location: str, read: Callable[[], ResultT]) -> ResultT:
        """What `read` returns, if that takes no longer than this machine waits."""
        import mlflow.artifacts  # noqa: F401  loading it takes a second that is not the storage's

        results: list[ResultT] = []
        errors: list[Exception] = []

        def run() -> None:
            try:
                results.append(read())
            except Exception as error:  # MLflow's many storage drivers may raise anything
                errors.append(error)

        worker = threading.Thread(target=run, daemon=True)
        worker.start()
        worker.join(self._seconds)

        if errors:
            raise self._failure(location, errors[0]) from errors[0]
        if not results:
            self._unresponsive.add(_storage_of(location))
            raise RegistryFailure(
                f"The artifacts at {shown_source(location)} did not arrive within"
                f" {self._seconds:.0f} seconds."
            )
        return results[0]

    def files(
        self,
        location: str,
        scratch: Path,
        report: Report = lambda count: None,
        *,
        keep: bool = False,
        cached: bool = False,
    ) -> ModelFiles:
        """Read and digest all files at `location`. With `keep`, they stay in the folder `files`
        below `scratch`, which must be empty. With `cached`, files that the storage shows unchanged
        since they were read on this machine are not read again.

        `report` gets the number of bytes digested so far. Raises RegistryFailure if there are no
        files, if one cannot be read, or if the storage sends too little for too long.
        """
        self.check_trusted(location)
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        root = location.rstrip("/")
        try:
            store = open_store(root, self._tracking_uri, self._registry_uri)
            cache = DigestCache(root, store.identity) if cached else None
            reader = FileReader(store, scratch, keep=keep, cache=cache)
            files = reader.read(self._files_seconds, report)
        except TooSlow:
            raise RegistryFailure(
                f"The artifacts at {shown_source(location)} did not arrive: their storage sent less"
                f" than {format_size(LEAST_BYTES)} in {self._files_seconds:.0f} seconds."
            ) from None
        except Exception as error:  # MLflow's many storage drivers may raise anything
            raise self._failure(location, error) from error
        if not files.files:
            raise UnfitFiles(f"There are no artifacts at {shown_source(location)}.")
        return files

    def download(self, location: str, folder: str) -> Path:
        """Download everything at `location` into a new path below `folder`, however long it takes;
        returns that path. Raises RegistryFailure."""
        from mlflow.artifacts import download_artifacts

        self.check_trusted(location)
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        try:
            uris = {"tracking_uri": self._tracking_uri, "registry_uri": self._registry_uri}
            return Path(download_artifacts(location.rstrip("/"), dst_path=folder, **uris))
        except Exception as error:  # MLflow's many storage drivers may raise anything
            raise self._failure(location, error) from error

    def check_trusted(self, location: str) -> None:
        """As the function of this name, for this MLflow."""
        check_trusted(location, self._tracking_uri)

    def _failure(self, location: str, error: Exception) -> RegistryFailure:
        if isinstance(error, RegistryFailure):
            return error

        goes_through_server = urlsplit(location).scheme in (*OVER_HTTP, "runs", "models")
        uri = self._tracking_uri if goes_through_server else location
        cause = Server(uri).explain(error, "list_artifacts")
        return RegistryFailure(f"The artifacts cannot be read. {cause.message}", fix=cause.fix)


def _storage_of(location: str) -> str:
    """The storage that a location is in."""
    return location.partition(":/")[0] + urlsplit(location).netloc
