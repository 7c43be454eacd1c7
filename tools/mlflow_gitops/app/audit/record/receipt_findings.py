"""What `verify` finds wrong with the receipts themselves (RULES R7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mlflow_gitops.app.audit.record.forge_answers import compare_with_forge
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.ledger import Ledger
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.flaws import Flaw, contradicted_receipts, flaws
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.history.line.renames import Renames
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.names import file_stem, model_of
from mlflow_gitops.core.wording import counted
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.stored import AlteredReceipt, StoredReceipts

_FIELDS = {
    "gap": "receipts",
    "lost": "receipt",
    "recovered": "recovered",
    "replayed": "replayed",
    "contradicted": "contradicted",
}


def flaws_of(
    workspace: Workspace,
    ledger: Ledger,
    receipts: Sequence[Receipt],
    line: MainLine,
    names: Sequence[str],
    renames: Renames,
) -> tuple[list[Flaw], int]:
    """The flaws of these models, under whatever names they had, or of all that there ever were:
    neither a rename nor a deletion takes one away. Also how many receipts of the environment the
    forge has not confirmed."""
    periods = [renames.periods(file_stem(name)) for name in names]
    model_names = {"", *(model_of(period.stem) for of_model in periods for period in of_model)}
    owner = workspace.owner(line)
    answers = compare_with_forge(workspace, ledger.receipts, line.index)
    every_flaw = [
        *flaws(receipts, line, workspace.settings.now().timestamp()),
        *contradicted_receipts(answers.contradictions),
    ]
    of_names = [
        flaw
        for flaw in every_flaw
        if flaw.kind == "gap"
        or (flaw.receipt.owner == owner and (not names or flaw.model in model_names))
    ]
    return of_names, answers.unconfirmed


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
