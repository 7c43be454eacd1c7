"""The findings of `verify`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mlflow_gitops.core.audit.record.acknowledgements import Acknowledgement


@dataclass(frozen=True, slots=True, order=True)
class Unexplained:
    """One thing in MLflow, or in the receipts, that neither git nor a receipt accounts for.

    `model` is empty for the receipts as a whole. `field` names the thing: `stage Production`,
    `alias champion`, `pin 12 run_id`, `held 12 Production`, `stamps 12`, `exempt 12 Production`,
    `judged 12 Production`, `gates 12 Production`, `source 12`, `files 12`, `signed 12`, `owner`,
    `commit`, `receipt`, `recovered`, `replayed`, `contradicted`, `signature`, `signer`. `detail` is
    for people. `receipt` is the digest of the receipt, or the commit, that a commit may
    acknowledge, since nothing else makes the finding go away (RULES R7); None for what a reconcile
    or a person can put right.
    """

    model: str
    field: str
    detail: str
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A finding that a commit of the main line acknowledges."""

    finding: Unexplained
    by: Acknowledgement


def split_acknowledged(
    findings: Iterable[Unexplained], lines: Sequence[Acknowledgement]
) -> tuple[list[Unexplained], list[Acknowledged]]:
    """The findings that nobody acknowledged, and the others. A line that does not count is named
    with its finding."""
    open_findings: list[Unexplained] = []
    acknowledged: list[Acknowledged] = []
    for finding in findings:
        digest = finding.receipt
        of_finding = [line for line in lines if digest and digest.startswith(line.digest)]
        counting = next((line for line in of_finding if line.fault is None), None)
        if counting is not None:
            acknowledged.append(Acknowledged(finding, counting))
            continue
        if of_finding:
            claim = of_finding[0]
            detail = (
                f"{finding.detail}; {claim.commit[:7]} acknowledges it, as {claim.author} claims,"
                f" which does not count: {claim.fault}"
            )
            finding = replace(finding, detail=detail)
        open_findings.append(finding)
    return open_findings, acknowledged


@dataclass(frozen=True, slots=True, order=True)
class UncheckedFiles:
    """A version that holds these stages and has no pinned digest, so that nobody can say whether
    its files are those that were approved."""

    model: str
    version: int
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a verification. `commit` is the main line's tip, `models` counts the models
    that were verified, `unmanaged` names MLflow's others, `receipts` counts all in this clone."""

    commit: str
    models: int
    unmanaged: tuple[str, ...]
    receipts: int
    findings: tuple[Unexplained, ...]
    compared_files: int | None = None
    """The versions whose files were compared with their digests; None if none were asked for."""
    unchecked_files: tuple[UncheckedFiles, ...] = ()
    acknowledged: tuple[Acknowledged, ...] = ()
    """What a commit acknowledges, which is no finding any more."""
    unconfirmed_receipts: int = 0
    """Receipts that name a CI run or people, which no forge confirmed: their words are claims."""
    forge_failure: str | None = None
    """Why the forge did not answer about them; None if it did, or was not asked."""
