"""The results of `doctor`'s checks of GitHub's settings."""

from __future__ import annotations

from mlflow_gitops.core.setup.doctor import Area, CheckResult
from mlflow_gitops.edges.github.protection import Unread

GITHUB = Area("github")


def unknown(check_name: str, setting: Unread) -> CheckResult:
    """The result of a check whose setting could not be read."""
    fix = setting.fix or (
        "Give doctor a token that may read administration, environments, actions and secrets of"
        " this repository."
    )
    return GITHUB.unknown(check_name, setting.reason, fix)
