"""What receipts say came to hold a stage, compared with what git declared at their commits (RULES
R6)."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.audit.verifying.account import Account
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.wording import and_list

_NOT_DECLARED = frozenset({"Archived", "None"})
"""Stages that a version comes to without any line in a manifest."""


def undeclared_stages(account: Account) -> Iterator[Unexplained]:
    """One finding for each receipt that brought the model to its commit and names versions which
    that commit did not put there."""
    for run in account.runs:
        entered = [entry for entry in run.recorded.entered if entry[0] not in _NOT_DECLARED]
        if not entered:
            continue
        desired = account.declared_at(run.index)
        undeclared = sorted(
            f"{version} in {stage}"
            for stage, version in entered
            if desired is None or version not in desired.holders(stage)
        )
        if undeclared:
            commit = run.receipt.commit[:12]
            detail = (
                f"the receipt of {run.at} on {commit} cannot be what a run wrote: it names"
                f" {and_list(undeclared)}, and {commit} does not declare that"
            )
            yield Unexplained(account.name, "contradicted", detail, run.receipt.digest)
