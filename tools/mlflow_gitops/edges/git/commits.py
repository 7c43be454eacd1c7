"""Commits of one file, made as the user would make them: with their hooks, signature and name.

`git commit --only` builds the commit from HEAD and one path, in an index of its own. Whatever else
is staged or changed stays as it is.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.system.files import write_file
from mlflow_gitops.errors import GitFailure

_REBASE_FOLDERS = ("rebase-merge", "rebase-apply")
_UNFINISHED_REFS = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}


def check_can_commit(git: Git, file: str, branch: str | None) -> None:
    """Raise GitFailure if an edit of `file` could not be committed by itself.

    With `branch`, the commit would go on a new branch of that name. Called before anything is
    written.
    """
    if not git.has_commits() or git.dirty_paths([file]):
        raise GitFailure(
            f"{file} has uncommitted changes, which would become part of the commit.",
            fix="Commit or undo them first, or leave out --commit.",
        )
    if operation := _unfinished_operation(git):
        raise GitFailure(
            f"A {operation} is in progress in {git.top}.", fix="Finish it first: git status."
        )
    if not git.output("var", "GIT_AUTHOR_IDENT", check=False):
        raise GitFailure(
            "git does not know who you are.",
            fix="Set it with: git config user.name NAME, git config user.email ADDRESS.",
        )
    _check_branch(git, branch)


def _unfinished_operation(git: Git) -> str | None:
    """Return what the user has begun in this checkout and not finished."""
    for ref, operation in _UNFINISHED_REFS.items():
        if git.ref(ref):
            return operation
    for name in _REBASE_FOLDERS:
        if Path(git.top, git.output("rev-parse", "--git-path", name)).exists():
            return "rebase"
    return None


def _check_branch(git: Git, branch: str | None) -> None:
    if branch is None:
        if git.branch() is None:
            raise GitFailure("No branch is checked out here. Name a new one with --branch.")
    elif git.output("check-ref-format", "--branch", branch, check=False) != branch:
        raise GitFailure(f"git allows no branch {branch!r}. Name another.")
    elif git.ref(f"refs/heads/{branch}"):
        raise GitFailure(
            f"There is a branch {branch} already.",
            fix="Name another, or switch to it and leave out --branch.",
        )


def commit_edit(
    git: Git, file: str, before: bytes, after: bytes, message: str, branch: str | None
) -> str:
    """Write a file's new content and commit it, with `branch` on a new branch; return the id.

    If git or a hook refuses, everything is restored, and the GitFailure quotes the refusal.
    """
    path = Path(git.top, file)
    current = git.branch()
    way_back = [current] if current is not None else ["--detach", git.resolve("HEAD")]
    if branch is not None:
        _run(git, "The branch was not created", "switch", "--quiet", "--create", branch)

    try:
        write_file(path, after)
        _run(
            git,
            "Nothing was changed, since the commit was refused",
            *("commit", "--quiet", "--only", "--cleanup=whitespace", "--file=-"),
            *("--", f":(literal){file}"),
            feed=message,
        )
    except BaseException:
        write_file(path, before)
        if branch is not None:
            git.output("switch", "--quiet", *way_back, check=False)
            git.output("branch", "--quiet", "--delete", "--force", branch, check=False)
        raise
    return git.resolve("HEAD")


def commit_without_checkout(git: Git, onto: str, file: str, after: bytes, message: str) -> str:
    """Commit a file's new content on top of a commit; return the id of the new commit.

    No branch names it yet. The checkout, its index and its branches stay as they are, and no hook
    runs. `file` must exist in `onto`; its content is UTF-8 text.
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
    """Fetch the branches of a remote whose names begin with `prefix`; return their tips by name.

    Branches that the remote no longer has are forgotten. Raises GitFailure.
    """
    tracking = f"refs/remotes/{remote}/"
    refspec = f"+refs/heads/{prefix}*:{tracking}{prefix}*"
    git.output("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--prune", remote, refspec)

    listing = git.output("for-each-ref", "--format=%(objectname) %(refname)", tracking + prefix)
    lines = (line.partition(" ") for line in listing.splitlines())
    return {ref.removeprefix(tracking): tip for tip, _, ref in lines}


def replace_branch(git: Git, remote: str, branch: str, before: str | None, after: str) -> None:
    """Set a branch of a remote to a commit, unless it has moved from `before`.

    With `before=None`, the branch must not exist there. Raises GitFailure.
    """
    ref = f"refs/heads/{branch}"
    lease = f"--force-with-lease={ref}:{before or ''}"
    failure = f"{branch} could not be pushed to {remote}"
    _run(git, failure, "push", "--quiet", lease, remote, f"{after}:{ref}")


def delete_branch(git: Git, remote: str, branch: str, before: str) -> None:
    """Delete a branch of a remote, unless it has moved from `before`. Raises GitFailure."""
    ref = f"refs/heads/{branch}"
    failure = f"{branch} could not be deleted on {remote}"
    _run(git, failure, "push", "--quiet", f"--force-with-lease={ref}:{before}", remote, f":{ref}")


def push(git: Git, remote: str, branch: str) -> None:
    """Push a branch and make it track the remote one. Raises GitFailure."""
    ref = f"refs/heads/{branch}"
    failure = f"{branch} could not be pushed to {remote}"
    _run(git, failure, "push", "--quiet", "--set-upstream", remote, f"{ref}:{ref}")


def _run(git: Git, failure: str, *args: str, feed: str | None = None) -> None:
    refusal = git.attempt(*args, feed=feed)
    if refusal is not None:
        raise GitFailure(f"{failure}: {refusal}")
