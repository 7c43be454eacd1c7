"""`Audit-Ack:` lines: which receipt a person looked at, and why its flaw may stand."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.audit.record.acknowledgements import (
    acknowledgement_of,
    acknowledgements,
    line_to_write,
)

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "message",
    [
        f"Look\n\nAudit-Ack: {DIGEST} disk was full, INC-7",
        f"Audit-Ack: {DIGEST[:12]} disk was full, INC-7\r\nMore",
        f"Squashed\n\n* Audit-Ack: {DIGEST[:20].upper()}: disk was full, INC-7",
        f"  -  Audit-Ack:\t{DIGEST[:12]}   disk was full, INC-7  ",
    ],
)
def test_a_line_that_counts(message: str) -> None:
    [line] = acknowledgements(message, "c" * 40, "Ana <ana@example.org>", "2026-01-01T00:00:00Z")
    assert line.reason == "disk was full, INC-7"
    assert acknowledgement_of(DIGEST, [line]) == line
    assert acknowledgement_of(DIGEST[::-1], [line]) is None


@pytest.mark.parametrize(
    "line",
    [
        f"Audit-Ack: {DIGEST[:11]} too few digits",
        f"Audit-Ack: {DIGEST}",
        f"Audit-Ack: {DIGEST}0 too many digits",
        f"Audit-Ack: {DIGEST} \t ",
        "Audit-Ack: REASON",
        f"No-Audit-Ack: {DIGEST} reason",
        f"We write Audit-Ack: {DIGEST} reason",
    ],
)
def test_a_line_that_does_not_count(line: str) -> None:
    assert list(acknowledgements(f"Subject\n\n{line}", "c", "a", "t")) == []


def test_the_line_to_write_is_one_that_counts() -> None:
    [line] = acknowledgements(line_to_write(DIGEST), "c", "a", "t")
    assert acknowledgement_of(DIGEST, [line]) == line


def test_long_lines_take_linear_time() -> None:
    text = "Audit-Ack: " + "0" * 200_000 + "\n" + "Audit-Ack:" + " " * 200_000
    assert list(acknowledgements(text, "c", "a", "t")) == []
