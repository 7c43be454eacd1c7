"""What to do after `init` and after `import`: the same order as on the first page."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.errors import GitFailure
from mlflow_gitops.settings import SETTINGS_FILE

_PLACES = (SETTINGS_FILE, "schemas", ".github")


def steps_after_import(workspace: Workspace, *, is_unchanged: bool = True) -> Iterator[str]:
    """The commands from the first manifests to the first reconcile, as they can be pasted.
    `is_unchanged`: whether the first plan changes nothing, as far as it is known."""
    paths = [workspace.root, *(name for name in _PLACES if (workspace.top / name).exists())]
    begin, push = "", ""
    try:
        remote = workspace.git.remote()  # reconcile reads the main branch of the remote
        push = f" && git push -u {shlex.quote(remote)} HEAD" if remote else ""
    except GitFailure:
        begin = "git init && "
    added = " ".join(map(shlex.quote, paths))
    yield f"  {begin}git add {added} && git commit -m 'Manifests for our models'{push}"
    yield from aligned(
        (
            "mlflow-gitops plan",
            "should change nothing yet" if is_unchanged else "the changes above",
        ),
        ("mlflow-gitops reconcile", "from now on, MLflow follows git"),
        ("mlflow-gitops doctor", "what is missing, and how to fix it"),
    )


def aligned(*commands: Sequence[str]) -> Iterator[str]:
    """Commands with a remark behind each, in two columns."""
    for command, remark in commands:
        yield f"  {command:<26}# {remark}"
