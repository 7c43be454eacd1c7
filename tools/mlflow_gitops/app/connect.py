"""Connect to the MLflow that a checkout describes: the environment's, if the repository keeps
several, else the one that the options name."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlflow_gitops.app.workspace import Workspace

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


def connect(workspace: Workspace, warn: Callable[[str], None] = lambda text: None) -> Registry:
    """The registry that the workspace's manifests describe. `warn` is told if the server is slow.
    Raises RegistryFailure if it cannot be reached."""
    from mlflow_gitops.edges.mlflow.other_environments.origins import OtherEnvironments, credentials
    from mlflow_gitops.edges.mlflow.registry import Registry

    environment, settings = workspace.environment, workspace.settings
    if environment is None:
        return Registry(
            settings.tracking_uri, settings.registry_uri, warn, patience=settings.patience
        )

    os.environ.update(credentials(environment))
    registry = Registry(
        environment.tracking_uri,
        environment.registry_uri,
        warn,
        workspace=environment.workspace,
        patience=settings.patience,
    )
    registry.other_environments = OtherEnvironments(
        {name: listed for name, listed in workspace.environments.items() if listed != environment}
    )
    return registry
