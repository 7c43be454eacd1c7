"""Every built-in gate. To add one, write a module beside this one and add a line here.

Modules are named, not imported: `validate` and shell completion read policies, and start-up pays
only for the gates that a policy asks for (importing all of them takes a tenth of `validate`).
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.gate import Gate

_MODULES = {
    "from": "lower_stage.climbs_from",
    "soak": "lower_stage.soak",
    "healthy_in": "lower_stage.healthy_in",
    "approvals": "approvals",
    "status": "status",
    "pinned": "pinned",
    "tags": "tags",
    "metrics": "metrics",
    "no_worse_than": "no_worse_than",
    "signature": "signature",
    "max_size": "max_size",
    "safe_files": "files.safe_files",
    "signed": "files.signed",
    "checked": "files.checked",
}
"""A gate's name, as policies and overrides write it, to its module: in the order in which a plan
shows gates. Those of other packages follow."""

GATE_NAMES = tuple(_MODULES)


@cache
def built_in_gate(name: str) -> Gate[Any]:
    """A gate by its name, one of GATE_NAMES."""
    gate: Gate[Any] = import_module(f"mlflow_gitops.core.gates.{_MODULES[name]}").GATE
    return gate
