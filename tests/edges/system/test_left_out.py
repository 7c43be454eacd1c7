"""MLflow is imported without what only training needs, in this program's own processes alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

READ = """
import sys
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.settings import THIS_PROCESS
{first}
Registry("http://127.0.0.1:9/")
print(sorted(name for name in ("numpy", "pandas") if name in sys.modules))
import pandas
print("pandas can be imported")
"""


@pytest.mark.parametrize(
    ("first", "loaded"),
    [
        ("THIS_PROCESS.is_command = True", "[]"),
        ("import numpy; THIS_PROCESS.is_command = True", "['numpy']"),
        ("", "['numpy', 'pandas']"),
    ],
    ids=["own process", "one is loaded already", "somebody else's process"],
)
def test_libraries_are_left_out(first: str, loaded: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", READ.format(first=first)], capture_output=True, text=True
    )
    assert finished.stdout.splitlines()[:1] == [loaded], finished.stderr
    assert finished.stdout.endswith("can be imported\n"), finished.stderr
