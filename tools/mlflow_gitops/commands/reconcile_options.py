"""The options of `reconcile`, and which of them go together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.model_globs import is_glob
from mlflow_gitops.errors import UsageFailure
from mlflow_gitops.render import formats


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """The command's options."""

    rev: str
    yes: bool
    plan_options: PlanOptions
    plan_file: Path | None = None
    push_receipts: bool | None = None
    """Whether receipts are exchanged with the remote; None if they are if there is one."""
    jobs: int | None = None
    form: str = "text"
    since: str | None = None
    """A commit whose refusals are not new: they are shown, and do not decide the exit code."""
    new_host: bool = False
    """Send credentials to a server that the environment was not reconciled on before."""
    on_change: str | None = None
    """The command that is run for each change."""


def check_options(models: Sequence[str], options: ReconcileOptions) -> None:
    """Raise UsageFailure for options that do not go together, or that need a terminal."""
    is_for_people = not formats.is_for_programs(options.form)
    is_interactive = sys.stdin.isatty() and sys.stdout.isatty() and is_for_people
    if not options.yes and not is_interactive:
        raise UsageFailure(
            "reconcile changes the registry, and there is no terminal to ask for confirmation; add"
            " --yes."
        )

    names_needed = options.plan_options.adopt or options.plan_options.take_over
    if names_needed and not models:
        raise UsageFailure("--adopt and --take-over need the names of the models they are for.")
    if names_needed and any(is_glob(name) for name in models):
        raise UsageFailure("--adopt and --take-over need each model's name, not a glob.")
    if options.plan_file and (models or names_needed):
        raise UsageFailure(
            "A saved plan determines which models it is for; pass it without names, --adopt or"
            " --take-over."
        )


def pushes_receipts(workspace: Workspace, push_receipts: bool | None) -> bool:
    """Whether a run exchanges receipts with the remote: by default if there is one."""
    if push_receipts is not None:
        return push_receipts
    return workspace.receipts_branch.remote is not None
