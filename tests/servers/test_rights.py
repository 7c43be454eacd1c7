"""`rights` on servers of older versions, each in a venv of its own. The installed one is tried in
tests/lanes/test_servers_of_every_kind.py."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.servers.__main__ import server_python
from tests.support.registries.basic_auth import basic_auth_server
from tests.support.registries.least_rights import check_least_rights


@pytest.mark.real
@pytest.mark.weekly  # an old server takes a minute to install
@pytest.mark.parametrize("name", ["3.4.0", "3.13.0"])
def test_the_least_rights_of_each_account(name: str, tmp_path: Path) -> None:
    try:
        python = server_python(name)
    except subprocess.CalledProcessError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"MLflow {name} cannot be installed here")
    with basic_auth_server(tmp_path / "server", python=python) as address:
        check_least_rights(address, tmp_path / "repo", grants_on_versions=False)
