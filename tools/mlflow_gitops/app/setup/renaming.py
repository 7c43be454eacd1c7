"""A model's other name: whether git has it already, and the rename in MLflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from mlflow_gitops.app.connect import connect
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.errors import Failure, Refused

InMlflow = Literal["renamed", "already_renamed"]


def has_new_name(workspace: Workspace, old: str, new: str) -> bool:
    """Whether the checkout has no manifest of the old name, and one of the new name that lists
    it."""
    checkout, registry = workspace.checkout, workspace.registry
    manifests = {
        stem_of(path): path
        for path in checkout.registry_paths(registry)
        if registry.classify(path) == "manifest"
    }
    path = manifests.get(file_stem(new))
    if path is None or file_stem(old) in manifests:
        return False
    manifest, _ = read_manifest(checkout.read(path).data or b"", path)
    return manifest is not None and old in manifest.formerly


def rename_in_mlflow(
    workspace: Workspace, old: str, new: str, warn: Callable[[str], None]
) -> InMlflow:
    """Rename a registered model in MLflow, with its versions, stages, aliases and tags. Raises
    Refused if that would touch a model of another repository, or one that has the new name."""
    registry = connect(workspace, warn)
    observed = registry.observe([old, new], only=True, prompts=[])
    model, taken = observed.get(old), observed.get(new)
    if model is None and taken is not None:
        return "already_renamed"
    if model is None:
        raise Failure(f"MLflow has no model {old}, or does not show it to these credentials.")
    if taken is not None:
        raise Refused(
            f"MLflow has both {old} and {new}.",
            fix=f"Delete or rename the model that is not {new}, then run this again.",
        )
    if model.is_prompt:
        raise Refused(f"{old} is a prompt, and MLflow renames models only.")

    owner = workspace.owner(_line(workspace))
    if owner is not None and model.owner not in (None, owner):
        raise Refused(f"{old} is managed from elsewhere: its owner is {model.owner}.")
    registry.rename(old, new)
    return "renamed"


def _line(workspace: Workspace) -> MainLine:
    return workspace.git.first_parent_line(workspace.git.resolve("HEAD"))
