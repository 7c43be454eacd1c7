"""Trailers about people, anywhere in a message and at any length."""

from __future__ import annotations

import time

import pytest

from mlflow_gitops.core.history.people import person
from mlflow_gitops.core.history.trailers import split_person, trailers

LENGTH = 256 << 10


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("x\n\nCo-authored-by: A <a@b>  \n", [("co-authored-by", "A <a@b>")]),
        ("x\r\n\r\n* APPROVED-BY:\tA \t\r\nmore", [("approved-by", "A")]),
        ("  - Reviewed-by:A\n-  Approved-by: B", [("reviewed-by", "A"), ("approved-by", "B")]),
        ("Approved-by:  \nby: A\nnot Approved-by: A", []),
    ],
)
def test_trailers(message: str, expected: list[tuple[str, str]]) -> None:
    assert list(trailers(message)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A B <a@b>", ("A B", "a@b")),
        ("  <a@b> ", ("", "a@b")),
        ("A <>", ("A", "")),
        ("A <a@b", None),
        ("A > <a@b>", None),
        ("A <a<b>", None),
        ("", None),
    ],
)
def test_a_person(text: str, expected: tuple[str, str] | None) -> None:
    assert split_person(text) == expected


@pytest.mark.parametrize(
    "line",
    [
        "a" + " " * LENGTH + "b",
        " " * LENGTH,
        "\t " * (LENGTH // 2) + "<",
        "a " * (LENGTH // 2),
        "<" * LENGTH,
        "a<" * (LENGTH // 2) + ">",
        "1" * LENGTH + "@users.noreply",
    ],
)
def test_long_lines_cost_no_more_than_short_ones(line: str) -> None:
    message = "".join(
        f"{start}{key}: {line}\n"
        for start in ("", "  * ")
        for key in ("Co-authored-by", "Approved-by", "Reviewed-by")
    )
    began = time.process_time()
    for _, value in trailers(message):
        person(value)
    assert time.process_time() - began < 1
