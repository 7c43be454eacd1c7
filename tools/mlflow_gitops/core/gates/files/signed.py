"""`signed: {keys: …}`: somebody who may sign models signed the files that the manifest pins.

A signature lists every file with its SHA-256, so it fits one digest. Reconcile compares the files
themselves with that digest (`core/verdicts/pinned_files.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow_gitops.core.gates.gate import Finding, Gate, failed, passed, required
from mlflow_gitops.core.wording import shell_words

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject


class Signed(NamedTuple):
    """The folder of the repository with the public keys and certificates that count."""

    keys: str


def read(rule: Mapping[str, Any]) -> Signed | None:
    """The folder of keys, if the rule asks for signatures."""
    value = required(rule, "signed")
    return Signed(str(value["keys"]).rstrip("/")) if value else None


def ask(subject: Subject, settings: Signed) -> Finding:
    """The signature is of the pinned files, by a key that counted before the change."""
    number, pinned = subject.number, subject.pinned_digest
    if pinned is None:
        return failed(
            f"the files of {number} are not pinned by a digest, which a signature could be compared"
            f" with: mlflow-gitops pin {shell_words(subject.model, number)}"
        )

    signed = subject.signed_files(settings.keys)
    facts = {"keys": settings.keys, "digest": pinned, "signer": signed.signer or None}
    if signed.fault is not None:
        return failed(f"{number} is not signed: {signed.fault}", facts)
    if signed.digest != pinned:
        return failed(
            f"the signature of {number} by {signed.signer} is of other files than those that are"
            f" pinned ({signed.digest[:19]}… ≠ {pinned[:19]}…)",
            facts,
        )
    return passed(f"signed by {signed.signer}", facts)


GATE: Gate[Signed] = Gate("signed", ask, read, judges_prompts=False)
