"""What `verify` finds wrong with the receipts themselves (RULES R7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlflow_gitops.core.audit.record.flaws import Flaw
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.wording import counted
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.stored import AlteredReceipt, StoredReceipts

_FIELDS = {
    "gap": "receipts",
    "lost": "receipt",
    "recovered": "recovered",
    "replayed": "replayed",
    "contradicted": "contradicted",
    "signer": "signer",
}


def receipt_findings(
    branch: ReceiptsBranch, stored: StoredReceipts, found_flaws: Iterable[Flaw]
) -> Iterator[Unexplained]:
    """Whether there are receipts at all, their flaws, and what commits of the branch did other than
    add receipts, which a commit of the main line may acknowledge by the id of that commit."""
    if not stored.receipts:
        detail = "there are no receipts in this clone"
        if branch.remote:
            detail = f"{detail}; fetch them with: {branch.fetch_command}"
        yield Unexplained("", "receipts", detail)

    for flaw in found_flaws:
        yield Unexplained(flaw.model, _FIELDS[flaw.kind], flaw.detail, flaw.receipt.digest)
    for entry in stored.untrusted:
        detail = (
            f"{entry.commit[:12]} added {counted(entry.receipts, 'receipt')} and {entry.fault};"
            " the policy asks for signed receipts, so that nothing believes it"
        )
        yield Unexplained("", "receipts", detail, entry.commit)
    for altered in dict.fromkeys(stored.altered):
        yield Unexplained("", "receipts", _sentence(altered), altered.commit)


def _sentence(altered: AlteredReceipt) -> str:
    commit = altered.commit[:12]
    if altered.action == "forged":
        return f"{commit} added {altered.path}, which is not the receipt that its name says"
    return f"{commit} {altered.action} {altered.path}; what it held before still counts"
