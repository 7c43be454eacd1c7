"""Signs in an encoding that lacks them."""

from __future__ import annotations

import io

import pytest

from mlflow_gitops.render.console import plain_signs


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("ascii", b"Staging - -> 2  v x <= ... gr??e"),
        ("latin-1", b"Staging - -> 2  v x <= ... gr\xf6\xdfe"),
        ("cp1252", b"Staging \x97 -> 2  v x <= \x85 gr\xf6\xdfe"),
    ],
)
def test_none_is_never_written_as_unknown(encoding: str, written: bytes) -> None:
    plain_signs.register()
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors=plain_signs.HANDLER)
    stream.write("Staging — → 2  ✓ ✗ ≤ … größe")
    stream.flush()
    assert raw.getvalue() == written
