"""Receipts that cannot be what a run wrote, as values: what is honest has no contradiction."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.contradictions import contradictions
from mlflow_gitops.core.audit.record.flaws import recorded_flaw
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.times import parse_time

DAY = 86_400
START = int(parse_time("2026-01-01T00:00:00Z").timestamp())
LINE = MainLine(["a", "b", "c"], [], {}, dates=[START, START + DAY, START + 2 * DAY])
NOW = START + 30.0 * DAY


def receipt(day: float, count: int, previous: Receipt | None = None, **more: Any) -> Receipt:
    """One of the environment `me`, written at a day and hour of January."""
    model = {"model": "m", "result": "applied", **more.pop("model", {})}
    at = more.pop("at", _time(day))
    content = {
        "at": at, "schema": 3, "count": count, "owner": "me", "began": _time(day - 0.001),
        "commit": "a", "previous": previous.digest if previous else None, "models": [model], **more,
    }  # fmt: skip
    return Receipt(content["commit"], json.dumps(content), content)


def _time(day: float) -> str:
    seconds = round((day - 1) * DAY)
    return (
        f"2026-01-{1 + seconds // DAY:02}T{seconds % DAY // 3600:02}:{seconds % 3600 // 60:02}:00Z"
    )


def reasons(*receipts: Receipt) -> list[str]:
    found = contradictions(receipts, LINE, NOW)
    return [f"{receipts.index(one.receipt)}: {one.reason}" for one in found]


def made(commit: str, version: int = 2) -> dict[str, Any]:
    change = {"action": "transition", "version": version, "to": "Production", "commit": commit}
    return {"changes": [{**change, "cause": "commit"}]}


def vouched(*approvers: str, number: int = 7) -> dict[str, Any]:
    people = {"commit": "a", "pr": number, "pr_source": "api", "approved_by": list(approvers)}
    return {"people": [people]}


FIRST = receipt(5, 1)


def test_an_honest_chain() -> None:
    second = receipt(6, 2, FIRST, model=made("b"), commit="b")
    third = receipt(7, 3, second, model=made("c"), commit="c")
    assert reasons(FIRST, second, third) == []


def test_runs_side_by_side() -> None:
    """Two environments, and two runs of one that did not know of each other."""
    other = receipt(5, 1, FIRST, owner="other")
    twin = receipt(6, 2, FIRST, began=_time(5.9), model=made("b"), commit="b")
    beside = receipt(6.05, 2, FIRST, began=_time(5.95), model=made("b"), commit="b")
    assert reasons(FIRST, other, twin, beside) == []


@pytest.mark.parametrize("witness", ["flaw", "base"])
def test_a_clone_that_could_not_push(witness: str) -> None:
    unpushed = receipt(6, 2, FIRST, model=made("b"), commit="b")
    met: dict[str, Any] = {"base_unrecorded": True}
    if witness == "flaw":
        met = {"flaws": [recorded_flaw("lost", unpushed.digest)]}
    later = receipt(8, 2, FIRST, model={**made("c"), **met}, commit="c")
    assert reasons(FIRST, unpushed, later) == []


def test_what_is_made_anew_is_honest() -> None:
    """A model that was created again, or on another server, is brought there from the start."""
    first = receipt(5, 1, model=made("a"))
    anew = made("a")
    anew["changes"] = [{"action": "create_model", "cause": "commit"}, *anew["changes"]]
    second = receipt(6, 2, first, model=anew)
    third = receipt(7, 3, second, model=made("a"), registry="https://other.example.org")
    assert reasons(first, second, third) == []


def test_a_later_run_counts_fewer_approvals() -> None:
    first = receipt(5, 1, model=vouched("@ana", "@bob"))
    assert reasons(first, receipt(6, 2, first, model=vouched("@ana"))) == []


def test_clocks_that_differ_a_little() -> None:
    assert reasons(FIRST, receipt(4.995, 2, FIRST)) == []


@pytest.mark.parametrize(
    ("forged", "words"),
    [
        (receipt(6, 1), "number 1"),
        (receipt(6, 3), "names no receipt before it"),
        (receipt(6, 0, FIRST), "it has no number"),
        (receipt(4, 2, FIRST), "before the receipt that it follows"),
        (receipt(6, 2, FIRST, at="2025-12-01T00:00:00Z", began=None), "before its commit"),
        (receipt(6, 2, FIRST, at="2026-03-01T00:00:00Z"), "in the future"),
        (receipt(6, 2, FIRST, began=_time(9)), "after it was written"),
        (receipt(6, 2, FIRST, model=made("b")), "after the commit that it reconciled"),
        (receipt(6, 2, FIRST, model=made("z")), "not on the main line"),
        (receipt(6, 2, FIRST, commit="z"), "no commit of the main line"),
        (receipt(6, 2, FIRST, schema=2), "follows one in format 3"),
        (
            receipt(
                6, 2, FIRST, model={"gates": [{"gate": "tags", "version": 2, "status": "passed"}]}
            ),
            "without the values",
        ),
    ],
)
def test_one_that_is_contradicted(forged: Receipt, words: str) -> None:
    found = reasons(FIRST, forged)
    assert any(words in reason for reason in found), found
    assert all(reason.startswith("1: ") for reason in found), "the true one is not accused"


@pytest.mark.parametrize(
    ("true", "forged", "words"),
    [
        (made("a"), made("a"), "had made"),
        (vouched("@ana"), vouched("@ana", "@chief"), "other people behind a"),
        (vouched("@ana"), vouched("@chief"), "other people behind a"),
        (vouched("@ana"), vouched("@ana", number=4711), "other people behind a"),
    ],
)
def test_one_that_repeats_another(true: Any, forged: Any, words: str) -> None:
    first = receipt(5, 1, model=true)
    [reason] = reasons(first, receipt(6, 2, first, model=forged))
    assert reason.startswith("1: ") and words in reason


def test_the_one_beside_the_chain_is_accused() -> None:
    """It seems to be older than the true ones, which follow each other."""
    early = receipt(4, 1, model=vouched("@chief"))
    first = receipt(5, 1, model=vouched("@ana"))
    found = reasons(early, first, receipt(6, 2, first))
    assert found and all(reason.startswith("0: ") for reason in found)


def test_a_rewritten_history_is_one_flaw() -> None:
    lost = [receipt(5 + number, number, commit="z") for number in (1, 2, 3)]
    chain = [FIRST, *lost]
    found = [reason for reason in reasons(*chain) if "no commit of the main line" in reason]
    assert len(found) == 1 and "as are 2 before it" in found[0]
