"""The ongoing events that were sent, in a file of the git directory: a loop that is started again,
or a job that runs again in the same clone, does not repeat them. A clone without the file has sent
nothing yet."""

from __future__ import annotations

import contextlib
import json
import os
from hashlib import sha256
from pathlib import Path

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.notifying.outbox import SentEvents
from mlflow_gitops.edges.git.index.head import common_directory

_FOLDER = "mlflow-gitops-notified"
_SCHEMA = 1


def load_sent(workspace: Workspace) -> SentEvents:
    """What was sent. Empty if nothing is known, or the file cannot be read."""
    file = _file(workspace)
    try:
        content = json.loads(file.read_bytes()) if file is not None else {}
        sent = content["sent"] if content.get("schema") == _SCHEMA else {}
        return {
            str(channel): {str(key): str(kind) for key, kind in keys.items()}
            for channel, keys in sent.items()
        }
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}


def save_sent(workspace: Workspace, sent: SentEvents) -> None:
    """Keep what was sent. If the folder cannot be written, it is forgotten at the end."""
    file = _file(workspace)
    if file is None:
        return
    text = json.dumps({"schema": _SCHEMA, "sent": sent}, sort_keys=True)
    part = file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        file.parent.mkdir(exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(file)


def _file(workspace: Workspace) -> Path | None:
    """One file for each registry folder and environment; None outside a repository."""
    folder = common_directory(workspace.top)
    if folder is None:
        return None
    environment = workspace.environment.name if workspace.environment else ""
    name = sha256(f"{workspace.registry}\0{environment}".encode()).hexdigest()[:12]
    return folder / _FOLDER / f"{name}.json"
