"""Each holder passed the gates of its stage when it came in: the receipt of that run says so (RULES
R3, R7)."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.audit.ledger import AppliedRun
from mlflow_gitops.core.audit.verifying.account import Account
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.gates import approvals
from mlflow_gitops.core.history.stage_entries import Entry, files_at

_PASSING = frozenset({"passed", "overridden", "exempt"})


def unproven_gates(account: Account, holder: Entry, file: str) -> Iterator[Unexplained]:
    """The gates that no receipt records as passed, for one version that holds a stage. `file` is
    the manifest's path now."""
    run = run_that_brought(account, holder.stage, holder.version)
    entry = _entry_at(account, run, holder.stage, holder.version) if run else None
    if (
        run is None
        or entry is None
        or entry.making_commit is None
        or entry.stage not in entry.judge.stages
    ):
        return  # nothing was applied, which is reported already

    gates = entry.judge.stages[entry.stage].gates
    passed = {
        gate
        for stage, version, gate, status in run.recorded.verdicts()
        if (stage, version) == (entry.stage, entry.version) and status in _PASSING
    }
    missing = [gate for gate in gates.names if gate not in passed]

    reason = "no receipt says that it passed"
    if run.receipt.is_recovered:
        reason = "its receipt was recovered by a later run, which did not find that it passed"
        if "approvals" in missing and _has_approvals(account, entry, file):
            missing.remove("approvals")  # the forge may not have answered that run
    if missing:
        field = f"gates {entry.version} {entry.stage}"
        yield Unexplained(account.name, field, f"{reason} {', '.join(missing)}")


def run_that_brought(account: Account, stage: str, version: int) -> AppliedRun | None:
    """The first run of the unbroken time, up to the last run, in which the version holds the
    stage; None if it does not hold it at the last run."""
    first: AppliedRun | None = None
    for run in account.runs:
        desired = account.desired_at(run.index)
        if desired is None or version not in desired.holders(stage):
            first = None
        elif first is None:
            first = run
    return first


def _entry_at(account: Account, run: AppliedRun, stage: str, version: int) -> Entry | None:
    for entry in account.entries_at(run.index):
        if (entry.stage, entry.version) == (stage, version):
            return entry
    return None


def _has_approvals(account: Account, entry: Entry, file: str) -> bool:
    """Whether the forge counts enough approvals; False if it cannot be asked."""
    commit = entry.making_commit
    required = entry.judge.stages[entry.stage].gates.settings(approvals.GATE)
    if required is None or commit is None:
        return False
    files = files_at(account.points, commit)
    count = account.approvals(commit, files[0] if files else file)
    return count is not None and count >= required.number
