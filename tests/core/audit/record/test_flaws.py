"""Flaws of the record, on receipts as values."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.flaws import (
    flaws,
    lost_receipts,
    recorded_flaw,
    replayed_states,
)

LINE = {commit: index for index, commit in enumerate("abcde")}


def receipt(
    commit: str, *models: dict[str, Any], previous: Receipt | None = None, **head: Any
) -> Receipt:
    content = {
        "at": "2026-01-01T00:00:00Z",
        "owner": "me",
        "models": [{"model": "m", **model} for model in models],
        "previous": previous.digest if previous else None,
        **head,
    }
    return Receipt(commit, f"{commit} {content}", content)


def applied(*commits: str) -> dict[str, Any]:
    changes = [{"action": "transition", "cause": "commit", "commit": commit} for commit in commits]
    return {"result": "applied", "changes": changes}


def kinds(*receipts: Receipt) -> list[tuple[str, str]]:
    return [(flaw.kind, flaw.model) for flaw in flaws(receipts)]


def test_a_clean_record() -> None:
    one = receipt("a", applied("a"), count=1)
    two = receipt("b", applied("b"), previous=one, count=2)
    assert kinds(one, two) == []


def test_a_recovered_receipt() -> None:
    one = receipt("a", applied("a"), {"model": "n", "result": "refused"}, recovered=True)
    assert kinds(one) == [("recovered", "m")]


@pytest.mark.parametrize("is_counted", [True, False])
def test_a_receipt_that_vanished(is_counted: bool) -> None:
    one = receipt("a", applied("a"), **({"count": 1} if is_counted else {}))
    two = receipt("b", applied("b"), previous=one, **({"count": 2} if is_counted else {}))
    three = receipt("c", applied("c"), previous=two, **({"count": 3} if is_counted else {}))
    assert kinds(one, three) == [("gap", "")] * (2 if is_counted else 1)
    assert {flaw.receipt.digest for flaw in flaws([one, three])} == {three.digest}


def test_a_counter_shows_what_a_chain_does_not() -> None:
    """Somebody who deletes a receipt can write the next one anew, with another `previous`."""
    one = receipt("a", applied("a"), count=1)
    three = receipt("c", applied("c"), previous=one, count=3)
    [flaw] = flaws([one, three])
    assert "receipt 2 of this environment vanished" in flaw.detail


def test_a_stamp_that_names_a_receipt_which_is_nowhere() -> None:
    one = receipt("a", applied("a"))
    assert lost_receipts({"m": one.digest, "n": None}, [one]) == {}
    lost = lost_receipts({"m": "f" * 64}, [one])
    assert lost == {"m": {"kind": "lost", "stamp": "f" * 64}}

    met = receipt("a", {"result": "unchanged", "flaws": [lost["m"]]}, previous=one)
    [flaw] = flaws([one, met])
    assert (flaw.kind, flaw.model, flaw.receipt) == ("lost", "m", met)


def test_a_receipt_that_another_clone_pushed_later_was_not_lost() -> None:
    one = receipt("a", applied("a"))
    met = receipt("a", {"flaws": [recorded_flaw("lost", one.digest)]})
    assert kinds(met) == [("lost", "m")] and kinds(one, met) == []


@pytest.mark.parametrize(
    ("stamped", "is_replayed"), [("a", True), ("b", True), ("c", False), ("d", False), ("z", False)]
)
def test_an_older_state_with_its_stamps(stamped: str, is_replayed: bool) -> None:
    """The newest run brought it to `c`, after `a` and `b`. A run that crashed has sealed `d`."""
    receipts = [receipt("a", applied("a")), receipt("c", applied("b", "c")), receipt("c", healed())]
    replayed = replayed_states({"m": stamped}, receipts, "me", LINE)
    assert replayed == ({"m": {"kind": "replayed", "stamp": stamped}} if is_replayed else {})
    assert replayed_states({"m": stamped}, receipts, "other", LINE) == {}


def healed() -> dict[str, Any]:
    return {"result": "applied", "changes": [{"action": "set_alias", "cause": "drift"}]}


def test_a_replayed_state_is_recorded_once_and_again_after_it_was_healed() -> None:
    flaw = {"flaws": [recorded_flaw("replayed", "a")]}
    first = receipt("c", applied("c"))
    refused = receipt("c", {"result": "refused", **flaw})
    assert replayed_states({"m": "a"}, [first, refused], "me", LINE) == {}
    put_back = receipt("c", {**applied("c"), **flaw})
    assert set(replayed_states({"m": "a"}, [first, put_back], "me", LINE)) == {"m"}
    assert kinds(first, put_back) == [("replayed", "m")]


@pytest.mark.parametrize("odd", [None, 7, "x", {}, [None], [[]], [{"kind": 1}], [{"kind": "lost"}]])
def test_a_flaw_of_the_wrong_form_is_none(odd: Any) -> None:
    assert kinds(receipt("a", {"result": "applied", "flaws": odd})) == []
