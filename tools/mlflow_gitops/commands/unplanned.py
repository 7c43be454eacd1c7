"""Print the errors of files even if no plan can be made, such as without MLflow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import report_errors
from mlflow_gitops.errors import Failure


@contextmanager
def file_errors_shown(
    workspace: Workspace, target: Target, names: Sequence[str] = ()
) -> Iterator[None]:
    """If planning `names` (or every model) fails, print to stderr what the plan would have said
    about files: git alone shows that. The failure then goes on, and decides the exit code."""
    try:
        yield
    except Failure:
        report_errors((*workspace.list_errors, *target.file_errors(names)))
        raise
