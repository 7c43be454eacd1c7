"""Held stamps (`gitops.held.<Stage>`) must say what receipts say: which commit put the version
there, and when a run applied that (RULES R3, R7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlflow_gitops.core.audit.recorded_stays import NOT_RECORDED, RecordedStay, recorded_stays
from mlflow_gitops.core.audit.verifying.account import Account
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.history.tenures import ReconciledHistory
from mlflow_gitops.core.observed.model import HELD_PREFIX, ObservedModel


def unexplained_holders(
    account: Account, entries: Sequence[Entry], observed: ObservedModel
) -> Iterator[Unexplained]:
    """Held stamps that differ from the receipts, and holders of a stage (`entries`) without such a
    stamp."""
    runs = [run.applied_commit for run in account.runs]
    reconciles = ReconciledHistory(runs, account.positions)
    # By stage, and by how many reconciles can be about the version: the latest ones.
    stays_of: dict[tuple[str, int], Mapping[int, RecordedStay]] = {}
    for number, version in sorted(observed.versions.items()):
        possible = reconciles.since(version.created, observed.created)
        for key, stamp in sorted(version.tags.items()):
            if not key.startswith(HELD_PREFIX):
                continue
            stage = key.removeprefix(HELD_PREFIX)
            stays_key = stage, len(possible.runs)
            if stays_key not in stays_of:
                stays_of[stays_key] = recorded_stays(account.points, stage, possible)
            fault = _stamp_fault(account, stage, number, stamp, stays_of[stays_key].get(number))
            if fault:
                yield Unexplained(account.name, f"held {number} {stage}", fault)

    for entry in entries:
        holder = observed.versions.get(entry.version)
        if holder is None or entry.stage == "Archived":
            continue
        if HELD_PREFIX + entry.stage not in holder.tags:
            field = f"held {entry.version} {entry.stage}"
            yield Unexplained(account.name, field, "holds it without the stamp of a reconcile")


def _stamp_fault(
    account: Account, stage: str, version: int, stamp: str, stay: RecordedStay | None
) -> str | None:
    """Why a held stamp is not explained; None if it is. `stay` is what receipts record."""
    sha = stamp.partition("@")[0]
    index = account.positions.get(sha)
    if index is None:
        return f"the stamp names {sha[:12] or 'nothing'}, which is no commit of the main line"

    if account.base is not None and index > account.positions[account.base.sha]:
        return (
            f"the stamp names {sha[:12]}, which comes after the commit that the model was"
            " reconciled to"
        )

    desired = account.desired_at(index)
    if desired is None or version not in desired.holders(stage):
        return f"the stamp names {sha[:12]}, whose manifest does not put it there"
    if stay is None:
        return f"the stamp names {sha[:12]}, and {NOT_RECORDED}"
    fault = stay.fault(stamp)
    return f"the stamp differs from the receipts: {fault}" if fault else None
