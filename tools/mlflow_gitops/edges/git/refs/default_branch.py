"""Whether a remote still has the branch that this clone takes for the main branch.

A clone notes the remote's default branch once, in `refs/remotes/<remote>/HEAD`, and `git fetch`
does not change that (before git 2.48) when the branch is renamed on the remote.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mlflow_gitops.edges.git.command import PATIENCE, GitCommand
from mlflow_gitops.edges.git.facts import RepositoryFacts

_BRANCH_IN_FETCH_HEAD = r"[0-9a-f]+\t(?P<mark>[a-z-]*)\tbranch '(?P<name>[^']+)' of (?P<url>\S+)"
_CREDENTIALS = r"(?<=://)[^/@]*@"


class RemoteBranches(NamedTuple):
    """What a remote answered: its default branch, and whether it has the branch asked for.

    `default` is None if the remote does not name one that exists.
    """

    default: str | None
    has_branch: bool


def ask_remote(
    git: GitCommand,
    remote: str,
    branch: str,
    *,
    seconds: float = PATIENCE,
    should_stop: Callable[[], bool] = lambda: False,
) -> RemoteBranches:
    """Ask a remote for its default branch and for `branch`. Raises GitFailure."""
    ref = f"refs/heads/{branch}"
    answer = git.exchange(
        *("ls-remote", "--symref", "--", remote, "HEAD", ref),
        failure="git fetch failed",
        seconds=seconds,
        should_stop=should_stop,
    )
    rows = [line.split("\t") for line in answer.splitlines()]
    names = {row[1] for row in rows if len(row) == 2 and not row[0].startswith("ref: ")}
    default = None
    for row in rows:
        is_symbolic_head = row[0].startswith("ref: refs/heads/") and row[1:] == ["HEAD"]
        if is_symbolic_head and "HEAD" in names:
            default = row[0].removeprefix("ref: refs/heads/")
    return RemoteBranches(default, ref in names)


def recorded_default(git: GitCommand, remote: str) -> str | None:
    """Return the ref that `<remote>/HEAD` names, whether that ref exists or not."""
    return git.query("symbolic-ref", "-q", f"refs/remotes/{remote}/HEAD") or None


def record_default(git: RepositoryFacts, remote: str, branch: str) -> None:
    """Make a branch the remote's default branch in this clone, as `git remote set-head` does."""
    prefix = f"refs/remotes/{remote}/"
    git.output("symbolic-ref", "-m", "mlflow-gitops", f"{prefix}HEAD", f"{prefix}{branch}")
    git.forget_facts()


def is_gone_since_last_fetch(git: RepositoryFacts, remote: str, branch: str) -> bool:
    """Return whether the last `git fetch` of all branches did not find `branch` on the remote.

    `git fetch` keeps the remote-tracking branch unless it prunes. It lists what it fetched in
    FETCH_HEAD. Only a fetch of the configured branches proves something: it marks the branches
    that a `git pull` would not merge, and a fetch of named branches marks none.
    """
    file = Path(git.top, git.fact("rev-parse", "--git-path", "FETCH_HEAD"))
    try:
        text = file.read_text("utf-8", "surrogateescape")
        fetched_at = file.stat().st_mtime
    except OSError:
        return False

    url = _comparable(git.fact("ls-remote", "--get-url", remote))
    matches = [re.match(_BRANCH_IN_FETCH_HEAD, line) for line in text.splitlines()]
    fetched = [match for match in matches if match and _comparable(match["url"]) == url]
    if not any(match["mark"] for match in fetched):
        return False
    if branch in [match["name"] for match in fetched] or not fetches_branch(git, remote, branch):
        return False
    return _moved_at(git, f"refs/remotes/{remote}/{branch}") <= fetched_at


def _comparable(url: str) -> str:
    """Return a URL as FETCH_HEAD has it: without credentials, `.git` and slashes at its end."""
    return re.sub(_CREDENTIALS, "", url.strip()).rstrip("/").removesuffix(".git")


def fetches_branch(git: GitCommand, remote: str, branch: str) -> bool:
    """Return whether a plain `git fetch` fetches a branch into its remote-tracking branch."""
    source, target = f"refs/heads/{branch}", f"refs/remotes/{remote}/{branch}"
    is_fetched = False
    for refspec in git.query("config", "--get-all", f"remote.{remote}.fetch").splitlines():
        if refspec.startswith("^"):
            if _mapped(source, refspec[1:], refspec[1:]) is not None:
                return False
            continue
        pattern, _, goal = refspec.removeprefix("+").partition(":")
        is_fetched |= _mapped(source, pattern, goal) == target
    return is_fetched


def _mapped(ref: str, pattern: str, goal: str) -> str | None:
    """Return what a refspec makes of a ref; None if its pattern does not match."""
    before, star, after = pattern.partition("*")
    if not star:
        return goal if ref == pattern else None
    has_room = len(ref) >= len(before) + len(after)
    if not (has_room and ref.startswith(before) and ref.endswith(after)):
        return None
    return goal.replace("*", ref[len(before) : len(ref) - len(after)], 1)


def _moved_at(git: GitCommand, ref: str) -> float:
    """Return when a ref was moved last, in seconds since 1970; 0 if no reflog shows it."""
    entry = git.output(
        "reflog", "show", "-1", "--date=unix", "--format=%gd", ref, "--", check=False
    )
    seconds = re.search(r"@\{(\d+)\}", entry)
    return float(seconds[1]) if seconds else 0.0
