"""The commits that receipts prove to have been reconciled in one registry."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from mlflow_gitops.core.audit.receipts import RECEIPT_TAG, Receipt, attested
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.errors import GitFailure


def attested_commits(
    branch: ReceiptsBranch, observed: Collection[ObservedModel], owner: str | None
) -> set[str]:
    """The commits of this environment's receipts that stamps in MLflow lead to.

    Anybody who may push receipts can write one. So a receipt counts only if a model's stamp
    names it, or one after it in its chain; and it must name the same registry as such a stamp's.
    """
    stamped = {model.tags[RECEIPT_TAG] for model in observed if RECEIPT_TAG in model.tags}
    if not stamped or owner is None:
        return set()
    try:
        receipts = branch.receipts()
    except GitFailure:
        return set()

    own = [receipt for receipt in attested(receipts, stamped) if receipt.owner == owner]
    registries = _registries(receipt for receipt in own if receipt.digest in stamped)
    return {receipt.commit for receipt in own if _registries([receipt]) <= registries}


def _registries(receipts: Iterable[Receipt]) -> set[tuple[str, str]]:
    return {
        (str(receipt.content.get("registry")), str(receipt.content.get("workspace")))
        for receipt in receipts
    }
