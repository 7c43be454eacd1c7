"""Which artifact locations may be read, with whose credentials."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow_gitops.core.secrets import shown_source
from mlflow_gitops.errors import RegistryFailure

OVER_HTTP = ("http", "https", "mlflow-artifacts")
"""The schemes of locations that are read over HTTP."""


def check_trusted(location: str, tracking_uri: str) -> None:
    """Raise RegistryFailure for a location that must not be read.

    MLflow sends its token to whatever host an `http:` location names (`HttpArtifactRepository`,
    3.17). So a person who may register a version could collect the credentials of everyone who
    looks at it.
    """
    target, server = urlsplit(location), urlsplit(tracking_uri)

    if target.scheme in OVER_HTTP and target.netloc:
        is_same_host = _host(target.netloc) == _host(server.netloc)
        if not is_same_host or target.scheme not in ("mlflow-artifacts", server.scheme):
            raise RegistryFailure(
                f"The artifacts at {shown_source(location)} are not read: that is not"
                " MLflow's own server, and its credentials would be sent there."
            )

    elif target.scheme in ("", "file") and server.scheme in ("http", "https"):
        path = Path(unquote(target.path) if target.scheme else location)
        if not path.is_dir():
            raise RegistryFailure(
                f"The artifacts are in a folder of the server, {path}, which is not on this"
                " machine.",
                fix="Serve artifacts through the server (mlflow-artifacts:), or keep them in an"
                " object store.",
            )


def _host(netloc: str) -> str:
    """Host and port, without credentials."""
    return netloc.rpartition("@")[2]
