"""`doctor`'s checks of the clone: git's version, the main line, the whole history, the receipts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.recorded.numbers import format_size
from mlflow_gitops.core.setup.doctor import Area, CheckResult, run_checks
from mlflow_gitops.core.wording import counted, first_few

GIT = Area("git")

_MERGE_TREE = (2, 38)
"""The first git with `merge-tree --write-tree`, by which `plan --onto` plans a merge."""


@dataclass(frozen=True, slots=True)
class GitFacts:
    """A clone.

    `main` is the ref of the main branch; if it is None, `main_fault` says why. `commits` is the
    length of the main line. `branch_fault` says how the remote's main branch differs from it, "" if
    it does not. `has_receipts` tells whether receipts are in the clone, `fetches_receipts` whether
    a plain `git fetch` fetches them, and `receipts_branch` is their branch.
    """

    version: str
    remote: str | None
    main: str | None
    main_fault: str
    commits: int
    is_shallow: bool
    has_receipts: bool
    fetches_receipts: bool
    receipts_branch: str
    fetch_command: str = ""
    """Fetches the remote's receipts, by `refspec`."""
    refspec: str = ""
    unpushed_receipts: Sequence[str] | None = ()
    """The receipts that the remote does not have; None if the remote did not answer."""
    branch_fault: str = ""
    changed_first_parents: Sequence[str] = ()
    """Warnings of merges that changed the first parents of the main branch."""
    index_bytes: int | None = 0
    """The size of what the clone remembers of its history; 0 if it remembers nothing, None if that
    cannot be read."""


def check_git(facts: GitFacts) -> Iterator[CheckResult]:
    """Run all checks of a clone."""
    return run_checks(CHECKS, facts)


def _version(facts: GitFacts) -> Iterator[CheckResult]:
    if version_pair(facts.version) >= _MERGE_TREE:
        yield GIT.ok("version", f"git {facts.version}")
    else:
        detail = f"git {facts.version} cannot plan a merge (plan --onto)"
        yield GIT.missing("version", detail, "Install git 2.38 or newer.")


def _main_line(facts: GitFacts) -> Iterator[CheckResult]:
    if facts.main is None:
        fix = "Name the branch with --main, or fetch it."
        yield GIT.missing("main-line", facts.main_fault, fix)
    elif not facts.commits:
        yield GIT.missing("main-line", f"{facts.main} has no commits", "Commit the manifests.")
    elif facts.branch_fault:
        fix = "git fetch, then git remote set-head --auto, or --main"
        yield GIT.missing("main-line", facts.branch_fault, fix)
    else:
        yield GIT.ok("main-line", f"{facts.main}, {counted(facts.commits, 'commit')}")


def _depth(facts: GitFacts) -> Iterator[CheckResult]:
    if not facts.is_shallow:
        yield GIT.ok("depth", "this clone has the whole history")
        return
    yield GIT.missing(
        "depth",
        "this clone is shallow: it may lack the commits that models were last reconciled to",
        "git fetch --unshallow; in a workflow: fetch-depth: 0",
    )


def _first_parents(facts: GitFacts) -> Iterator[CheckResult]:
    for warning in facts.changed_first_parents:
        fix = "Require pull requests for the main branch; git config pull.rebase true"
        yield GIT.unknown("first-parents", warning, fix)


def _index(facts: GitFacts) -> Iterator[CheckResult]:
    if facts.index_bytes is None:
        detail = "the git directory's folder mlflow-gitops cannot be read: history is read anew"
        yield GIT.unknown("index", detail, "Delete the folder, or make it yours.")
    elif facts.index_bytes:
        detail = f"{format_size(facts.index_bytes)} in the git directory's folder mlflow-gitops"
        yield GIT.ok("index", f"{detail}; deleting it costs only time")


def _receipts(facts: GitFacts) -> Iterator[CheckResult]:
    if facts.remote is None:
        detail = "there is no remote: receipts stay in this clone"
        yield GIT.unknown("remote", detail, "git remote add origin …")
    elif facts.has_receipts:
        yield GIT.ok("receipts", "this clone has receipts")
    elif facts.fetches_receipts:
        yield GIT.ok("receipts", "git fetch fetches the receipts")
    else:
        yield GIT.missing(
            "receipts",
            "this clone has no receipts, and git fetch does not fetch them: log cannot show"
            " approvals and effects",
            f"{facts.fetch_command}; for every git fetch from now on: git config --add"
            f" remote.{facts.remote}.fetch '{facts.refspec}'",
        )


def _unpushed(facts: GitFacts) -> Iterator[CheckResult]:
    receipts = facts.unpushed_receipts
    if facts.remote is None or not facts.has_receipts:
        return
    if receipts is None:
        detail = f"{facts.remote} did not say which receipts it has"
        yield GIT.unknown("pushed-receipts", detail, f"git ls-remote {facts.remote}")
    elif receipts:
        detail = (
            f"{counted(len(receipts), 'receipt')} not on {facts.remote}: {first_few(receipts, 3)}"
        )
        fix = f"mlflow-gitops reconcile, or git push {facts.remote} {facts.receipts_branch}"
        yield GIT.missing("pushed-receipts", detail, fix)
    else:
        yield GIT.ok("pushed-receipts", f"{facts.remote} has every receipt of this clone")


CHECKS: tuple[Callable[[GitFacts], Iterator[CheckResult]], ...] = (
    _version,
    _main_line,
    _depth,
    _first_parents,
    _index,
    _receipts,
    _unpushed,
)
"""All checks, in the order in which their results are printed."""


def version_pair(version: str) -> tuple[int, int]:
    """Return the first two numbers of a version; zeros if it has none."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
