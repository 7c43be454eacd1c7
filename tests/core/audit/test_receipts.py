"""Receipts as values: one line each, a chain, and what it does not explain (RULES R6)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from mlflow_gitops.core.audit.receipt_format import receipt_text
from mlflow_gitops.core.audit.receipt_reader import ReceiptFile, read_files, read_notes
from mlflow_gitops.core.audit.receipts import Receipt, attested, broken_links, newest
from mlflow_gitops.core.audit.unrecorded import unrecorded, unstamped


def line_of(content: dict[str, Any], previous: str | None) -> str:
    """A receipt as earlier versions wrote it, one line of a note."""
    return json.dumps({"at": content["at"], **content, "previous": previous})


def read(notes: dict[str, str]) -> list[Receipt]:
    return read_notes(notes.items())


def file_of(text: str, commit: str = "a" * 40, digest: str | None = None) -> ReceiptFile:
    full = hashlib.sha256(text.encode()).hexdigest()
    return ReceiptFile(commit[:12], full[:12] if digest is None else digest, text)


def make_receipts(*runs: tuple[str, str, dict[str, Any]], owner: str = "me") -> list[Receipt]:
    """A chain of (time, commit, what each model came to)."""
    notes: dict[str, str] = {}
    for at, commit, models in runs:
        at = f"{at}T00:00:00Z"
        models_content = [
            {"model": name, **(end if isinstance(end, dict) else {"result": end})}
            for name, end in models.items()
        ]
        line = line_of({"owner": owner, "at": at, "models": models_content}, newest(read(notes)))
        notes[commit] = notes.get(commit, "") + line + "\n"
    return read(notes)


def test_a_file_is_for_people_and_names_the_one_before() -> None:
    text = receipt_text({"owner": "me", "at": "2026-01-01T00:00:00Z", "models": []}, "abc")
    assert text.startswith('{\n  "at": "2026-01-01T00:00:00Z",\n') and text.endswith("}\n")
    assert json.loads(text)["previous"] == "abc"
    assert Receipt("c", text, {}).digest == hashlib.sha256(text.encode()).hexdigest()


def test_a_file_counts_under_its_own_name_alone() -> None:
    commit, other = "a" * 40, "b" * 40
    text = receipt_text({"at": "2026-01-01T00:00:00Z", "commit": commit}, None)
    [receipt] = read_files([file_of(text), file_of(text)])
    assert (receipt.commit, receipt.text) == (commit, text)
    unnamed = receipt_text({"at": "2026-01-01T00:00:00Z"}, None)
    [receipt] = read_files([file_of(unnamed)._replace(commit=commit)])
    assert receipt.commit == commit, "the first receipts did not name their commit"
    for file in (
        file_of(text, other),
        file_of(text, digest="0" * 12),
        file_of(text.replace("01-01", "01-02"), digest=file_of(text).digest),
        file_of(unnamed),
        file_of(text.replace(commit, "HEAD")),
        file_of('{"at": 1}'), file_of("[]"), file_of("{"), file_of(""),
    ):  # fmt: skip
        assert read_files([file]) == [], file


def test_what_is_no_receipt_is_passed_over() -> None:
    line = line_of({"at": "2026-01-01T00:00:00Z"}, None)
    timeless = '{"at":"@everyone \\u001b[2J"}\n{"at":"2026-02-30T00:00:00Z"}\n{"at":1}'
    text = f'Looked at it.\n{{"at": broken\n{timeless}\n{line}\n["at"]\n\n'
    assert [receipt.text for receipt in read({"c": text})] == [line]


def test_a_receipt_counts_on_its_own_commit_alone() -> None:
    first = line_of({"at": "2026-01-01T00:00:00Z", "commit": "a"}, None)
    second = line_of({"at": "2026-01-02T00:00:00Z", "commit": "b"}, newest(read({"a": first})))
    assert broken_links(read({"a": first, "b": second})) == []
    moved = read({"b": f"{first}\n{second}"})
    assert (
        [found.text for found in moved] == [second] == [found.text for found in broken_links(moved)]
    )


def test_the_chain_is_in_order_of_time_whatever_the_notes_order() -> None:
    chain = make_receipts(("2026-01-01", "b", {}), ("2026-01-02", "a", {}), ("2026-01-03", "b", {}))
    assert [receipt.at for receipt in chain] == [f"2026-01-0{day}T00:00:00Z" for day in (1, 2, 3)]
    assert [receipt.content["previous"] for receipt in chain] == [
        None,
        chain[0].digest,
        chain[1].digest,
    ]
    assert broken_links(chain) == [] and newest(chain) == chain[2].digest and newest([]) is None


def test_a_clock_that_was_put_back_makes_no_run_the_earlier_one() -> None:
    lines: list[str] = []
    for at in (
        "2026-01-09T00:00:00Z",
        "2026-01-02T00:00:00Z",
        "2026-01-03T00:00:00Z",
        "2026-01-09T00:00:00.500Z",
    ):
        models = [{"model": "m", "result": "applied"}]
        lines.append(
            line_of(
                {"owner": "me", "at": at, "models": models}, newest(read({"c": "\n".join(lines)}))
            )
        )
    receipts = read({"c": "\n".join(reversed(lines))})
    assert (
        [receipt.text for receipt in receipts] == lines
        and broken_links(receipts) == []
        and newest(receipts) == receipts[-1].digest
    )
    assert unstamped({"m": receipts[-1].digest}, receipts, "me") == {}
    assert unstamped({"m": receipts[0].digest}, receipts, "me") == {receipts[-1].digest: ["m"]}
    moved = read({"c": lines[0], "d": "\n".join(lines[:2])})
    assert [(receipt.commit, receipt.text) for receipt in moved] == [
        ("c", lines[0]),
        ("d", lines[0]),
        ("d", lines[1]),
    ]


def test_a_gap_shows_and_two_beside_each_other_are_none() -> None:
    first, second, third = make_receipts(
        ("2026-01-01", "a", {}), ("2026-01-02", "a", {}), ("2026-01-03", "a", {})
    )
    assert broken_links([first, third]) == [third]
    line = line_of({"at": "2026-01-02T01"}, first.digest)
    beside = Receipt("a", line, json.loads(line))
    assert broken_links([first, second, beside, third]) == []


def test_stamps_that_no_receipt_explains() -> None:
    chain = make_receipts(("2026-01-01", "first", {"m": "applied", "n": "failed"}))
    line = {"before": 0, "first": 1, "second": 2}
    assert unrecorded({"m": "first"}, chain, "me", line) == {}
    assert unrecorded({"m": "second", "n": "first"}, chain, "me", line) == {
        "second": ["m"],
        "first": ["n"],
    }
    assert unrecorded({"m": "before"}, chain, "me", line) == {}, (
        "several merges reconciled at once leave one receipt"
    )
    assert unrecorded({"m": "first"}, chain, "somebody else", line) == {"first": ["m"]}
    assert unrecorded({"m": "HEAD", "n": "elsewhere"}, chain, "me", line) == {}, (
        "no run was at what is no main-line commit"
    )


def test_stamps_that_are_behind_their_receipt() -> None:
    healed = {"result": "refused", "changes": [{}]}
    old, new = make_receipts(
        ("2026-01-01", "a", {"m": "applied", "n": "applied"}),
        ("2026-01-02", "b", {"m": healed, "n": "refused"}),
    )
    assert new.changed() == {"m"} and new.applied() == frozenset()
    assert unstamped({"m": new.digest, "n": old.digest}, [old, new], "me") == {}
    assert unstamped({"m": old.digest, "n": None}, [old, new], "me") == {
        new.digest: ["m"],
        old.digest: ["n"],
    }
    assert unstamped({"m": "unknown here, so perhaps newer", "x": None}, [old, new], "me") == {}
    assert unstamped({"m": None}, [old, new], "somebody else") == {}


@pytest.mark.parametrize(
    ("stamped", "expected"),
    [
        ((), ""),
        (("c",), "abc"),
        (("b",), "ab"),
        (("a", "d"), "ad"),
        (("unknown", "b"), "ab"),
        (("c", "d"), "abcd"),
    ],
)
def test_a_receipt_counts_if_a_stamp_leads_to_it(stamped: tuple[str, ...], expected: str) -> None:
    made: dict[str, Receipt] = {}
    for name, previous in {"a": None, "b": "a", "c": "b", "d": None}.items():
        content = {"at": name, "previous": made[previous].digest if previous else None}
        made[name] = Receipt(name * 40, f"line {name}", content)
    digests = [made[name].digest if name in made else name for name in stamped]
    counting = attested(list(made.values()), digests)
    assert "".join(receipt.at for receipt in counting) == expected
