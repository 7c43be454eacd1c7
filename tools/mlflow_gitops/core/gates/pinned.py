"""`pinned`: the manifest pins what the version is, since a number alone identifies little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from mlflow_gitops.core.gates.gate import Finding, Gate, failed, passed, required

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject


def read(rule: Mapping[str, Any]) -> Literal[True] | None:
    """True if the version must be pinned."""
    return True if required(rule, "pinned") else None


def ask(subject: Subject, settings: Literal[True]) -> Finding:
    """The manifest pins a run, source or logged model, or a prompt's text."""
    if subject.is_pinned:
        return passed("pinned")
    return failed(
        f"{subject.number} is not pinned: mlflow-gitops pin {subject.model} {subject.number}"
    )


GATE = Gate("pinned", ask, read)
