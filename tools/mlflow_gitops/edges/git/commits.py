"""Commits of one file, made as the user would: with their hooks, their signature and their name.

`git commit --only` builds the commit from HEAD and that one path, in an index of its own; what else
is staged or changed stays as it is.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.system.files import write_file
from mlflow_gitops.errors import GitFailure

_REBASES = ("rebase-merge", "rebase-apply")
_UNDER_WAY = {"MERGE_HEAD": "merge", "CHERRY_PICK_HEAD": "cherry-pick", "REVERT_HEAD": "revert"}


def check_can_commit(git: Git, file: str, branch: str | None) -> None:
    """Raise GitFailure, before anything is written, where an edit of `file` could not be committed
    by itself, on a new branch where one is named."""
    if not git.has_commits() or git.dirty_paths([file]):
        raise GitFailure(
            f"{file} has changes that are not committed, which would be committed along. Commit or"
            " undo them first, or leave --commit away."
        )
    for ref, what in _UNDER_WAY.items():
        if git.ref(ref):
            raise GitFailure(f"A {what} is under way in {git.top}. Finish it first: git status.")
    if any(
        Path(git.top, git.output("rev-parse", "--git-path", name)).exists() for name in _REBASES
    ):
        raise GitFailure(f"A rebase is under way in {git.top}. Finish it first: git status.")
    if not git.output("var", "GIT_AUTHOR_IDENT", check=False):
        raise GitFailure(
            "git does not know who you are. Tell it: git config user.name NAME, git config"
            " user.email ADDRESS."
        )
    if branch is None:
        if git.branch() is None:
            raise GitFailure("No branch is checked out here. Name a new one with --branch.")
    elif git.output("check-ref-format", "--branch", branch, check=False) != branch:
        raise GitFailure(f"git allows no branch {branch!r}. Name another.")
    elif git.ref(f"refs/heads/{branch}"):
        raise GitFailure(
            f"There is a branch {branch} already. Name another, or switch to it and leave --branch"
            " away."
        )


def commit_edit(
    git: Git, file: str, before: bytes, after: bytes, message: str, branch: str | None
) -> str:
    """Write a file's new content and commit it, on a new branch where one is named; returns the
    commit's id.

    Where git or a hook refuses, everything is put back as it was, and GitFailure says what they
    said.
    """
    path = Path(git.top, file)
    left = git.branch()
    back = [left] if left is not None else ["--detach", git.resolve("HEAD")]
    if branch is not None:
        _do(git, "The branch was not made", "switch", "--quiet", "--create", branch)
    try:
        write_file(path, after)
        _do(
            git, "Nothing was changed, since the commit was refused",
            "commit", "--quiet", "--only", "--cleanup=whitespace", "--file=-", "--", f":(literal){file}", feed=message,
        )  # fmt: skip
    except BaseException:
        write_file(path, before)
        if branch is not None:
            git.output("switch", "--quiet", *back, check=False)
            git.output("branch", "--quiet", "--delete", "--force", branch, check=False)
        raise
    return git.resolve("HEAD")


def commit_without_checkout(git: Git, onto: str, file: str, after: bytes, message: str) -> str:
    """Commit a file's new content on top of a commit, as an object that no branch names yet;
    returns its id.

    The checkout, its index and its branches stay as they are, and no hook runs. `file` must be
    there already, as text in UTF-8.
    """
    mode = git.output("ls-tree", "--full-tree", onto, "--", file).split()[0]
    blob = git.output("hash-object", "-w", "--stdin", feed=after.decode("utf-8"))
    with TemporaryDirectory() as folder:
        index = Path(folder, "index")
        git.output("read-tree", onto, index=index)
        git.output("update-index", "--cacheinfo", f"{mode},{blob},{file}", index=index)
        tree = git.output("write-tree", index=index)
    return git.output("commit-tree", tree, "-p", onto, "-F", "-", feed=message, identity=True)


def fetch_branches(git: Git, remote: str, prefix: str) -> dict[str, str]:
    """The branches of a remote that begin so, and their tips, brought here as they are there now.
    Raises GitFailure."""
    here = f"refs/remotes/{remote}/"
    refspec = f"+refs/heads/{prefix}*:{here}{prefix}*"
    git.output("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--prune", remote, refspec)
    listed = git.output("for-each-ref", "--format=%(objectname) %(refname)", f"{here}{prefix}")
    lines = (line.partition(" ") for line in listed.splitlines())
    return {ref.removeprefix(here): tip for tip, _, ref in lines}


def replace_branch(git: Git, remote: str, branch: str, before: str | None, after: str) -> None:
    """Let a branch of a remote be a commit, unless it is no longer what it was (`before`; None: not
    there). Raises GitFailure."""
    ref = f"refs/heads/{branch}"
    lease = f"--force-with-lease={ref}:{before or ''}"
    _do(
        git,
        f"{branch} could not be pushed to {remote}",
        "push",
        "--quiet",
        lease,
        remote,
        f"{after}:{ref}",
    )


def push(git: Git, remote: str, branch: str) -> None:
    """Push a branch, and let it follow its remote one. Raises GitFailure."""
    _do(
        git, f"{branch} could not be pushed to {remote}",
        "push", "--quiet", "--set-upstream", remote, f"refs/heads/{branch}:refs/heads/{branch}",
    )  # fmt: skip


def _do(git: Git, why: str, *args: str, feed: str | None = None) -> None:
    said = git.attempt(*args, feed=feed)
    if said is not None:
        raise GitFailure(f"{why}: {said}")
