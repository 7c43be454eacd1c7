"""The public API: what plug-ins and scripts may import, and what that loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import mlflow_gitops
import tests.support
from mlflow_gitops import gates

PLUGIN = Path(tests.support.__file__).parent / "plugin" / "fairness_gate.py"


def test_the_public_names() -> None:
    """A name that is missing here breaks somebody's package or script."""
    assert mlflow_gitops.__all__ == ["__version__", "fetch", "resolve"]
    assert mlflow_gitops.fetch.__doc__ and mlflow_gitops.resolve.__doc__
    assert gates.__all__ == [
        "Approvals",
        "Dataset",
        "Finding",
        "Gate",
        "Metric",
        "ModelFile",
        "Record",
        "Signature",
        "Subject",
        "Unreadable",
        "Version",
        "failed",
        "passed",
    ]
    assert all(getattr(gates, name).__doc__ for name in gates.__all__)


def test_importing_the_package_loads_nothing_else() -> None:
    script = "import sys, mlflow_gitops; print(*(m for m in sys.modules if 'mlflow' in m))"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["mlflow_gitops"]


def test_the_example_of_a_plugin_uses_public_names_alone() -> None:
    tree = ast.parse(PLUGIN.read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {module for module in modules if module and module.startswith("mlflow_gitops")}
    assert ours == {"mlflow_gitops.gates"}


def test_plugins_written_for_the_module_of_before_still_find_their_names() -> None:
    from mlflow_gitops.core.gates import Finding, Subject

    assert (Finding, Subject) == (gates.Finding, gates.Subject)
