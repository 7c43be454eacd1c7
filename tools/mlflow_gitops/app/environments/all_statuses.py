"""The status of every environment, each read by a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.edges.system.own_command import Ended, run_own_command
from mlflow_gitops.errors import ERROR, UsageFailure
from mlflow_gitops.render.environments.status import EnvironmentStatus

_AT_ONCE = 4


def all_statuses(workspace: Workspace) -> list[EnvironmentStatus]:
    """The status of each environment, in the order of the list. Raises UsageFailure if there is no
    list."""
    ended = run_in_each(workspace, lambda _: ["status", "--format", "json"])
    return [_status(name, answer) for name, answer in ended.items()]


def run_in_each(workspace: Workspace, command: Callable[[str], Sequence[str]]) -> dict[str, Ended]:
    """Run a command for each environment, by its name, a few at once. Raises UsageFailure if there
    is no list."""
    names = environments_of(workspace)
    begin = ["--repo", str(workspace.top), "--registry-dir", workspace.root]
    if workspace.settings.main is not None:
        begin += ["--main", workspace.settings.main]

    def run(name: str) -> Ended:
        return run_own_command([*begin, "--env", name, *command(name)])

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return dict(zip(names, pool.map(run, names), strict=True))


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


def _status(name: str, ended: Ended) -> EnvironmentStatus:
    try:
        document = json.loads(ended.output)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "models" not in document:
        return EnvironmentStatus(name, ended.exit_code or ERROR, None, ended.last_message)
    return EnvironmentStatus(name, ended.exit_code, document)
