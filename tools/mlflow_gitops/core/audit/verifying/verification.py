"""Verify: is what MLflow shows explained by a commit of the main line, and by a receipt of the run
that put it there (RULES R7)?

Anyone who may edit the registry can forge a stamp, so git and the receipts decide: a stamp counts
only if a receipt says that the model was reconciled to a commit that declared exactly that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.audit.receipts import RECEIPT_TAG
from mlflow_gitops.core.audit.verifying.account import Account
from mlflow_gitops.core.audit.verifying.exemptions import unsupported_exemptions
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.audit.verifying.held_stamps import unexplained_holders
from mlflow_gitops.core.audit.verifying.judged_values import changed_values
from mlflow_gitops.core.audit.verifying.occupied_versions import gone_sources
from mlflow_gitops.core.audit.verifying.recorded_stages import undeclared_stages
from mlflow_gitops.core.audit.verifying.stamps import unexplained_stamps
from mlflow_gitops.core.audit.verifying.verified_gates import unproven_gates
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.changes import departures
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.plan.refusals.pins import pin_refusals

_SUBJECTS = {"set_tag": "tag", "delete_tag": "tag", "set_description": "description"}


def verify_model(
    account: Account, observed: ObservedModel, owner: str | None, digests: frozenset[str]
) -> Iterator[Unexplained]:
    """Everything about one managed model that is not explained. `owner` is this repository's;
    `digests` are those of every receipt that exists."""
    yield from _owner(account, observed, owner)
    yield from gone_sources(account.tip, observed, account.record)
    if observed.base is None:
        yield from _without_stamp(account, observed)
        return

    base, desired = account.base, account.desired
    if base is None or desired is None:
        target = "no commit of the main line" if base is None else "a commit without this manifest"
        detail = f"the stamp {observed.base[:12]} names {target}"
        yield Unexplained(account.name, "commit", detail)
        return

    for change in departures(desired, base, observed):
        yield Unexplained(account.name, _field(change), _difference(change, base))

    entries = account.entries_at(account.positions[base.sha])
    yield from _pins(account, desired, entries, observed)
    yield from _receipts(account, base, observed, digests)
    yield from unexplained_holders(account, entries, observed)
    yield from unexplained_stamps(account, observed)
    yield from undeclared_stages(account)
    yield from unsupported_exemptions(account)
    for entry in entries:
        yield from unproven_gates(account, entry, desired.manifest.file)
        holder = observed.versions.get(entry.version)
        if holder is not None:
            yield from changed_values(account, entry, holder)


def _is_reconciled(account: Account, observed: ObservedModel) -> bool:
    """Whether a stamp or a receipt says so. Before the first reconcile no stamp is missing."""
    return observed.base is not None or bool(account.runs)


def _owner(account: Account, observed: ObservedModel, owner: str | None) -> Iterator[Unexplained]:
    if observed.owner == owner:
        return
    if observed.owner is not None or _is_reconciled(account, observed):
        detail = f"the stamp names {observed.owner or 'nothing'}, this repository is {owner}"
        yield Unexplained(account.name, "owner", detail)


def _without_stamp(account: Account, observed: ObservedModel) -> Iterator[Unexplained]:
    is_reconciled = _is_reconciled(account, observed)
    if is_reconciled:
        detail = "the receipts say that it was reconciled, and the stamp is gone"
        yield Unexplained(account.name, "commit", detail)

    reason = "which no stamp explains" if is_reconciled else "and no reconcile has been here yet"
    for number, version in sorted(observed.versions.items()):
        if version.stage in ("Staging", "Production"):
            detail = f"held by {number}, {reason}"
            yield Unexplained(account.name, f"stage {version.stage}", detail)


def _pins(
    account: Account, desired: Desired, entries: Sequence[Entry], observed: ObservedModel
) -> Iterator[Unexplained]:
    """Pins that MLflow does not match. The tip's pins count if there are any: a pin that was added
    after the base says what a version number means all the same."""
    holders = {entry.version for entry in entries}
    for refusal in pin_refusals(account.tip or desired, observed, holders, account.record):
        yield Unexplained(account.name, f"pin {refusal.version} {refusal.field}", refusal.detail)


def _receipts(
    account: Account, base: Commit, observed: ObservedModel, digests: frozenset[str]
) -> Iterator[Unexplained]:
    # The stamp names the commit that last changed the model. Its receipt lies on the commit that
    # was reconciled, which may be a later one about something else. If any run brought the model to
    # that state, it is the first run from there on.
    index = account.positions[base.sha]
    run = next((run for run in account.runs if run.index >= index), None)
    is_recorded = run is not None and (
        run.index == index or account.making_commit_at(run.index) == base.sha
    )
    if not is_recorded:
        detail = f"no receipt says that it was reconciled to {base.sha[:12]}"
        yield Unexplained(account.name, "commit", detail)

    later_commit = _later_state(account, index)
    if later_commit is not None:
        detail = (
            f"the stamp names {base.sha[:12]}, and the receipts say that it was reconciled to"
            f" {later_commit[:12]} after that: somebody put an older state back"
        )
        yield Unexplained(account.name, "commit", detail)

    stamped = observed.tags.get(RECEIPT_TAG)
    if stamped is not None and stamped not in digests:
        detail = f"the receipt {stamped[:12]} that MLflow names was deleted or edited"
        yield Unexplained(account.name, "receipt", detail)


def _later_state(account: Account, index: int) -> str | None:
    """The newest commit after one of the line whose changes a receipt records as made."""
    reached = {
        commit: account.positions[commit]
        for run in account.runs
        for commit in run.recorded.commits
        if account.positions.get(commit, -1) > index
    }
    return max(reached, key=lambda commit: reached[commit]) if reached else None


def _field(change: Change) -> str:
    """What a difference is about, in the words of `Unexplained.field`."""
    if change.action in ("set_alias", "delete_alias"):
        return f"alias {change.key}"

    if change.action == "transition":
        # Of the two stages, the one that is served.
        stages = (change.before, change.after)
        served = [stage for stage in ("Production", "Staging") if stage in stages]
        return f"stage {served[0] if served else change.after}"

    subject = _SUBJECTS.get(change.action, "version")
    parts = (subject, change.version, change.key)
    return " ".join(str(part) for part in parts if part is not None)


def _difference(change: Change, base: Commit) -> str:
    version = f"{change.version}: " if change.version is not None else ""
    return (
        f"{version}MLflow has {change.before or 'nothing'}, {base.sha[:7]} declares"
        f" {change.after or 'nothing'}"
    )
