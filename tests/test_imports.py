"""No two modules of the package import each other, neither directly nor through others.

Imports inside functions and those for the type checker alone count, too: what needs another
module's types cannot be read, moved or tested without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def circle(imports: Mapping[str, set[str]]) -> list[str]:
    """The modules of one circle, in the order of their imports; empty if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        modules: list[str] = error.args[1]
        return modules[::-1]
    return []


def test_no_modules_import_each_other() -> None:
    graph = grimp.build_graph("mlflow_gitops", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    found = circle(imports)
    assert not found, " -> ".join(found)


@pytest.mark.parametrize(
    ("imports", "modules"),
    [
        ({"a": {"b"}, "b": {"a"}}, {"a", "b"}),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, {"a", "b", "c"}),
        ({"a": {"b", "c"}, "b": {"c"}}, set()),
    ],
    ids=["two", "three", "none"],
)
def test_a_circle_is_found(imports: dict[str, set[str]], modules: set[str]) -> None:
    assert set(circle(imports)) == modules
