"""Renames along a line: which name a model had when (RULES R1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from mlflow_gitops.core.history.line.line_files import LineFiles
from mlflow_gitops.core.history.line.renames import Renames
from mlflow_gitops.core.history.line.reused_names import later_stem, name_free_since
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder

Trees = Sequence[Mapping[str, Sequence[str]]]
"""After each commit: the names that have a manifest, each with the former names that it lists."""


def renames_of(trees: Trees) -> Renames:
    former: dict[str, Sequence[str]] = {}
    changes: list[tuple[int, str, str | None]] = []
    before: Mapping[str, Sequence[str]] = {}
    for index, tree in enumerate(trees):
        for name in sorted({*before, *tree}):
            blob = f"{name} formerly {tree[name]}" if name in tree else None
            if tree.get(name) != before.get(name):
                changes.append((index, f"registry/models/{name}.yaml", blob))
                former[blob or ""] = tree.get(name, ())
        before = tree
    line = MainLine([f"{index:040}" for index in range(len(trees))], changes, {})
    files = LineFiles(line, RegistryFolder("registry"))
    return Renames(files, line.index, lambda blobs: [former[blob] for blob, _ in blobs])


@pytest.mark.parametrize(
    ("trees", "periods"),
    [
        ([{"a": ()}, {"b": ["a"]}], [("a", 0, 1), ("b", 1, 2)]),
        ([{"a": ()}, {"b": ()}], [("b", 0, 2)]),
        ([{"a": ()}, {"b": ()}, {"b": ["a"]}], [("a", 0, 1), ("b", 1, 3)]),
        ([{"a": ()}, {"b": ["a"]}, {"b": ()}], [("a", 0, 1), ("b", 1, 3)]),
        ([{"a": ()}, {"b": ["a"]}, {}, {"b": ()}], [("a", 0, 1), ("b", 1, 4)]),
        ([{"a": ()}, {}, {"b": ["a"]}], [("b", 0, 3)]),
        ([{"a": ()}, {"a": (), "b": ["a"]}, {"b": ["a"]}], [("b", 0, 3)]),
        ([{"a": ()}, {"c": ["a"]}, {"b": ["a", "c"]}], [("a", 0, 1), ("c", 1, 2), ("b", 2, 3)]),
        ([{"b": ()}, {"a": ["b"]}, {"b": ["a"]}], [("b", 0, 1), ("a", 1, 2), ("b", 2, 3)]),
        ([{"a": (), "b": ()}, {"a": ()}, {"b": ["a"]}], [("a", 0, 2), ("b", 2, 3)]),
    ],
)
def test_the_names_of_b(trees: Trees, periods: list[tuple[str, int, int]]) -> None:
    renames = renames_of(trees)
    assert [tuple(period) for period in renames.periods("b")] == periods


def test_the_present_name() -> None:
    renames = renames_of([{"a": ()}, {"c": ["a"]}, {"b": ["a", "c"]}])
    assert renames.successor("a") == (1, "c") and later_stem(renames, "a", 0) == "b"
    assert renames.successor("b") is None and later_stem(renames, "b", 2) == "b"
    used_again = renames_of([{"a": ()}, {"b": ["a"]}, {"a": (), "b": ["a"]}])
    assert used_again.successor("a") is None and used_again.renamed_away("a") == {1: "b"}


def test_a_name_that_was_used_again() -> None:
    renames = renames_of([{"a": ()}, {"b": ["a"]}, {"a": (), "b": ["a"]}])
    assert [later_stem(renames, "a", index) for index in range(3)] == ["b", "a", "a"]
    assert name_free_since(renames, renames.periods("a")[0]) == 1
    assert name_free_since(renames, renames.periods("b")[0]) == 0


def test_a_name_that_its_model_got_back() -> None:
    renames = renames_of([{"a": ()}, {"b": ["a"]}, {"a": ["b"]}])
    assert [later_stem(renames, "a", index) for index in range(3)] == ["a", "a", "a"]
    assert later_stem(renames, "b", 1) == "a"
    assert name_free_since(renames, renames.periods("a")[0]) == 0
