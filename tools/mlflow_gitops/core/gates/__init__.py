"""Gates: what the policy requires of a version before it may hold a stage (RULES R3).

Each gate is one module and one line in `table.py`: its name, its settings, what makes settings
wrong, and the question that it asks of a `Subject`. A gate fails closed: what is missing fails and
is named.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.gate import Finding, Gate, failed, passed
    from mlflow_gitops.core.gates.subject import Subject, Version

__all__ = ["Finding", "Gate", "Subject", "Version", "failed", "passed"]


def __getattr__(name: str) -> Any:
    """What a gate is made of, on first use: reading a policy without gates needs none of it."""
    if name not in __all__:
        raise AttributeError(name)
    from mlflow_gitops.core.gates import gate, subject

    return getattr(subject if name in ("Subject", "Version") else gate, name)
