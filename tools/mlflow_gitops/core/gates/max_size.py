"""`max_size`: the version's files are not larger than what its service can load."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow_gitops.core.gates.gate import Fault, Finding, Gate, failed, passed, required
from mlflow_gitops.core.recorded.numbers import format_size

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject

_SIZE = re.compile(r"(?P<number>[0-9.]+) ?(?P<unit>[A-Za-z]+)")
_UNITS = {
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
    "tib": 1024**4,
}


class MaxSize(NamedTuple):
    """The largest size that a version may have, as the policy writes it (`2GB`, `1.5 GiB`)."""

    text: str

    @property
    def bytes(self) -> int:
        """The size in bytes; 0 for a text that the schema does not accept."""
        match = _SIZE.fullmatch(self.text)
        return round(float(match["number"]) * _UNITS[match["unit"].lower()]) if match else 0


def read(rule: Mapping[str, Any]) -> MaxSize | None:
    """The largest size, if the rule sets one."""
    text = required(rule, "max_size")
    return MaxSize(text) if text else None


def find_faults(limit: MaxSize, stage: str, stages: Collection[str]) -> Iterator[Fault]:
    """No version could pass a limit of nothing."""
    if not limit.bytes:
        message = f"max_size of {stage} is {limit.text}, which no version can meet"
        yield Fault(("require", "max_size"), "bad-value", message)


def ask(subject: Subject, limit: MaxSize) -> Finding:
    """MLflow adds up the files when it logs a model, and writes the sum into `MLmodel`
    (`model_size_bytes`)."""
    file = subject.read_file(subject.version)
    if file is None:
        return failed(f"the size of {subject.number} is unknown: it has no file MLmodel")
    if file.size is None:
        return failed(
            f"the size of {subject.number} is unknown: its file MLmodel has no model_size_bytes;"
            " log the model again with a newer MLflow"
        )
    facts = {"bytes": file.size, "max": limit.bytes}
    if file.size > limit.bytes:
        return failed(f"size {format_size(file.size)} ({file.size:,} bytes) > {limit.text}", facts)
    return passed(f"size {format_size(file.size)} ≤ {limit.text}", facts)


GATE = Gate("max_size", ask, read, find_faults, judges_prompts=False)
