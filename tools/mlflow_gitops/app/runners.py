"""Select the runner of this process. This table is the only place that names the CI systems."""

from __future__ import annotations

from collections.abc import Callable

from mlflow_gitops.edges.runner import Runner, Terminal


def _github_actions() -> Runner | None:
    from mlflow_gitops.edges.github.actions import GitHubActions

    return GitHubActions() if GitHubActions.is_active() else None


RUNNERS: tuple[Callable[[], Runner | None], ...] = (_github_actions,)
"""The CI systems. Each function returns None if this process is not a job of its system."""


def current_runner() -> Runner:
    """Return the CI job that this process is part of, else a terminal."""
    for find in RUNNERS:
        runner = find()
        if runner is not None:
            return runner
    return Terminal()
