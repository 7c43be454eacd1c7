"""Drift that receipts record as healed."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.drift import healed_drift

Change = dict[str, Any]


def moved(version: int, before: str, after: str, cause: str = "drift") -> Change:
    ends = {"from": before, "to": after}
    return {"action": "transition", "version": version, "cause": cause, **ends}


def alias(key: str, before: int | None, after: int | None) -> Change:
    return {"action": "set_alias", "key": key, "from": before, "to": after, "cause": "drift"}


def receipt(day: int, *changes: Change, **head: Any) -> Receipt:
    at = f"2026-01-0{day}T12:00:00Z"
    models = [{"model": "m", "result": "applied", "changes": list(changes)}]
    return Receipt("c", at, {"at": at, "began": at.replace("12", "11"), "models": models, **head})


def test_what_was_found_and_put_back_and_between_which_times() -> None:
    first = receipt(1, moved(1, "None", "Production", "commit"))
    second = receipt(2, moved(3, "Production", "Archived"), moved(1, "Archived", "Production"))
    [drift] = healed_drift([first, second])
    assert (drift.stage, drift.before, drift.after) == ("Production", (3,), (1,))
    assert (drift.right_at, drift.found_at) == ("2026-01-01T12:00:00Z", "2026-01-02T11:00:00Z")
    assert drift.detail.startswith("version 3: MLflow had Production, put back to Archived; ")
    assert "it came about after 2026-01-01T12:00:00Z and was found at 2026-01-02T11" in drift.detail


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([alias("champion", 3, 1)], [("@champion", (3,), (1,))]),
        ([alias("champion", None, 1)], [("@champion", (), (1,))]),
        ([{"action": "delete_alias", "key": "x", "from": 2, "cause": "drift"}], [("@x", (2,), ())]),
        ([moved(3, "Staging", "Production")], [("Staging", (3,), ()), ("Production", (), (3,))]),
        ([moved(1, "None", "Production", "commit")], []),
        (
            [
                {
                    "action": "set_tag",
                    "version": 2,
                    "key": "t",
                    "from": "a",
                    "to": "b",
                    "cause": "drift",
                }
            ],
            [(None, (), ())],
        ),
    ],
)
def test_the_stage_that_drifted(
    changes: list[Change], expected: list[tuple[str | None, tuple[int, ...], tuple[int, ...]]]
) -> None:
    found = healed_drift([receipt(1, *changes)])
    assert [(drift.stage, drift.before, drift.after) for drift in found] == expected
    assert all(drift.right_at is None for drift in found)


@pytest.mark.parametrize(
    "odd", [None, 7, "x", [None], [{"cause": "drift"}], [{"cause": "drift", "action": 7}]]
)
def test_odd_changes_are_no_trouble(odd: Any) -> None:
    content = {"at": "2026-01-01T00:00:00Z", "models": [{"model": "m", "changes": odd}]}
    for drift in healed_drift([Receipt("c", "x", content)]):
        assert drift.stage is None and drift.detail
