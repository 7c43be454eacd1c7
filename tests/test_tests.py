"""Rules for the tests' own code: what several tests need is in tests/support/."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
MOST_MODULES = 16


def modules() -> Iterator[Path]:
    """Every module of the tests; tests/capstone/project is a project of its own."""
    for path in sorted(TESTS.rglob("*.py")):
        if TESTS / "capstone/project" not in path.parents:
            yield path


def imported(module: Path) -> Iterator[str]:
    """The modules of the tests that a module imports, at its top or inside a function.

    `from tests.a import b` gives `tests.a.b` if `b` is a module, and `tests.a` if it is not.
    """
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.partition(".")[0] == "tests":
                yield name if is_module(name) else name.rpartition(".")[0]


def is_module(name: str) -> bool:
    path = TESTS.parent / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def is_allowed(module: Path, name: str) -> bool:
    """Whether a module may import another: from tests/support/, or a helper beside it or in a
    folder above."""
    folder, _, last = name.rpartition(".")
    if last.startswith("test_") or last == "conftest":
        return False
    own_folder = ".".join(module.parent.relative_to(TESTS.parent).parts)
    is_beside_or_above = own_folder == name or f"{own_folder}.".startswith(f"{folder}.")
    return f"{name}.".startswith("tests.support.") or is_beside_or_above


def test_no_test_imports_from_another_test_module() -> None:
    forbidden = [
        f"{module.relative_to(TESTS.parent)} imports {name}"
        for module in modules()
        for name in imported(module)
        if not is_allowed(module, name)
    ]
    assert not forbidden, "move what they share to tests/support/:\n" + "\n".join(forbidden)


def test_which_imports_are_allowed() -> None:
    module = TESTS / "lanes/test_audit.py"
    assert is_allowed(module, "tests.support.team") and is_allowed(module, "tests.lanes.helper")
    assert not is_allowed(module, "tests.lanes.test_verify")
    assert not is_allowed(module, "tests.lanes.conftest")
    assert not is_allowed(module, "tests.faults.scenes")
    below = TESTS / "attacks/files/test_swapped_files.py"
    assert is_allowed(below, "tests.attacks.company")
    assert not is_allowed(below, "tests.attacks.test_attacks")
    assert not is_allowed(below, "tests.attacks.lines.helper")
    assert "tests.support.team" in set(imported(TESTS / "faults/scenes.py"))


def test_no_folder_has_too_many_modules() -> None:
    """tests/commands/ and tests/lanes/ have one module for each command or subject."""
    crowded = {
        str(folder.relative_to(TESTS.parent)): count
        for folder in {module.parent for module in modules()}
        if (count := len(list(folder.glob("*.py")))) > MOST_MODULES
        and folder.name not in ("commands", "lanes")
    }
    assert crowded == {}
