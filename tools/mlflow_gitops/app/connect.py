"""Connect to the MLflow that a checkout describes: the environment's, if the repository keeps
several, else the one that the options name."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlflow_gitops.app.workspace import Workspace

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


def connect(
    workspace: Workspace,
    warn: Callable[[str], None] = lambda text: None,
    *,
    with_new_host: bool = False,
) -> Registry:
    """The registry that the workspace's manifests describe. `warn` is called if the server is slow.
    Raises RegistryFailure if it cannot be reached.

    Raises UnapprovedHost, before any request, if the main branch names another server for this
    environment, unless `with_new_host`.
    """
    from mlflow_gitops.edges.mlflow.registry import Registry

    environment, settings = workspace.environment, workspace.settings
    if environment is None:
        return Registry(
            settings.tracking_uri, settings.registry_uri, warn, patience=settings.patience
        )

    # Few repositories have several environments.
    from mlflow_gitops.app.environments.hosts import check_approved
    from mlflow_gitops.edges.mlflow.other_environments.origins import OtherEnvironments, credentials

    if not with_new_host:
        check_approved(workspace, environment)
    os.environ.update(credentials(environment))
    registry = Registry(
        environment.tracking_uri,
        environment.registry_uri,
        warn,
        workspace=environment.workspace,
        patience=settings.patience,
    )
    registry.other_environments = OtherEnvironments(
        {name: listed for name, listed in workspace.environments.items() if listed != environment},
        lambda other: check_approved(workspace, other),
    )
    return registry
