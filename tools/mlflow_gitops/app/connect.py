"""Which MLflow a checkout speaks of: the environment's, where the repository keeps several, else
the one of the options."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlflow_gitops.app.workspace import Workspace

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


def connect(workspace: Workspace, say: Callable[[str], None] = lambda text: None) -> Registry:
    """The registry that the workspace's manifests describe. Raises RegistryFailure where MLflow is
    not to be had."""
    from mlflow_gitops.edges.mlflow.other_environments.origins import OtherEnvironments, credentials
    from mlflow_gitops.edges.mlflow.registry import Registry

    place, settings = workspace.environment, workspace.settings
    if place is None:
        return Registry(settings.tracking_uri, settings.registry_uri, say)
    os.environ.update(credentials(place))
    registry = Registry(place.tracking_uri, place.registry_uri, say, workspace=place.workspace)
    registry.other_environments = OtherEnvironments(
        {name: one for name, one in workspace.environments.items() if one != place}
    )
    return registry
