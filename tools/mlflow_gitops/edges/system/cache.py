"""This user's cache folder: what may be lost at any time, and is read anew then."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from mlflow_gitops.core.audit.untrusted_json import loads
from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.core.recorded.file_lists import read_list, stored_list

VARIABLE = "MLFLOW_GITOPS_CACHE"
"""The variable that names the folder, by default `mlflow-gitops` in the user's cache folder."""
_MOST_BYTES = 32 << 20


def read_cached(kind: str, name: str) -> Any:
    """The JSON value that was kept under a name; None if there is none that can be read."""
    try:
        with _file(kind, name).open(encoding="utf-8") as stream:
            return loads(stream.read(_MOST_BYTES))
    except (OSError, ValueError, RuntimeError):
        return None


def write_cached(kind: str, name: str, value: Any) -> None:
    """Keep a JSON value under a name. A cache that cannot be written is not used."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        file = _file(kind, name)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = file.with_name(f".{file.name}.{os.getpid()}.new")
        new.write_text(json.dumps(value, separators=(",", ":")), encoding="utf-8")
        new.replace(file)


def keep_list(files: ModelFiles) -> None:
    """Keep the list of files that a digest is made of."""
    write_cached("files", files.digest.partition(":")[2], stored_list(files))


def kept_list(digest: str) -> ModelFiles | None:
    """The list of files that a digest was made of; None if it was never read on this machine."""
    return read_list(read_cached("files", digest.partition(":")[2]), digest)


def _file(kind: str, name: str) -> Path:
    """Raises RuntimeError if this user has no home folder."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = str(Path(caches, "mlflow-gitops"))
    return Path(folder, kind, f"{name}.json")
