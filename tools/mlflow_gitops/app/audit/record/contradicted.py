"""Which receipts git and the other receipts contradict, without asking the forge (RULES R6)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.contradictions import Contradiction
from mlflow_gitops.core.audit.record.contradictions import contradictions as find_contradictions
from mlflow_gitops.core.audit.record.recorded_policies import PolicyBlobs, policy_contradictions
from mlflow_gitops.core.audit.record.registrations import ShownRegistration
from mlflow_gitops.core.history.mainline import MainLine

Contradicted = frozenset[tuple[str, str]]
"""Digests of receipts, each with the model that is contradicted; "" for the whole receipt."""


def contradictions_in_clone(
    workspace: Workspace,
    receipts: Sequence[Receipt],
    line: MainLine,
    find_registered: ShownRegistration | None = None,
) -> list[Contradiction]:
    """What this clone contradicts. `receipts` are all that it has, oldest first. A shallow clone
    does not know the line, and compares the receipts with each other alone. `find_registered` finds
    when MLflow registered a model."""
    owner = workspace.owner(line)
    now = workspace.settings.now().timestamp()
    if owner is None:
        return find_contradictions(receipts, None, now)
    own_receipts = [receipt for receipt in receipts if receipt.owner == owner]
    return [
        *find_contradictions(receipts, line, now, find_registered),
        *policy_contradictions(own_receipts, line.index, _policies(workspace, line)),
    ]


def contradicted(contradictions: Collection[Contradiction]) -> Contradicted:
    """The receipts, or their parts, that prove nothing."""
    return frozenset((entry.receipt.digest, entry.model) for entry in contradictions)


def _policies(workspace: Workspace, line: MainLine) -> Iterator[PolicyBlobs]:
    path = workspace.registry.policy_path
    yield PolicyBlobs(line, path)
    if workspace.environment is None:
        return
    from mlflow_gitops.app.planning.named_policies import NamedPolicies

    # Only the blobs are compared, and a line may be read before its commits have times.
    times = [0] * len(line.shas)
    copy = MainLine(line.shas, list(line.changes), dict(line.commits), times)
    yield PolicyBlobs(NamedPolicies(workspace, workspace.environment).on(copy), path)
