"""Which files differ from the pinned ones, by a list that anybody may have kept or forged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlflow_gitops.core.recorded.file_digests import FileDigest, ModelFiles
from mlflow_gitops.core.recorded.file_lists import differing_files, read_list, stored_list

A, B, C = "a" * 64, "b" * 64, "c" * 64


def files(**contents: str) -> ModelFiles:
    return ModelFiles(
        tuple(FileDigest(path, 10, content) for path, content in sorted(contents.items()))
    )


PINNED = files(MLmodel=A, code=B, model=C)


@pytest.mark.parametrize(
    ("actual", "text"),
    [
        (files(MLmodel=A, code=B, model=A), "model differs (10 B)"),
        (files(MLmodel=A, code=B), "model is missing"),
        (files(MLmodel=A, code=B, model=C, more=C), "more is new (10 B)"),
        (
            files(MLmodel=B, model=C, other=B),
            "MLmodel differs (10 B), code is missing, other is new (10 B)",
        ),
        (ModelFiles(()), "MLmodel is missing, code is missing, model is missing"),
    ],
)
def test_differing_files_are_named(actual: ModelFiles, text: str) -> None:
    assert differing_files(actual, PINNED) == text


def test_many_are_counted() -> None:
    many = files(**{f"f{number:02}": A for number in range(20)})
    text = differing_files(ModelFiles(()), many)
    assert text.startswith("f00 is missing, ") and text.endswith("f07 is missing and 12 more")


def test_without_a_list_nothing_is_claimed() -> None:
    text = differing_files(files(model=A), None)
    assert text == (
        "which files differ is not known, since no list of the pinned ones was kept; MLflow has"
        " model (10 B)"
    )


def test_a_list_is_believed_by_its_digest_alone() -> None:
    stored = json.loads(json.dumps(stored_list(PINNED)))
    assert read_list(stored, PINNED.digest) == PINNED
    forged: list[Any] = [
        None,
        {},
        [],
        ["x"],
        stored[:2],
        [*stored, ["more", 1, A]],
        [["MLmodel", 10, B], *stored[1:]],
        [["MLmodel", True, A], *stored[1:]],
        [["MLmodel", 10, A + "\n"], *stored[1:]],
        [[1, 10, A], *stored[1:]],
    ]
    for value in forged:
        assert read_list(value, PINNED.digest) is None, value
