"""The project's modules, for tests of single ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.capstone.workshop import PROJECT


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The project's modules can be imported, and are forgotten afterwards: their names are common
    ones."""
    names = [file.stem for file in PROJECT.glob("*.py")]
    monkeypatch.syspath_prepend(str(PROJECT))
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in names:
        sys.modules.pop(name, None)
