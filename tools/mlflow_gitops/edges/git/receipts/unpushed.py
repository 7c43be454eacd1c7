"""The receipts of a clone that its remote does not have."""

from __future__ import annotations

from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.files import file_changes
from mlflow_gitops.edges.git.receipts.layout import file_name

_PATIENCE = 20.0
"""Seconds that the remote has to answer."""


def unpushed_receipts(branch: ReceiptsBranch) -> list[str]:
    """The paths of the receipts that only this clone has, oldest first; none without a remote. Asks
    the remote. Raises GitFailure."""
    tip = branch.refs().get(branch.ref)
    if tip is None or branch.remote is None:
        return []
    on_remote = branch.refs_of_remote(_PATIENCE).get(branch.ref)
    if on_remote is not None and not branch.git.exists(on_remote):
        on_remote = branch.refs().get(branch.tracking_ref)
    changes = file_changes(branch.git, [tip], excluded=on_remote) or []
    paths = [change.path for change in changes if change.action == "A" and file_name(change.path)]
    return list(dict.fromkeys(reversed(paths)))
