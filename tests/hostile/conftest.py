"""One forking process for the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.measured import Children


@pytest.fixture(scope="session")
def children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    made = Children(tmp_path_factory.mktemp("children"))
    yield made
    made.close()
