"""What is measured of the package's own code: names that say something, and rooms that stay small.

`PYTHONPATH=. python tests/test_source_code.py` prints each placeholder name with its place.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

PACKAGE = Path(__file__).parents[1] / "tools" / "mlflow_gitops"

_WORDS = """
    about again aside asked become begun being both did does doing done each either elsewhere
    everything foo found given gives goes gone got had has have having held here him his how it its
    kept know known later left let like likes listed made meant meanwhile mine much must named near
    nobody nothing obj of one ones other others our ours own place placed places put rest said same
    say says see seen shall shown so some somebody something standing stands stuff such take taken
    tell tells temp than that their theirs them then there these they thing things this those tmp
    told took twice two wanted wanting wants was way ways what whatever when where which while who
    whoever whole whom whose why will wish with word words would yet
"""
PLACEHOLDERS = frozenset(_WORDS.split())
"""Words that name no thing of this field: a reader learns nothing from a variable called so."""

MOST_PLACEHOLDERS = 0.01
LONGEST_MODULE, LONGEST_CLASS, LONGEST_FUNCTION = 300, 150, 40
MOST_LONG_FUNCTIONS = 0.02
MEDIAN_MODULE = 100
MOST_MODULES = 16
"""In one folder, `__init__` included; `commands/` has one file a command."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[Path, ast.Module]:
    """The package's modules, parsed."""
    return {path: ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def bindings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each name that a module binds, with its line: variables, parameters, fields, functions,
    classes and import aliases."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, Function | ast.ClassDef | ast.ExceptHandler):
            yield node.lineno, node.name or "error"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((node.lineno, alias.asname) for alias in node.names if alias.asname)


def is_placeholder(name: str) -> bool:
    return name.strip("_").lower() in PLACEHOLDERS


def functions() -> Iterator[tuple[Path, Function]]:
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield path, node


def length(node: ast.stmt | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def placeholders() -> list[str]:
    return [
        f"{path.relative_to(PACKAGE)}:{line}: {name}"
        for path, tree in modules().items()
        for line, name in bindings(tree)
        if is_placeholder(name)
    ]


def test_names_say_something() -> None:
    total = sum(1 for tree in modules().values() for _ in bindings(tree))
    assert total > 5_000, "the package was not read"
    assert len(placeholders()) <= MOST_PLACEHOLDERS * total, placeholders()


def test_no_parameter_of_a_public_function_is_a_placeholder() -> None:
    bad = [
        f"{path.relative_to(PACKAGE)}:{function.lineno}: {function.name}({argument.arg})"
        for path, function in functions()
        if not function.name.startswith("_")
        for argument in ast.walk(function.args)
        if isinstance(argument, ast.arg) and is_placeholder(argument.arg)
    ]
    assert not bad


def test_no_two_classes_have_one_name() -> None:
    names = Counter(
        node.name
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_modules_and_classes_are_small() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in modules()}
    assert [path.name for path, lines in lengths.items() if lines > LONGEST_MODULE] == []
    assert median(lengths.values()) <= MEDIAN_MODULE

    long_classes = [
        f"{path.name}:{node.lineno} {node.name}"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and length(node) > LONGEST_CLASS
    ]
    assert long_classes == []


def test_few_functions_are_long() -> None:
    every = list(functions())
    long = [
        f"{path.name}:{function.lineno} {function.name}"
        for path, function in every
        if length(function) > LONGEST_FUNCTION
    ]
    assert len(long) <= MOST_LONG_FUNCTIONS * len(every), long


def test_no_folder_is_crowded() -> None:
    folders = Counter(path.parent for path in modules() if path.parent.name != "commands")
    assert {str(f): count for f, count in folders.items() if count > MOST_MODULES} == {}


if __name__ == "__main__":
    print(*placeholders(), sep="\n")
