"""Read how the versions that hold a stage are doing, now or at an earlier moment (RULES R13)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.policy import Policy

if TYPE_CHECKING:
    from mlflow_gitops.core.health.verdict import HealthVerdict


def read_health(
    workspace: Workspace,
    policy: Policy,
    models: Collection[str] = (),
    stages: Collection[str] = (),
    at: datetime | None = None,
) -> list[HealthVerdict]:
    """The health of each version that held a stage with `health` in the policy, by the receipts up
    to `at` (now by default): in the order of models, stages and versions. `models` and `stages` are
    all if they are empty.

    A value that cannot be read makes its check `unknown`, and raises nothing. Raises what reading
    git and receipts raises.
    """
    raise NotImplementedError
