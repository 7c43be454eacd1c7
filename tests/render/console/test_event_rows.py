"""Rows of text that wait, packed, until all are known."""

from __future__ import annotations

import pytest

from mlflow_gitops.render.console.event_rows import EventRows


@pytest.mark.parametrize("count", [0, 1, 20_000, 20_001, 20_512, 21_500])
def test_rows_come_back_as_they_were(count: int) -> None:
    expected = [[f"model-{i}", "", "12 → 13", "\udce4 表"][: 1 + i % 4] for i in range(count)]
    rows = EventRows()
    for row in expected:
        rows.add(row)
    assert list(map(list, rows)) == expected
    assert list(map(list, rows)) == expected, "a second time"
