"""`pinned`: the manifest pins what the version is, since a number alone identifies little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from mlflow_gitops.core.gates.gate import Finding, Gate, failed, passed, required
from mlflow_gitops.core.wording import shell_words

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject

Pinned = Literal[True, "digest"]
"""What must be pinned: the version's identity alone, or the digest of its files, too."""


def read(rule: Mapping[str, Any]) -> Pinned | None:
    """`pinned: true`, or `pinned: {digest: true}`."""
    value = required(rule, "pinned")
    if isinstance(value, Mapping):
        return "digest" if value.get("digest") else True
    return True if value else None


def ask(subject: Subject, settings: Pinned) -> Finding:
    """The manifest pins a run, source or logged model, or a prompt's text."""
    command = f"mlflow-gitops pin {shell_words(subject.model, subject.number)}"
    if not subject.is_pinned:
        return failed(f"{subject.number} is not pinned: {command}")
    if settings != "digest" or subject.is_prompt:
        return passed("pinned")

    digest = subject.pinned_digest
    if digest is None:
        return failed(f"the files of {subject.number} are not pinned by a digest: {command}")
    return passed(f"pinned with {digest[:19]}…", {"digest": digest})


GATE: Gate[Pinned] = Gate("pinned", ask, read)
