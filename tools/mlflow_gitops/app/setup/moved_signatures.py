"""The signatures of a model's files, which move with its manifest to a new name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.registry_folder import MODEL_SIGNATURES
from mlflow_gitops.errors import Failure


def signature_moves(workspace: Workspace, old: str, new: str) -> Mapping[str, str]:
    """The signatures in the working tree of a model `old`, each with its path as one of `new`.
    Raises Failure if one of these paths is in use, or if a folder is a symbolic link."""
    top, folder = workspace.top, PurePosixPath(workspace.registry.path, MODEL_SIGNATURES)
    source, target = folder / file_stem(old), folder / file_stem(new)
    for path in (folder, source, target):
        if (top / path).is_symlink():
            raise Failure(f"{path} is a symbolic link, so no signatures are moved.")
    if not (top / source).is_dir():
        return {}

    names = sorted(file.name for file in (top / source).iterdir() if file.is_file())
    for name in names:
        if (top / target / name).exists():
            raise Failure(
                f"{source / name} cannot be moved: {target / name} is in use.",
                fix="Remove the one that is not of this model, then run this again.",
            )
    return {str(source / name): str(target / name) for name in names}


def move_files(top: Path, moves: Mapping[str, str]) -> None:
    """Move files of the repository, and remove folders that are empty after that."""
    for old, new in moves.items():
        try:
            (top / new).parent.mkdir(parents=True, exist_ok=True)
            (top / old).rename(top / new)
        except OSError as error:
            reason = error.strerror or error
            raise Failure(f"{old} cannot be moved to {new}: {reason}.") from None
    for folder in {(top / old).parent for old in moves}:
        if not any(folder.iterdir()):
            folder.rmdir()


def rename_diff(old: str, new: str) -> str:
    """A move without another change, as git writes it."""
    return (
        f"diff --git a/{old} b/{new}\nsimilarity index 100%\nrename from {old}\nrename to {new}\n"
    )
