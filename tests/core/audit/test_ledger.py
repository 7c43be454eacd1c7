"""Receipts by model; what is contradicted proves nothing about who held what (RULES R6)."""

from __future__ import annotations

import json
from collections.abc import Collection

import pytest

from mlflow_gitops.core.audit.ledger import Ledger
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.history.line.renames import NamePeriod
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.tenures import ReconciledHistory
from tests.support.core.one_model import make_desired

COMMITS = ("a", "b", "c", "d")
POINTS = [
    Point(Commit(sha, f"2026-01-0{day}T00:00:00Z", "", ""), make_desired(body))
    for day, (sha, body) in enumerate(
        zip(COMMITS, ("stages: {Production: 1}", *["stages: {Production: 2}"] * 3), strict=True), 1
    )
]


def receipt(commit: str, version: int, note: str = "") -> Receipt:
    model = {"model": "m", "result": "applied", "stages": [["Production", version]]}
    day = COMMITS.index(commit) + 1
    content = {"at": f"2026-01-0{day}T12:00:00Z", "owner": "me", "models": [model], "note": note}
    return Receipt(commit, json.dumps(content), content)


A, B, C = receipt("a", 1), receipt("b", 2), receipt("c", 2)
FORGED = receipt("b", 2, "forged")


def held(receipts: list[Receipt], contradicted: Collection[tuple[str, str]]) -> set[int]:
    index = {sha: position for position, sha in enumerate(COMMITS)}
    ledger = Ledger(receipts, index, "me", contradicted)
    runs = [run.applied_commit for run in ledger.applied("m")]
    return set(ReconciledHistory(runs, index).tenures(POINTS, "Production"))


@pytest.mark.parametrize(
    ("receipts", "contradicted", "versions"),
    [
        ([A, B], [], {1, 2}),
        ([A, B], [(B.digest, "")], {1}),
        ([A, B], [(B.digest, "m")], {1}),
        ([A, B], [(B.digest, "other")], {1, 2}),
        ([A, B, C], [(B.digest, "")], {1}),
        ([A, FORGED, B, C], [(FORGED.digest, "")], {1, 2}),
        ([A, B, C], [(C.digest, "")], {1, 2}),
    ],
    ids=[
        "nothing contradicted",
        "whole receipt",
        "this model",
        "another model",
        "a later run that found it there",
        "beside the true one",
        "after the true one",
    ],
)
def test_what_is_contradicted_proves_nothing(
    receipts: list[Receipt], contradicted: list[tuple[str, str]], versions: set[int]
) -> None:
    assert held(receipts, contradicted) == versions


def test_a_recovered_receipt_has_the_name_that_the_model_got_back() -> None:
    """The model was `m`, `n` and `m` again. The receipt of a commit under the second name was
    recovered after it got its first name back, beside one of the first time."""
    recovered = Receipt("b", "", {**B.content, "recovered": True})
    ledger = Ledger([A, recovered], {sha: at for at, sha in enumerate(COMMITS)}, "me")
    periods = [NamePeriod("m", 0, 1), NamePeriod("n", 1, 2), NamePeriod("m", 2, 4)]
    assert [run.receipt for run in ledger.applied_as(periods)] == [A, recovered]

    another = [NamePeriod("n", 0, 2), NamePeriod("m", 2, 4)]
    assert ledger.applied_as(another) == [], "another model was m when A was written"
