"""What a clone lacks of its remote: a part of the main line, or receipts (RULES
R1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.receipts import NOTES_REF
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.refs.branches import branch_name
from mlflow_gitops.errors import GitFailure

_PATIENCE = 20.0
"""Seconds that the remote has to say which receipts it has."""


@dataclass(frozen=True, slots=True)
class CloneGap:
    """What a clone lacks, as a sentence, and the command that fetches it."""

    kind: Literal["shallow", "behind", "unreachable"]
    sentence: str
    fix: str

    @property
    def advice(self) -> str:
        return f"{self.sentence} {self.fix[:1].upper()}{self.fix[1:]}."


def find_clone_gap(workspace: Workspace) -> CloneGap | None:
    """What this clone lacks; None if it has all commits that its remote's branches have, or if it
    has no remote. The branch of receipts is left out. Asks the remote."""
    git, main_ref = workspace.git, workspace.main_ref
    if git.is_shallow():
        return CloneGap(
            "shallow",
            "This clone is shallow: it does not have the commits that models were reconciled to.",
            "run git fetch --unshallow (in a workflow: fetch-depth: 0)",
        )
    remote = git.remote()
    if remote is None:
        return None

    try:
        tips = git.remote_tips(remote)
        tips.pop(workspace.settings.receipts_branch, None)
    except GitFailure as failure:
        return CloneGap(
            "unreachable",
            f"It is not known whether this clone is behind {remote}: {failure}",
            f"run git pull when {remote} can be reached",
        )
    main = branch_name(git, main_ref)
    if main in tips and not git.contains(main_ref, tips[main]):
        return CloneGap("behind", f"This clone is behind {remote}.", "run git pull")

    unfetched = sorted(branch for branch, tip in tips.items() if not git.exists(tip))
    if unfetched:
        return CloneGap(
            "behind",
            f"This clone is behind {remote}: it does not have the tip of {unfetched[0]}.",
            f"run git fetch {remote} '+refs/heads/*:refs/remotes/{remote}/*'",
        )
    return None


@dataclass(frozen=True, slots=True)
class ReceiptsGap:
    """What is missing, as the end of a sentence, and the command that fetches it."""

    kind: Literal["behind", "unreachable"]
    reason: str
    fix: str


def find_receipts_gap(branch: ReceiptsBranch) -> ReceiptsGap | None:
    """Which receipts this clone lacks; None if it has all that its remote has, or no remote. Asks
    the remote."""
    remote = branch.remote
    if remote is None:
        return None

    fix = f"{branch.fetch_command} (reconcile does it by itself, without --no-push-receipts)"
    try:
        on_remote = branch.refs_of_remote(_PATIENCE)
    except GitFailure as failure:
        reason = f"it is not known whether {remote} has receipts that this clone lacks: {failure}"
        return ReceiptsGap("unreachable", reason, f"when {remote} can be reached: {fix}")

    tip = on_remote.get(branch.ref)
    if tip is None and NOTES_REF in on_remote and not branch.refs():
        # Notes of earlier versions, which no run has taken over yet.
        fix = f"git fetch {remote} {NOTES_REF}:{NOTES_REF}"
    elif tip is None or branch.has_commit(tip):
        return None
    return ReceiptsGap("behind", f"the receipts of {remote} were not fetched", fix)
