"""Models that were made again under one name: honest receipts of each, and made-up ones (RULES
R6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.rival_receipts import rival_receipts

CHANGE = {"action": "transition", "version": 2, "to": "Production", "cause": "commit"}
CREATION = {"action": "create_model", "cause": "commit", "commit": "a"}
CREATED = "2026-01-06T11:59:30.250Z"
"""Within the run of the sixth day."""


def chain(*lives: tuple[str | None, int] | tuple[str | None, int, str]) -> list[Receipt]:
    """Receipts that follow each other, each of a run that made the same change: when MLflow had
    registered the model by the receipt (None: it does not say), and the day of January of the run.
    A third value is another action that the run made."""
    receipts: list[Receipt] = []
    for number, (registered, day, *actions) in enumerate(lives, start=1):
        changes = [CREATION] if actions else []
        model: dict[str, Any] = {"model": "m", "result": "applied"}
        model["changes"] = [*changes, {**CHANGE, "commit": "a"}]
        content = {
            "at": f"2026-01-{day:02}T12:00:00.000Z",
            "began": f"2026-01-{day:02}T11:59:00Z",
            "schema": 3,
            "count": number,
            "owner": "me",
            "commit": "a",
            "previous": receipts[-1].digest if receipts else None,
            "models": [model | ({"registered": registered} if registered else {})],
        }
        receipts.append(Receipt("a", json.dumps(content), content))
    return receipts


def day(number: int) -> str:
    return f"2026-01-{number:02}T10:00:00.250Z"


def accused(receipts: list[Receipt], shown: str | None) -> list[int]:
    """The numbers of the receipts that another one contradicts."""
    rivals = rival_receipts(receipts, lambda receipt, name: shown)
    return [receipts.index(rival.receipt) + 1 for rival in rivals]


@pytest.mark.parametrize(
    ("receipts", "shown"),
    [
        (chain((day(1), 2), (day(5), 6)), day(5)),
        (chain((day(1), 2), (day(5), 6), (day(8), 9)), day(8)),
        (chain((None, 2), (day(5), 6)), day(5)),
        (chain((None, 2), (None, 6, "create")), CREATED),
        (chain((None, 2), (None, 6, "create"), (day(8), 9)), day(8)),
        (chain((day(3), 4), (day(1), 6)), day(1)),
    ],
    ids=["again", "twice", "an old receipt", "an old creation", "old and new", "an older model"],
)
def test_a_model_that_was_made_again_is_honest(receipts: list[Receipt], shown: str) -> None:
    assert accused(receipts, shown) == []


@pytest.mark.parametrize(
    ("receipts", "shown"),
    [
        (chain((day(1), 2), (day(5), 6)), day(5)),
        (chain((None, 2), (day(5), 6), (day(8), 9)), day(8)),
        (chain((None, 2), (None, 6, "create")), day(6)),
        (chain((day(3), 4), (day(1), 6)), day(1)),
    ],
)
def test_it_is_honest_for_those_who_do_not_read_mlflow(receipts: list[Receipt], shown: str) -> None:
    assert accused(receipts, None) == []


@pytest.mark.parametrize(
    ("receipts", "shown"),
    [
        (chain((day(1), 2), (day(1), 6)), day(1)),
        (chain((day(1), 2), (day(5), 6)), day(1)),
        (chain((day(1), 2), (day(5), 6)), "1970-01-01T00:00:00Z"),
        (chain((None, 2), (day(5), 6)), day(1)),
        (chain((day(1), 2), (None, 6)), day(1)),
        (chain((day(1), 2), (None, 6, "create")), day(1)),
        (chain((day(1), 2), (None, 6, "create")), CREATED),
        (chain((None, 2), (None, 6, "create")), day(1)),
        (chain((day(3), 4), (day(1), 6)), day(3)),
        (chain((day(1), 2), (day(9), 6)), day(9)),
        (chain((day(1), 2), ("soon", 6)), day(1)),
    ],
    ids=[
        "the same model",
        "a made-up time",
        "a time that MLflow does not show",
        "a made-up time after an old receipt",
        "no time",
        "a made-up creation",
        "a creation without a time",
        "a made-up creation of an old format",
        "the time of an older model",
        "a time after the receipt",
        "no possible time",
    ],
)
def test_a_made_up_model_is_contradicted(receipts: list[Receipt], shown: str) -> None:
    assert accused(receipts, shown) == [2]


def test_a_later_receipt_contradicts_a_made_up_model_for_good() -> None:
    """Also once the model really was made again, and for those who do not read MLflow."""
    made_up = chain((day(1), 2), (day(5), 6))
    models = [{"model": "m", "result": "applied", "registered": day(1)}]
    content = {**made_up[-1].content, "count": 3, "models": models, "at": "2026-01-07T12:00:00Z"}
    content["previous"] = made_up[-1].digest
    receipts = [*made_up, Receipt("b", json.dumps(content), content)]
    assert accused(receipts, None) == accused(receipts, day(9)) == [2]
