"""Packages from npm, for the tests marked `real`: they are kept beside the packages of this
environment and never committed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.together import locked

_OPTIONS = ("--no-package-lock", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts")
_TIMEOUT = 300
"""Seconds."""


def program(name: str) -> Path:
    """Where `npm` or `node` is: in this environment, which `make test-real` gives both, or on the
    PATH. Raises FileNotFoundError."""
    beside = Path(sys.executable).with_name(name)
    found = beside if beside.exists() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed: pip install '.[real]'")
    return Path(found)


def installed(package: str, version: str) -> Path:
    """The folder of a package; it is installed once for all workers. Raises OSError."""
    folder = Path(sys.prefix) / f"{package.rpartition('/')[2]}-{version}"
    with locked(Path(f"{folder}.lock")):
        if not folder.exists():
            npm = program("npm")
            new = Path(f"{folder}.new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            command = [str(npm), "install", "--prefix", str(new), *_OPTIONS]
            environment = os.environ | {"PATH": f"{npm.parent}{os.pathsep}{os.environ['PATH']}"}
            done = subprocess.run(
                [*command, f"{package}@{version}"],
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                env=environment,
            )
            if done.returncode:
                raise OSError(f"npm does not install {package}: {done.stderr[-500:]}")
            new.rename(folder)
    return folder / "node_modules" / package


def must_have(package: str, version: str) -> Path:
    """`installed`; where that cannot be, the test is skipped, or fails under CI."""
    try:
        return installed(package, version)
    except OSError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
