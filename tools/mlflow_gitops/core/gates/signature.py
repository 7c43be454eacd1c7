"""The signature gate: does a version still accept what the stage's holder accepts, and return what
it returns?"""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.gates.subject import Finding, Subject, failed, passed
from mlflow_gitops.core.observed.recorded import ModelFile, Signature
from mlflow_gitops.core.observed.signatures import breaks


def signature(subject: Subject) -> Iterator[Finding]:
    """`signature: compatible`: a new required input, a narrowed type or a lost output breaks, and
    is named."""
    number = subject.holder(subject.entry.stage)
    if number is None or number == subject.number:
        yield Finding(
            "exempt", f"nobody to compare with: no other version holds {subject.entry.stage}"
        )
        return
    other = subject.seen.versions.get(number)
    if other is None:
        yield failed(
            f"{number}, which holds {subject.entry.stage}, is not in MLflow to compare with"
        )
        return
    new, old = (_known(subject.read_file(version)) for version in (subject.version, other))
    if new is None or old is None:
        yield failed(f"{subject.number if new is None else number} has no signature to compare")
        return
    broken = list(breaks(new, old))
    if broken:
        yield from (failed(said) for said in broken)
    else:
        yield passed(f"signature compatible with {number}")


def _known(file: ModelFile | None) -> Signature | None:
    return file.signature if file else None
