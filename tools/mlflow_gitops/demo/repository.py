"""The demo's git repository: real, and independent of how the user's git is set up."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import git

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import build
from mlflow_gitops.core.setup.codeowners import LOCATIONS, CodeOwners, block_lines
from mlflow_gitops.edges.system import files
from mlflow_gitops.shared import shared_path

REGISTRY = RegistryFolder("registry")

_PERSON = git.Actor("mlflow-gitops demo", "demo@example.invalid")

ENVIRONMENT = {
    # The settings of the user and of the machine (identity, signing, hooks, templates) are ignored.
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": _PERSON.name or "",
    "GIT_AUTHOR_EMAIL": _PERSON.email or "",
    "GIT_COMMITTER_NAME": _PERSON.name or "",
    "GIT_COMMITTER_EMAIL": _PERSON.email or "",
    "GIT_TEMPLATE_DIR": "",
}


class DemoRepository:
    """A repository that starts from the shipped registry/ and schemas/."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        for name in ("registry", "schemas"):
            shutil.copytree(shared_path(name), folder / name)
        _write_codeowners(folder)
        (folder / ".gitignore").write_text("mlflow.db*\nartifacts/\n", encoding="utf-8")
        self.folder = folder
        self._repo = git.Repo.init(folder, initial_branch="main", env=ENVIRONMENT)
        self._repo.git.update_environment(**ENVIRONMENT)
        self.commit("Manifests for our models")

    def commit(self, message: str) -> str:
        """Commit everything; returns the commit's short id."""
        self._repo.git.add(all=True)
        self._repo.git.commit(message=message, quiet=True, no_verify=True, no_gpg_sign=True)
        return self._repo.head.commit.hexsha[:7]

    def revert(self) -> str:
        """Revert the last commit by another one; returns its short id."""
        self._repo.git.revert("HEAD", no_edit=True, no_gpg_sign=True)
        return self._repo.head.commit.hexsha[:7]

    def close(self) -> None:
        self._repo.close()


def _write_codeowners(folder: Path) -> None:
    """Write CODEOWNERS, as `mlflow-gitops codeowners` does."""
    snapshot = build(files.registry_files(folder, REGISTRY), REGISTRY)
    code_owners = CodeOwners(LOCATIONS[0], "")
    (folder / ".github").mkdir()
    lines = block_lines(snapshot, REGISTRY, ["schemas/", ".github/"])
    (folder / code_owners.file).write_text(
        code_owners.with_block(REGISTRY, lines), encoding="utf-8"
    )
