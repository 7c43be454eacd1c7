"""Held stamps (`gitops.held.<Stage>`) excuse a version from gates, so each must be explained: by a
commit that declared the version for the stage, and by a run that applied it (RULES R3, R7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.audit.account import Account
from mlflow_gitops.core.audit.findings import Unexplained
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.observed.model import HELD_PREFIX, ObservedModel


def unexplained_holders(
    account: Account, entries: Sequence[Entry], observed: ObservedModel
) -> Iterator[Unexplained]:
    """Held stamps that nothing explains, and holders of a stage (`entries`) without such a
    stamp."""
    for number, version in sorted(observed.versions.items()):
        for key, value in sorted(version.tags.items()):
            if not key.startswith(HELD_PREFIX):
                continue
            stage, sha = key.removeprefix(HELD_PREFIX), value.partition("@")[0]
            fault = _stamp_fault(account, stage, number, sha)
            if fault:
                yield Unexplained(account.name, f"held {number} {stage}", fault)

    for entry in entries:
        holder = observed.versions.get(entry.version)
        if holder is None or entry.stage == "Archived":
            continue
        if HELD_PREFIX + entry.stage not in holder.tags:
            field = f"held {entry.version} {entry.stage}"
            yield Unexplained(account.name, field, "holds it without the stamp of a reconcile")


def _stamp_fault(account: Account, stage: str, version: int, sha: str) -> str | None:
    """Why a held stamp that names a commit is not explained; None if it is."""
    index = account.positions.get(sha)
    if index is None:
        return f"the stamp names {sha[:12] or 'nothing'}, which is no commit of the main line"

    if account.base is not None and index > account.positions[account.base.sha]:
        return (
            f"the stamp names {sha[:12]}, which comes after the commit that the model was"
            " reconciled to"
        )

    if not _is_declared(account, stage, version, index):
        return f"the stamp names {sha[:12]}, whose manifest does not put it there"

    applied = (run.index for run in account.runs if run.index >= index)
    if any(_is_declared(account, stage, version, run_index) for run_index in applied):
        return None
    return f"the stamp names {sha[:12]}, and no receipt says that this was ever applied"


def _is_declared(account: Account, stage: str, version: int, index: int) -> bool:
    desired = account.desired_at(index)
    return desired is not None and version in desired.holders(stage)
