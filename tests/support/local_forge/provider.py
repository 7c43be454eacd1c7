"""Recognise a remote that is a bare repository with a forge's state beside it."""

from __future__ import annotations

from pathlib import Path

from mlflow_gitops.core.history.web_pages import WebPages
from mlflow_gitops.edges.forge import Forge, NotConfigured
from mlflow_gitops.edges.git.repository import Git
from tests.support.local_forge.forge import LocalForge
from tests.support.local_forge.store import Store


class LocalForgeProvider:
    def connect(self, git: Git | None) -> Forge | NotConfigured:
        store = _store(git)
        if store is None:
            setting = "a remote that is a local forge"
            return NotConfigured(
                LocalForge.name,
                LocalForge.area,
                setting,
                "The remote is no local forge",
                f"Add {setting}.",
            )
        return LocalForge(store)

    def web_pages(self, git: Git) -> WebPages | None:
        return None


def _store(git: Git | None) -> Store | None:
    remote = git.remote() if git else None
    if git is None or remote is None:
        return None
    store = Store(Path(git.query("remote", "get-url", remote)))
    return store if store.file.is_file() else None
