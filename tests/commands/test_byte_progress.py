"""How many bytes were read, on a terminal alone."""

from __future__ import annotations

import io
import sys

import pytest

from mlflow_gitops.commands.byte_progress import byte_progress
from mlflow_gitops.settings import Settings


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "verbosity", "is_shown"),
    [(_Terminal(), 0, True), (_Terminal(), -1, False), (io.StringIO(), 0, False)],
    ids=["terminal", "quiet", "pipe"],
)
def test_one_line_that_is_removed(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, verbosity: int, is_shown: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with byte_progress(Settings(verbosity=verbosity), "Reading version 4") as report:
        report(1_200_000)
    printed = stream.getvalue()
    assert ("Reading version 4: 1.2 MB" in printed) is is_shown
    assert printed.endswith("\r\x1b[K") if is_shown else not printed
