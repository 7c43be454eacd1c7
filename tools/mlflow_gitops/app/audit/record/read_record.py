"""What this clone has of the record of runs, and what is wrong with it, for `verify` (RULES R6,
R7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlflow_gitops.app.audit.record.contradicted import contradicted, contradictions_in_clone
from mlflow_gitops.app.audit.record.forge_answers import compare_with_forge
from mlflow_gitops.app.audit.record.receipt_findings import receipt_findings
from mlflow_gitops.app.audit.record.shown_registration import shown_registration
from mlflow_gitops.app.audit.signers import Signers
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.ledger import Ledger
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.flaws import Flaw, contradicted_receipts, flaws
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.history.line.renames import Renames
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.names import file_stem, model_of
from mlflow_gitops.core.observed.model import ObservedModel


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """The receipts of a clone, oldest first, those of the environment, and the findings about
    them."""

    receipts: Sequence[Receipt]
    ledger: Ledger
    digests: frozenset[str]
    findings: Sequence[Unexplained]
    unconfirmed: int
    """How many receipts of the environment the forge has not confirmed."""
    forge_failure: str | None = None
    """Why the forge did not answer; None if it did, or was not asked."""


def read_record(
    workspace: Workspace,
    line: MainLine,
    names: Sequence[str],
    renames: Renames,
    observed: Mapping[str, ObservedModel],
) -> ReadRecord:
    """The record, with the flaws of these models, or of all that there ever were. `observed` is
    what MLflow shows. Raises GitFailure if the receipts cannot be read."""
    stored = workspace.receipts_branch.read()
    receipts = stored.receipts
    owner = workspace.owner(line)
    contradictions = contradictions_in_clone(
        workspace, receipts, line, shown_registration(observed, renames, line.index, owner)
    )
    ledger = Ledger(receipts, line.index, owner, contradicted(contradictions))
    answers = compare_with_forge(workspace, ledger.receipts, line.index)

    every_flaw = [
        *flaws(receipts, contradictions),
        *Signers(workspace, line).flaws(ledger.receipts),
        *contradicted_receipts(answers.contradictions),
    ]
    flaws_of_models = _flaws_of(every_flaw, owner, names, renames)
    findings = receipt_findings(workspace.receipts_branch, stored, flaws_of_models)
    digests = frozenset(receipt.digest for receipt in receipts)
    return ReadRecord(
        receipts, ledger, digests, tuple(findings), answers.unconfirmed, answers.failure
    )


def _flaws_of(
    every_flaw: Sequence[Flaw], owner: str | None, names: Sequence[str], renames: Renames
) -> list[Flaw]:
    """The flaws of these models, under whatever names they had, or of all: neither a rename nor a
    deletion takes one away."""
    periods = [renames.periods(file_stem(name)) for name in names]
    model_names = {"", *(model_of(period.stem) for of_model in periods for period in of_model)}
    return [
        flaw
        for flaw in every_flaw
        if flaw.kind == "gap"
        or (flaw.receipt.owner == owner and (not names or flaw.model in model_names))
    ]
