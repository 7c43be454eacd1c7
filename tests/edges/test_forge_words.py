"""A second forge or CI system needs no change outside of its folder: nothing else reads GitHub's
variables or uses PyGithub (import-linter checks imports)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import mlflow_gitops

PACKAGE = Path(mlflow_gitops.__file__).parent
SECRETS = {
    "edges/system/redaction.py",
    "edges/system/given_command.py",
    "edges/mlflow/other_environments/origins.py",
}
"""These list the names of secrets of every system: to hide them, and not to pass them on."""


def variables(file: Path) -> Iterator[str]:
    """GITHUB_* names that are whole strings, as an environment variable's name is."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"\A(?:GITHUB|GH|RUNNER|ACTIONS)_[A-Z_]+\Z", node.value)


def test_only_one_folder_reads_githubs_variables() -> None:
    found = {
        file.relative_to(PACKAGE).as_posix(): names
        for file in PACKAGE.rglob("*.py")
        if (names := sorted(variables(file)))
    }
    outside = {name for name in found if not name.startswith("edges/github/")}
    assert outside - SECRETS - {"core/setup/workflow_files.py"} == set(), found
    assert {"edges/github/actions.py", "edges/github/provider.py"} <= set(found)
