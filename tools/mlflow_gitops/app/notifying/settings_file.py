"""`notify.yaml`, as the main branch or the working tree has it."""

from __future__ import annotations

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.registry_folder import NOTIFY
from mlflow_gitops.core.notifying.settings import NotifySettings, read_notify
from mlflow_gitops.core.yaml.document import MAX_BYTES
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.errors import Failure, GitFailure, InvalidFiles


def notify_path(workspace: Workspace) -> str:
    """The file's path in the repository: one for all environments."""
    return f"{workspace.root}/{NOTIFY}"


def merged_settings(workspace: Workspace) -> NotifySettings | None:
    """The settings of the main branch, so that no pull request decides who is notified. None if it
    has no such file. Raises InvalidFiles, and GitFailure without a main branch."""
    path = notify_path(workspace)
    blob = workspace.git.query("rev-parse", "--verify", "-q", f"{workspace.main_ref}:{path}")
    if not blob:
        return None
    data = workspace.git.blobs([blob], MAX_BYTES).get(blob)
    if data is None:
        raise InvalidFiles(f"{path} on {workspace.main_ref} cannot be read.")
    return _checked(*read_notify(data, path))


def notifies(workspace: Workspace) -> bool:
    """Whether the main branch has the file, valid or not."""
    ref = f"{workspace.main_ref}:{notify_path(workspace)}"
    return bool(workspace.git.query("rev-parse", "--verify", "-q", ref))


def tree_settings(workspace: Workspace) -> NotifySettings:
    """The settings of the working tree. Raises InvalidFiles, and Failure if there are none."""
    path = notify_path(workspace)
    if not workspace.checkout.exists(path):
        raise Failure(
            f"There is no {path}, so nobody is notified.",
            fix="registry/README.md shows one; its fields are in registry/policy.md.",
        )
    file = workspace.checkout.read(path)
    if file.data is None:
        raise Failure(f"{path} {file.fault}.")
    return _checked(*read_notify(file.data, path))


def tree_problems(workspace: Workspace) -> list[Problem]:
    """What `validate` reports about the file in the working tree; nothing if there is none."""
    path = notify_path(workspace)
    if not workspace.checkout.exists(path):
        return []
    file = workspace.checkout.read(path)
    if file.data is None:
        return [Problem(path, 1, 1, "not-a-file", file.fault or "cannot be read")]
    return read_notify(file.data, path, _environment_names(workspace))[1]


def _environment_names(workspace: Workspace) -> list[str] | None:
    """The environments that rules may name; None if their list cannot be read."""
    try:
        return list(workspace.environments)
    except (Failure, GitFailure):
        return None


def _checked(settings: NotifySettings | None, problems: list[Problem]) -> NotifySettings:
    if settings is None:
        first = problems[0]
        raise InvalidFiles(
            f"{first.file}:{first.line}: {first.message}.",
            fix="mlflow-gitops validate lists all problems.",
        )
    return settings
