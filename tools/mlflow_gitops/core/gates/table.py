"""Every built-in gate. To add one, write a module beside this one and add a line here."""

from __future__ import annotations

from typing import Any

from mlflow_gitops.core.gates import (
    approvals,
    climbs_from,
    metrics,
    no_worse_than,
    pinned,
    signature,
    soak,
    status,
    tags,
)
from mlflow_gitops.core.gates.gate import Gate

GATES: tuple[Gate[Any], ...] = (
    climbs_from.GATE,
    soak.GATE,
    approvals.GATE,
    status.GATE,
    pinned.GATE,
    tags.GATE,
    metrics.GATE,
    no_worse_than.GATE,
    signature.GATE,
)
"""In the order in which a plan shows them; the gates of other packages follow."""

GATE_NAMES = tuple(gate.name for gate in GATES)
