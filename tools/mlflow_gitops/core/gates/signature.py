"""`signature: compatible`: the version can be called as the stage's holder is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from mlflow_gitops.core.gates.gate import Finding, Gate, failed, passed, required

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject, Version
    from mlflow_gitops.core.recorded.values import Signature


def read(rule: Mapping[str, Any]) -> Literal["compatible"] | None:
    """`compatible` if the signatures are compared."""
    return "compatible" if required(rule, "signature") == "compatible" else None


def ask(subject: Subject, settings: Literal["compatible"]) -> Iterator[Finding]:
    """A new required input, a narrowed type or a lost output breaks callers, and is named."""
    number = subject.holder(subject.stage)
    if number is None or number == subject.number:
        detail = f"nobody to compare with: no other version holds {subject.stage}"
        yield Finding("exempt", detail)
        return

    holding_version = subject.other_version(number)
    if holding_version is None:
        yield failed(f"{number}, which holds {subject.stage}, is not in MLflow to compare with")
        return

    for version in (subject.version, holding_version):
        record = subject.read(version)
        if record is not None and record.fault is not None:
            yield failed(f"the signature of {version.number} is missing: {record.fault}")
            return

    new, old = _signature(subject, subject.version), _signature(subject, holding_version)
    if new is None or old is None:
        without = subject.number if new is None else number
        yield failed(f"{without} has no signature to compare")
        return

    # Reading the policy does not pay for the comparison.
    from mlflow_gitops.core.recorded.signatures import breaks

    broken = list(breaks(new, old))
    if not broken:
        yield passed(f"signature compatible with {number}")
    yield from (failed(detail) for detail in broken)


def _signature(subject: Subject, version: Version) -> Signature | None:
    file = subject.read_file(version)
    return file.signature if file else None


GATE = Gate("signature", ask, read, judges_prompts=False, judges_rollbacks=False)
