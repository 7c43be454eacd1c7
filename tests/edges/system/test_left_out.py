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
import os, sys
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.settings import THIS_PROCESS
THIS_PROCESS.is_command = True
os.environ["MLFLOW_TRACKING_URI"] = "sqlite:///other.db"  # not the one that is named
Registry("http://127.0.0.1:9/")
parts = ("asyncio", "charset_normalizer", "fastapi", "mlflow.genai", "opentelemetry.sdk.metrics")
folders = tuple(f"{part}." for part in parts)
print(sorted(name for name in sys.modules if name.startswith(folders)))
import mlflow.genai.judges
from mlflow import genai
print(genai.register_prompt.__name__, genai is mlflow.genai, mlflow.models.Model.__name__)
import asyncio
async def answer(): return 42
print(asyncio.run(answer()))
import requests
response = requests.Response()
response._content = "Grüße aus Köln, schöne Übergänge".encode("utf-8")
print(response.apparent_encoding)
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
    printed = lines(LATER)
    assert printed[:-1] == ["[]", "register_prompt True Model", "42", "utf-8"]
    assert printed[-1] != "_LaterFinder"


NEEDED = """
import sys
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.edges.system import left_out
from mlflow_gitops.settings import THIS_PROCESS
THIS_PROCESS.is_command = True
left_out._LIBRARIES = ("google",)
Registry("http://127.0.0.1:9/")
import google.protobuf
print(type(sys.modules["mlflow.models"]).__name__, type(sys.meta_path[0]).__name__)
"""


def test_a_library_that_mlflow_cannot_do_without_is_loaded() -> None:
    assert lines(NEEDED)[0].startswith("module ")


PLUGINS = """
from importlib import metadata
scripts = metadata.entry_points(group="console_scripts")
from mlflow_gitops.edges.system import left_out
left_out._list_plugins_once()
left_out._list_plugins_once()
print(metadata.entry_points(group="console_scripts") == scripts, len(scripts) > 0)
metadata.distributions = None  # Python's way to the files of the installed packages
print(list(metadata.entry_points(group="nobody's")), len(metadata.entry_points()) > 0)
"""


def test_plugins_are_listed_once() -> None:
    assert lines(PLUGINS) == ["True True", "[] True"]


WAITING = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from mlflow_gitops.edges.system import left_out
from mlflow_gitops.settings import THIS_PROCESS
THIS_PROCESS.is_command = True
with left_out._without_unused_libraries(over_http=True):
    import asyncio
both = threading.Barrier(2)
def use(name):
    both.wait()
    return getattr(asyncio, name).__name__
with ThreadPoolExecutor(2) as pool:
    print(*pool.map(use, ("run", "Queue")))
"""


def test_two_threads_use_a_part_at_once() -> None:
    assert lines(WAITING) == ["run Queue"]


def lines(program: str) -> list[str]:
    """What a program prints."""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()
