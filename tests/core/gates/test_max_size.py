"""`max_size`: an unknown size fails and is named (RULES R3)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.gates import Finding, max_size
from mlflow_gitops.core.gates.max_size import MaxSize
from mlflow_gitops.core.recorded.values import Unreadable
from tests.support.core.subjects import subject


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512B", 512),
        ("2kB", 2_000),
        ("2KB", 2_000),
        ("1.5MB", 1_500_000),
        ("2 GB", 2 * 10**9),
        ("3TB", 3 * 10**12),
        ("2KiB", 2_048),
        ("1.5MiB", 1_572_864),
        ("1GiB", 2**30),
        ("1TiB", 2**40),
        ("0.001kB", 1),
    ],
)
def test_a_size_as_policies_write_it(text: str, size: int) -> None:
    assert MaxSize(text).bytes == size


@pytest.mark.parametrize(
    ("size", "text", "finding"),
    [
        (2_000_000_000, "2GB", Finding("passed", "size 2.0 GB ≤ 2GB")),
        (2_000_000_001, "2GB", Finding("failed", "size 2.0 GB (2,000,000,001 bytes) > 2GB")),
        (2**31, "2GiB", Finding("passed", "size 2.1 GB ≤ 2GiB")),
        (0, "1B", Finding("passed", "size 0 B ≤ 1B")),
    ],
)
def test_a_size_is_compared_byte_by_byte(size: int, text: str, finding: Finding) -> None:
    assert max_size.ask(subject(sizes={14: size}), MaxSize(text)) == finding


def test_a_size_that_mlflow_did_not_record_fails() -> None:
    unrecorded = max_size.ask(subject(), MaxSize("2GB"))
    assert unrecorded.status == "failed" and "has no model_size_bytes" in unrecorded.detail

    without_file = max_size.ask(subject(has_file=False), MaxSize("2GB"))
    assert without_file == Finding("failed", "the size of 14 is unknown: it has no file MLmodel")


def test_a_file_that_cannot_be_read_is_left_to_the_judge() -> None:
    with pytest.raises(Unreadable, match="403"):
        max_size.ask(subject(unreadable="403"), MaxSize("2GB"))
