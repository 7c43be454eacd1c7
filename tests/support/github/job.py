"""A step of a GitHub job, as a test's process is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.github_api import GitHubAPI


def as_a_job(api: GitHubAPI, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Give this process GitHub's variables of a job, and none of those that it runs under; outputs
    and summary are files in `folder`."""
    for name in list(os.environ):
        if name.startswith("GITHUB_"):
            patch.delenv(name)
    for key, value in api.environment().items():
        patch.setenv(key, value)
    for name in ("OUTPUT", "STEP_SUMMARY"):
        patch.setenv(f"GITHUB_{name}", str(folder / name))
