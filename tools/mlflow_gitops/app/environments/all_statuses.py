"""The status of every environment, each read by a process of its own."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.edges.system.own_command import Ended, run_own_command
from mlflow_gitops.errors import ERROR, UsageFailure
from mlflow_gitops.render.environments.status import EnvironmentStatus

_AT_ONCE = 4


def all_statuses(workspace: Workspace) -> list[EnvironmentStatus]:
    """The status of each environment, in the order of the list. Raises UsageFailure if there is no
    list."""
    names = list(environments_of(workspace))
    begin = ["--repo", str(workspace.top), "--registry-dir", workspace.root]
    if workspace.settings.main is not None:
        begin += ["--main", workspace.settings.main]

    def read(name: str) -> EnvironmentStatus:
        return _read(name, run_own_command([*begin, "--env", name, "status", "--format", "json"]))

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(read, names))


def environments_of(workspace: Workspace) -> list[str]:
    """The names of all environments. Raises UsageFailure if the repository lists none, or if one
    is chosen."""
    if workspace.environment is not None:
        raise UsageFailure("--all-envs shows all environments; leave out --env.")
    if not workspace.environments:
        raise UsageFailure(
            f"There is no {workspace.root}/environments.yaml, so there is one environment only."
        )
    return list(workspace.environments)


def _read(name: str, ended: Ended) -> EnvironmentStatus:
    try:
        document = json.loads(ended.output)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "models" not in document:
        lines = ended.messages.strip().splitlines() or ["it printed nothing"]
        return EnvironmentStatus(name, ended.exit_code or ERROR, None, lines[-1])
    return EnvironmentStatus(name, ended.exit_code, document)
