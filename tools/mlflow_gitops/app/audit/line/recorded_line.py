"""The main line as git and the receipts together show it (RULES R1): what `log`, `show`, `verify`
and `rollback` read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.history.line.line_times import Limit
from mlflow_gitops.core.history.line.rerouting import Rerouted, first_parents_changed, reroute
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.times import parse_time
from mlflow_gitops.errors import GitFailure


def recorded_line(
    workspace: Workspace, first_parents: MainLine, receipts: Sequence[Receipt]
) -> Rerouted:
    """The main line, without changes: rerouted through the commits that receipts are on, and dated
    by them. `first_parents` is its first-parent history; `receipts` are oldest first."""
    rerouted = Rerouted(first_parents, ())
    if any(receipt.commit not in first_parents.index for receipt in receipts):
        reconciled = _reconciled(workspace, first_parents, receipts)
        if not reconciled <= first_parents.index.keys():
            graph = workspace.git.graph(first_parents.shas[-1])
            rerouted = reroute(first_parents, graph, reconciled)

    line = rerouted.line
    line.date(workspace.settings.now().timestamp(), _limits(line, receipts))
    return rerouted


def read_main_line(workspace: Workspace, tip: str) -> MainLine:
    """The main line up to `tip`, with its changes."""
    try:
        receipts = workspace.receipts_branch.receipts()
    except GitFailure:
        receipts = []  # the commands that need them report why
    first_parents = workspace.git.first_parent_line(tip)
    line, merges = recorded_line(workspace, first_parents, receipts)
    workspace.git.add_changes(line, workspace.registry.paths, is_main_line=not merges)
    return line


def changed_first_parents(workspace: Workspace) -> list[str]:
    """A warning of each merge that changed the main branch's first parents, by the receipts in this
    clone; none if these cannot be read."""
    git = workspace.git
    try:
        receipts = workspace.receipts_branch.receipts()
        first_parents = git.first_parent_line(git.resolve(workspace.main_ref))
        merges = recorded_line(workspace, first_parents, receipts).merges
        return [first_parents_changed(git.describe(merge)) for merge in merges]
    except GitFailure:
        return []


def _reconciled(workspace: Workspace, line: MainLine, receipts: Sequence[Receipt]) -> set[str]:
    """The commits that this environment's receipts are on. If one repository serves two registries
    from two branches, the receipts of the other branch have nothing to do with this line."""
    owner = workspace.owner(line)
    own_receipts = [receipt for receipt in receipts if owner is None or receipt.owner == owner]
    registries = {_registry(receipt) for receipt in own_receipts if receipt.commit in line.index}
    return {
        receipt.commit
        for receipt in own_receipts
        if not registries or _registry(receipt) in registries
    }


def _registry(receipt: Receipt) -> tuple[str, str]:
    return str(receipt.content.get("registry")), str(receipt.content.get("workspace"))


def _limits(line: MainLine, receipts: Sequence[Receipt]) -> Iterator[Limit]:
    """When each commit with a receipt was there at the latest. A receipt is not earlier than the
    ones before it, whatever the clock of its run showed."""
    latest = 0.0
    for receipt in receipts:
        latest = max(latest, parse_time(receipt.at).timestamp())
        index = line.index.get(receipt.commit)
        if index is not None:
            yield index, latest
