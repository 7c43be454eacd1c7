"""What `verify` found, as text, JSON and a page."""

from __future__ import annotations

import json
from dataclasses import replace

from mlflow_gitops.core.audit.record.acknowledgements import Acknowledgement
from mlflow_gitops.core.audit.verifying.findings import (
    Acknowledged,
    UncheckedFiles,
    Unexplained,
    Verification,
)
from mlflow_gitops.render import verify

FOUND = Verification(
    "3f2a9c1" + "0" * 33,
    2,
    (),
    5,
    (
        Unexplained("", "receipts", "there are no receipts in this clone"),
        Unexplained("churn", "files 4", "4 holds Production, and <b>@all</b> `x`"),
    ),
    compared_files=1,
    unchecked_files=(UncheckedFiles("fraud", 2, ("Production", "Canary")),),
)


def test_text() -> None:
    assert list(verify.text(FOUND)) == [
        "Receipts",
        "  ✗ receipts: there are no receipts in this clone",
        "churn",
        "  ✗ files 4: 4 holds Production, and <b>@all</b> `x`",
        "- fraud 2 (Production, Canary): its files cannot be checked; pin their digest:"
        " mlflow-gitops pin fraud 2",
        "Verified 2 models by 5 receipts: 2 unexplained; the files of 1 version compared.",
    ]


def test_what_follows_from_missing_receipts_is_counted() -> None:
    follow = [Unexplained("churn", field, "…") for field in ("commit", "receipt", "held 3 Staging")]
    other = Unexplained("churn", "stage Production", "MLflow has Archived")
    first = Unexplained("", "receipts", "there are no receipts in this clone")
    without = replace(FOUND, receipts=0, findings=(first, *follow, other), unchecked_files=())
    lines = list(verify.text(without))
    assert lines[:-1] == [
        "Receipts",
        "  ✗ receipts: there are no receipts in this clone",
        "churn",
        "  ✗ stage Production: MLflow has Archived",
        "3 more findings follow from the missing receipts; --format json lists all.",
    ]
    assert "5 unexplained" in lines[-1]
    assert len(list(verify.text(replace(without, receipts=1)))) == 8, "then each of them counts"


RECOVERED = "c0ffee" + "0" * 58
LINE = Acknowledgement(
    "0123456789ab", "disk was full <b>", "a" * 40, "Ana <ana@example.org>", "2026-01-02T00:00:00Z"
)
FLAWED = replace(
    FOUND,
    findings=(Unexplained("churn", "recovered", "no run recorded it", RECOVERED),),
    acknowledged=(
        Acknowledged(Unexplained("", "receipts", "receipt 2 vanished", "0123456789abcd"), LINE),
    ),
    compared_files=None,
    unchecked_files=(),
)


def test_what_a_commit_acknowledges_and_how_to() -> None:
    assert list(verify.text(FLAWED)) == [
        "churn",
        "  ✗ recovered: no run recorded it",
        "- receipts: receipts is acknowledged by Ana <ana@example.org>, as aaaaaaa claims: disk was"
        " full <b>",
        "To acknowledge, after looking at it, write into a commit message on the main branch:",
        "  Audit-Ack: c0ffee000000 REASON",
        "Verified 2 models by 5 receipts: 1 unexplained; 1 acknowledged.",
    ]
    data = json.loads("".join(verify.json(FLAWED)))
    assert data["unexplained"][0]["receipt"] == RECOVERED
    [acknowledged] = data["acknowledged"]
    assert (acknowledged["by"], acknowledged["by_source"], acknowledged["commit"]) == (
        "Ana <ana@example.org>", "commit", "a" * 40,
    )  # fmt: skip
    [page] = verify.markdown(FLAWED)
    assert "`Audit-Ack: c0ffee000000 REASON`" in page


def test_json_says_whether_files_were_read() -> None:
    assert json.loads("".join(verify.json(FOUND)))["artifacts"] == {
        "compared": 1,
        "not_checkable": [{"model": "fraud", "version": 2, "stages": ["Production", "Canary"]}],
    }
    unread = replace(FOUND, compared_files=None, unchecked_files=())
    assert json.loads("".join(verify.json(unread)))["artifacts"] is None


def test_a_page_is_inert_and_bounded() -> None:
    [page] = verify.markdown(FOUND)
    assert page.splitlines()[0].startswith("**Verified 2 models by 5 receipts: 2 unexplained")
    assert "- `churn`: `files 4`: `` 4 holds Production, and <b>@all</b> `x` ``" in page
    assert "- `fraud`: the files of 2 (`Production, Canary`) cannot be checked" in page

    many = tuple(Unexplained(f"m{n}", "files 1", "x" * 900) for n in range(500))
    [page] = verify.markdown(replace(FOUND, findings=many))
    assert len(page.encode()) <= 65_000 and "more finding" in page
