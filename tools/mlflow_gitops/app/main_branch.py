"""Compare the main branch of this clone with that of its remote.

A branch that was renamed on the remote stays in the clone, and so does the note of which branch is
the remote's default. Commands that talk to the remote anyway ask it; all others report what the
last fetch shows (`Git.main_branch`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.edges.git.refs.default_branch import (
    RemoteBranches,
    ask_remote,
    record_default,
    recorded_default,
)
from mlflow_gitops.edges.git.refs.names import branch_ref
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure

_ASKING = 20.0
"""Seconds that a command waits for the remote's answer if it can go on without it."""


@dataclass(frozen=True, slots=True)
class _Tracked:
    """The branch of a remote that this clone's main line follows. `branch` is None if it follows a
    local branch or a commit. With `is_default`, nobody named it: it is the remote's default."""

    remote: str
    branch: str | None
    is_default: bool


def fetch_main(workspace: Workspace, should_stop: Callable[[], bool] = lambda: False) -> str:
    """Fetch the main branch, and follow the remote's default branch to its new name.

    Returns what to report about the branch, "" if nothing. Without a remote, nothing is done.
    Raises GitFailure if the remote cannot be read, and if it no longer has the branch.
    """
    git = workspace.git
    tracked = _tracked(workspace)
    if tracked is None:
        return ""
    if tracked.branch is None:
        git.fetch(should_stop, tracked.remote)
        return ""

    answer = ask_remote(git, tracked.remote, tracked.branch, should_stop=should_stop)
    try:
        git.fetch(should_stop, tracked.remote)
    except GitFailure as failure:
        if answer.has_branch:
            raise
        raise GitFailure(f"{_missing(tracked, answer)} {failure.message}") from None

    if tracked.is_default and answer.default is not None:
        return _follow(git, tracked, answer.default)
    return "" if answer.has_branch else _missing(tracked, answer)


def main_branch_fault(workspace: Workspace) -> str:
    """Ask the remote whether it still has the main branch, and whether that is its default branch.

    Returns what is wrong, "" if nothing. Fetches nothing. A remote that does not answer is no
    fault: the command goes on with what is here.
    """
    tracked = _tracked(workspace)
    if tracked is None or tracked.branch is None:
        return ""
    try:
        answer = ask_remote(workspace.git, tracked.remote, tracked.branch, seconds=_ASKING)
    except GitFailure:
        return ""

    if not answer.has_branch:
        return _missing(tracked, answer)
    if tracked.is_default and answer.default not in (None, tracked.branch):
        return (
            f"The default branch of {tracked.remote} is {answer.default}; this clone goes by"
            f" {tracked.branch}. Run git fetch {tracked.remote} and git remote set-head"
            f" {tracked.remote} --auto, or name the branch with --main."
        )
    return ""


def _tracked(workspace: Workspace) -> _Tracked | None:
    """What the main line follows; None if there is no remote."""
    git, requested = workspace.git, workspace.settings.main
    main_remote = git.remote()
    if main_remote is None:
        return None

    if requested is not None:
        ref = branch_ref(git, requested, main_remote)
        remote, branch = git.split_remote(ref or "")
        if remote is None:
            return _Tracked(main_remote, None, False)
        return _Tracked(remote, branch, False)

    default = recorded_default(git, main_remote)
    if default is None:
        try:
            default = git.full_name(git.main_ref(None))
        except GitFailure:
            default = ""
    remote, branch = git.split_remote(default)
    return _Tracked(main_remote, branch if remote else "HEAD", True)


def _follow(git: Git, tracked: _Tracked, default: str) -> str:
    """Make the remote's default branch the main branch; return what to report about that."""
    remote, before = tracked.remote, tracked.branch
    if git.ref(f"refs/remotes/{remote}/{default}") is None:
        return (
            f"The default branch of {remote} is {default}, and this clone does not fetch it. Run"
            f" git remote set-branches --add {remote} {default}, or name a branch with --main."
        )
    if recorded_default(git, remote) != f"refs/remotes/{remote}/{default}":
        record_default(git, remote, default)
    if before in (default, "HEAD"):
        return ""
    return (
        f"The default branch of {remote} is {default} now; it was {before}. Following"
        f" {remote}/{default}."
    )


def _missing(tracked: _Tracked, answer: RemoteBranches) -> str:
    absence = (
        f"{tracked.remote} no longer has the branch {tracked.branch}: it was renamed or deleted"
        " there."
    )
    if answer.default is None:
        return f"{absence} Name the main branch with --main."
    return f"{absence} Its default branch is {answer.default}; name that with --main."
