"""Stamps of versions and `gitops.at` must say what git and the receipts say (RULES R6, R7)."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.audit.verifying.account import Account
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.audit.version_stamps import wrong_time, wrong_version_stamps
from mlflow_gitops.core.observed.model import ObservedModel


def unexplained_stamps(account: Account, observed: ObservedModel) -> Iterator[Unexplained]:
    """One finding for each version with wrong stamps, and one for the model's own time."""
    base = account.base
    if base is None or account.tip is None or not account.runs:
        return  # what is gone or was never recorded is reported already

    is_recovered = any(run.receipt.is_recovered for run in account.runs)
    faults: dict[int, list[str]] = {}
    for stamp in wrong_version_stamps(
        account.points, observed, account.people, is_recovered=is_recovered
    ):
        faults.setdefault(stamp.version or 0, []).append(stamp.fault)
    for number, of_version in faults.items():
        yield Unexplained(account.name, f"stamps {number}", "; ".join(of_version))

    time = wrong_time(observed, account.runs, account.positions[base.sha], base.at)
    if time is not None:
        yield Unexplained(account.name, "stamps", time.fault)
