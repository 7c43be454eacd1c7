"""The journey on one old server and on the newest that is installed here. `make test-servers` takes
many."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.servers.__main__ import journey, server_python

OLD = "2.9.2"


@pytest.mark.real
@pytest.mark.weekly  # an old server takes a minute to install
@pytest.mark.parametrize("name", [OLD, "installed"])
def test_every_step_of_the_journey(name: str) -> None:
    python = Path(sys.executable)
    if name == OLD:
        try:
            python = server_python(OLD)
        except subprocess.CalledProcessError:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"MLflow {OLD} cannot be installed here")
    outcomes = journey(OLD if name == OLD else version("mlflow"), python)
    assert [outcome for outcome in outcomes if outcome[1] is not None] == []
    assert len(outcomes) == 30
