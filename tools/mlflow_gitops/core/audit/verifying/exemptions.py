"""Each exemption that a receipt records is derived again from git and the receipts before it: a
rollback is one only if they say that the version held the stage (RULES R3, R7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlflow_gitops.core.audit.ledger import AppliedRun
from mlflow_gitops.core.audit.verifying.account import Account
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.history.tenures import ReconciledHistory, Tenure

_OWN_EXEMPTIONS = frozenset({"no_worse_than", "signature"})
"""Gates that may have nothing to compare with. Before format 3, a receipt did not tell that from a
rollback."""


def unsupported_exemptions(account: Account) -> Iterator[Unexplained]:
    """One finding for each stage and version that a receipt exempts without reason."""
    for position, run in enumerate(account.runs):
        gates: dict[tuple[str, int, str], list[str]] = {}
        for verdict in run.recorded.gates:
            if verdict.get("status") != "exempt":
                continue
            reason = _reason(verdict, run)
            stage, version = str(verdict.get("stage")), int(verdict["version"])
            if not _is_supported(account, position, stage, version, reason):
                gates.setdefault((stage, version, reason), []).append(str(verdict.get("gate")))

        for (stage, version, reason), names in gates.items():
            written = f"{run.at} on {run.receipt.commit[:12]}"
            detail = (
                f"the receipt of {written} exempts it from {', '.join(names)} ({reason}), and no"
                f" receipt before it says that it held {stage}"
            )
            field = f"exempt {version} {stage}"
            yield Unexplained(account.name, field, detail, run.receipt.digest)


def _reason(verdict: Mapping[str, Any], run: AppliedRun) -> str:
    """`rollback`, `adopted`, `alias`; `own` if the gate itself had nothing to judge; `any` if the
    format of the receipt does not say."""
    facts = verdict.get("facts")
    reason = facts.get("exempt") if isinstance(facts, dict) else None
    if isinstance(reason, str):
        return reason
    is_own = verdict.get("gate") in _OWN_EXEMPTIONS or run.receipt.schema >= 3
    return "own" if is_own else "any"


def _is_supported(account: Account, position: int, stage: str, version: int, reason: str) -> bool:
    if reason == "own":
        return True
    is_alias = reason in ("alias", "any") and _was_in_stage(account, position, stage, version)
    is_first = reason in ("adopted", "any") and position == 0
    return is_alias or is_first or _has_held(account, position, stage, version)


def _was_in_stage(account: Account, position: int, stage: str, version: int) -> bool:
    """Whether an alias came to a version that was in the stage: the run before left it there, or
    this one judged how it came there."""
    verdicts = account.runs[position].recorded.verdicts()
    judged = {(s, v) for s, v, _, status in verdicts if status != "exempt"}
    if (stage, version) in judged:
        return True
    desired = account.desired_at(account.runs[position - 1].index) if position else None
    return desired is not None and version in desired.holders(stage)


def _has_held(account: Account, position: int, stage: str, version: int) -> bool:
    """Whether earlier receipts say that the version held the stage, or an alias that has its
    gates."""
    earlier = [run.applied_commit for run in account.runs[:position]]
    reconciles = ReconciledHistory(earlier, account.positions)
    return any(
        version in tenures
        for tenures in _tenures(account, reconciles, _stage_and_aliases(account, stage))
    )


def _tenures(
    account: Account, reconciles: ReconciledHistory, stages: Sequence[str]
) -> Iterator[Mapping[int, Tenure]]:
    for stage in stages:
        yield reconciles.tenures(account.points, stage)


def _stage_and_aliases(account: Account, stage: str) -> list[str]:
    """The stage, and every alias that the manifests declare for themselves."""
    states = (point.desired for point in account.points)
    aliases = {f"@{alias}" for state in states if state for alias in state.manifest.aliases}
    return [stage, *sorted(aliases)]
