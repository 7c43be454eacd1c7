"""`status`: MLflow's own status of the version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.gates.gate import Finding, Gate, failed, passed, required

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject


def read(rule: Mapping[str, Any]) -> str | None:
    """The status that the version must have."""
    return required(rule, "status") or None


def ask(subject: Subject, expected: str) -> Finding:
    """A version that is still to be copied will be READY: a copy is registered once it is whole."""
    if subject.copied_from is not None and expected == "READY":
        return passed(
            f"{subject.number} will be a copy of {subject.copied_from}, which is registered once it"
            " is whole"
        )
    if not subject.is_registered:
        return failed(
            f"{subject.number} is not in MLflow yet; register it in a commit before this one"
        )
    actual = subject.version.status
    if actual != expected:
        return failed(f"status {actual}, not {expected}", {"status": actual})
    return passed(f"status {actual}", {"status": actual})


GATE = Gate("status", ask, read)
