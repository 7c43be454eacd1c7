"""The dataset that a policy names for checks: a CSV file, of which the labels are kept apart."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from mlflow_gitops.core.gates.files.checked import CheckedData
from mlflow_gitops.core.recorded.check_result import MAX_ANSWERS, Answer
from mlflow_gitops.errors import Failure

_MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class LabelledData:
    """A dataset: its SHA-256, its rows without the labels as CSV, and the labels."""

    sha256: str
    features: str
    labels: tuple[Answer, ...]


def read_data(top: Path, data: CheckedData) -> LabelledData:
    """Read the dataset below the top of the repository. Raises Failure if it is not there, or not
    the one that the policy names."""
    path = top / data.path
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise Failure(f"{data.path} is larger than {_MAX_BYTES >> 20} MiB.")
        content = path.read_bytes()
    except OSError as error:
        raise Failure(
            f"The policy's dataset {data.path} cannot be read: {error.strerror}.",
            fix="Fetch it, for example with dvc pull.",
        ) from None
    actual = hashlib.sha256(content).hexdigest()
    if actual != data.sha256:
        raise Failure(
            f"{data.path} has the SHA-256 {actual}, and the policy names {data.sha256}.",
            fix="Fetch the right file, or change the policy.",
        )

    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise Failure(f"{data.path} is no CSV file in UTF-8.") from None
    return _split(data, rows)


def _split(data: CheckedData, rows: list[list[str]]) -> LabelledData:
    heads, values = rows[:1], [row for row in rows[1:] if row]
    if not heads or heads[0].count(data.target) != 1:
        raise Failure(f"{data.path} has no column {data.target}, or several.")
    if not values or len(values) > MAX_ANSWERS:
        raise Failure(f"{data.path} has no rows, or more than {MAX_ANSWERS:,}.")
    if any(len(row) != len(heads[0]) for row in values):
        raise Failure(f"{data.path} has rows that are shorter or longer than its first line.")

    column = heads[0].index(data.target)
    labels = [row.pop(column) for row in values]
    heads[0].pop(column)
    features = io.StringIO()
    csv.writer(features, lineterminator="\n").writerows([*heads, *values])
    return LabelledData(data.sha256, features.getvalue(), _typed(labels))


def _typed(labels: list[str]) -> tuple[Answer, ...]:
    """Labels as whole numbers if all are, else as numbers, else as text."""
    for kind in (int, float):
        try:
            return tuple(kind(label) for label in labels)
        except ValueError:
            continue
    return tuple(labels)
