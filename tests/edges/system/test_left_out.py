"""MLflow is imported without what only training needs, in this program's own processes alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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


LATER = """
import sys
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.settings import THIS_PROCESS
THIS_PROCESS.is_command = True
Registry("http://127.0.0.1:9/")
print(sorted(name for name in sys.modules if name.startswith(("fastapi", "mlflow.genai."))))
import mlflow.genai.judges
from mlflow import genai
print(genai.register_prompt.__name__, genai is mlflow.genai)
print(type(sys.meta_path[0]).__name__)
"""


STORE = """
from mlflow_gitops.settings import THIS_PROCESS
THIS_PROCESS.is_command = True
from mlflow_gitops.edges.mlflow.connection import Connection
Connection("{uri}")
print("opened")
"""


def test_a_store_without_a_server_is_opened(
    tmp_path: Path, blank_registry: Callable[[Path], str]
) -> None:
    program = STORE.format(uri=blank_registry(tmp_path / "a.db"))
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert finished.stdout == "opened\n", finished.stderr


def test_parts_of_mlflow_are_loaded_when_they_are_used() -> None:
    finished = subprocess.run([sys.executable, "-c", LATER], capture_output=True, text=True)
    assert finished.stdout.splitlines()[:2] == ["[]", "register_prompt True"], finished.stderr
    assert "_LaterFinder" not in finished.stdout
