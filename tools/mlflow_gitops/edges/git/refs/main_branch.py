"""The main branch of a clone (RULES R1), and other branches that a user names."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mlflow_gitops.edges.git.command import checked_output
from mlflow_gitops.edges.git.refs.default_branch import is_gone_since_last_fetch, recorded_default
from mlflow_gitops.edges.git.refs.names import branch_ref, check_is_branch_name
from mlflow_gitops.edges.git.refs.store import Refs
from mlflow_gitops.errors import GitFailure

BRANCH_GONE = "git_branch_gone"
"""The code of a failure if the remote no longer has its former default branch, and this clone does
not show which one replaced it."""

_MAIN_NAMES = ("main", "master")


class MainBranch(NamedTuple):
    """The main branch by a name that git takes for nothing else; and what is wrong with it, as a
    sentence to report."""

    ref: str
    warning: str = ""


class Branches(Refs):
    """The branches of one repository."""

    def __init__(self, top: Path) -> None:
        super().__init__(top)
        self._main_branches: dict[str | None, MainBranch] = {}

    def forget_facts(self) -> None:
        super().forget_facts()
        self._main_branches.clear()

    def main_branch(self, requested: str | None) -> MainBranch:
        """Return the main branch (RULES R1), which is looked up once until the next fetch.

        It is the requested branch, the remote's HEAD, the remote's `main` or `master`, or without a
        remote the local branch. A branch is never confused with a tag of the same name, which git
        itself would take first. Raises GitFailure if the main branch is not known, and if the last
        fetch shows that the remote no longer has it.
        """
        if requested not in self._main_branches:
            self._main_branches[requested] = self._find_main(requested)
        return self._main_branches[requested]

    def _find_main(self, requested: str | None) -> MainBranch:
        remote = self.remote()
        if requested is not None:
            return self.named_branch(requested)
        if remote is not None:
            return self._remote_main(remote)

        current = self.query("symbolic-ref", "-q", "HEAD")
        local = [f"refs/heads/{name}" for name in _MAIN_NAMES]
        ref = current if current.startswith("refs/heads/") else self._first_commit_ref(local)
        if ref is None:
            return MainBranch("HEAD")
        return MainBranch(self._shortest_of_branch(ref) or ref.removeprefix("refs/heads/"))

    def main_ref(self, requested: str | None) -> str:
        """Return the name of the main branch, which git takes for nothing else."""
        return self.main_branch(requested).ref

    def named_branch(self, requested: str) -> MainBranch:
        """Return the branch that a user names with --main or --onto; a commit id and HEAD are
        allowed as well.

        Raises GitFailure if there is no such branch, even if there is a tag of that name, and if
        two branches have the name.
        """
        ref = branch_ref(self, requested, self.remote())
        if ref is None:
            check_is_branch_name(self, requested)
            self.resolve(requested)
            return MainBranch(requested)

        name = self._shortest(ref)
        remote, branch = self.split_remote(ref)
        if remote is not None and is_gone_since_last_fetch(self, remote, branch):
            return MainBranch(
                name, f"{_absence(remote, branch)} {name} is only what this clone kept."
            )
        return MainBranch(name)

    def split_remote(self, ref: str) -> tuple[str | None, str]:
        """Return the remote of a remote-tracking branch, None for any other ref, and the name that
        the branch has there. The name of a remote may contain slashes."""
        for remote in sorted(self.remotes(), key=len, reverse=True):
            branch = ref.removeprefix(f"refs/remotes/{remote}/")
            if branch != ref:
                return remote, branch
        return None, ref

    def _remote_main(self, remote: str) -> MainBranch:
        """The remote's default branch, or what most likely replaced it."""
        prefix = f"refs/remotes/{remote}/"
        default = recorded_default(self, remote)
        candidates = [prefix + name for name in _MAIN_NAMES]
        if default is None:
            existing = self._commit_refs([f"{prefix}HEAD", *candidates])
            main = next(
                (
                    ref
                    for ref in existing
                    if ref not in candidates or not self._is_gone(remote, ref)
                ),
                None,
            )
            if main is None:
                raise GitFailure(
                    f"The main branch of {remote} is not known here.",
                    fix=f"Run git fetch {remote} (git push -u {remote} HEAD if the remote is still"
                    " empty), or name it with --main.",
                )
            return MainBranch(self._shortest(main))

        name = self._shortest_of_branch(default)
        exists = name is not None
        if name is not None and not self._is_gone(remote, default):
            return MainBranch(name)

        main = self._first_commit_ref(
            [
                ref
                for ref in candidates
                if ref != default
                and not self._is_gone(remote, ref)
                and (not exists or self._descends(ref, default))
            ]
        )
        absence = _absence(remote, default.removeprefix(prefix))
        if main is None:
            raise GitFailure(
                absence,
                fix=f"Run {_set_head(remote)}, or name the branch with --main.",
                code=BRANCH_GONE,
            )
        name = self._shortest(main)
        return MainBranch(
            name, f"{absence} Going by {name}; to confirm it, run {_set_head(remote)}."
        )

    def _is_gone(self, remote: str, ref: str) -> bool:
        branch = ref.removeprefix(f"refs/remotes/{remote}/")
        return branch != ref and is_gone_since_last_fetch(self, remote, branch)

    def _descends(self, ref: str, ancestor: str) -> bool:
        """Whether a ref's history contains that of another ref; False if it does not exist."""
        if not self._is_commit(ref):
            return False
        command = ("merge-base", "--is-ancestor", ancestor, ref)
        process = self._execute(*command)
        return process.returncode != 1 and checked_output(process, command) == b""


def _absence(remote: str, branch: str) -> str:
    return f"The last fetch found no branch {branch} on {remote}: it was renamed or deleted there."


def _set_head(remote: str) -> str:
    return f"git remote set-head {remote} --auto"
