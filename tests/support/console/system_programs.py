"""Programs of the system that no package of Python's brings; `.ci/system-packages` does."""

from __future__ import annotations

import os
from shutil import which

import pytest

_ELSEWHERE = os.pathsep.join(["/usr/sbin", "/usr/local/sbin"])
"""Where Debian has servers, which are not on everybody's path."""


def program_path(*names: str) -> str | None:
    """Where the first of these programs is that is installed; None if none is."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), _ELSEWHERE])
    paths = (which(name, path=search) for name in names)
    return next((path for path in paths if path is not None), None)


def program_or_skip(*names: str, package: str) -> str:
    """The same for a test, which is skipped without any of the programs, or fails under CI."""
    path = program_path(*names)
    if path is not None:
        return path

    missing = f"{names[0]} is not installed (apt install {package})"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{missing}; .ci/system-packages installs it")
    pytest.skip(missing)
