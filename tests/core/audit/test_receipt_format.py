"""The format of a receipt, held to golden files: what is written stays as it is, and every format
that was ever written is read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.core.audit.receipt_format import (
    RecoveredWork,
    receipt_text,
    recorded_outcome,
    recovered_outcome,
)
from mlflow_gitops.core.audit.receipt_reader import ReceiptFile, read_files, read_notes
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.recorded_model import RecordedModel
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict

GOLDEN = Path(__file__).parent / "golden"
COMMIT = Commit("3f2a9c1" + "0" * 33, "2026-01-02T03:04:05Z", "Ana <ana@example.org>", "Promote 14")
HEAD = {
    "at": "2026-01-02T03:05:00.000Z",
    "owner": "a" * 40 + ":registry",
    "registry": "https://mlflow.example.org",
    "workspace": "",
    "by": "@ana",
}
RUN = {"url": "https://github.test/acme/models/actions/runs/7", "event": "push", "actor": "ana"}

APPLIED = Outcome(
    "fraud-detector",
    "applied",
    changes=(
        Change("transition", 14, None, "Staging", "Production", "commit", True, COMMIT),
        Change("set_tag", None, "task", "regression", "classification", "drift"),
    ),
    entered=(("Production", 14),),
    gates=(
        Verdict(
            "Production",
            14,
            "soak",
            "passed",
            "3 days (soak 24 h)",
            facts={"stage": "Staging", "since": "2025-12-30T03:04:05Z", "soak": "24h"},
            policies=("c" * 40,),
        ),
        Verdict("Production", 14, "approvals", "waiting", "1 of 2", needs="1 more approval"),
    ),
    people={COMMIT.sha: RecordedPeople(128, "api", "@ben", ("@ben", "@cho"))},
    compared_files={14: f"sha256:{'d' * 64}"},
    already_applied=(Change("set_alias", None, "champion", 12, 14, "commit", True, COMMIT),),
    registered="2025-12-24T03:04:05.678Z",
)
REFUSED = Outcome(
    "churn",
    "refused",
    refusals=(Refusal("gate", "8 may not enter Production: recall 0.8", "train a better one"),),
)
FAILED = Outcome("spam", "failed", error="https://mlflow.example.org failed (503).")


def text_of(*outcomes: Outcome) -> str:
    models = [recorded_outcome(outcome) for outcome in outcomes]
    content = {"count": 7, **HEAD, "run": RUN, "models": models}
    return receipt_text({**content, "policy": "c" * 40, "commit": COMMIT.sha}, "b" * 64)


def golden(version: int) -> str:
    return (GOLDEN / f"receipt-{version}.json").read_text(encoding="utf-8")


def read_golden(version: int) -> list[Receipt]:
    """A receipt of a format: a line of a note, or since format 3 a file."""
    text = golden(version)
    if version < 3:
        return read_notes([(COMMIT.sha, text)])
    digest = hashlib.sha256(text.encode()).hexdigest()
    return read_files([ReceiptFile(COMMIT.sha[:12], digest[:12], text)])


def test_what_is_written() -> None:
    assert text_of(APPLIED, REFUSED, FAILED) == golden(3)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_format_is_read(version: int) -> None:
    [receipt] = read_golden(version)
    assert (receipt.at, receipt.owner, receipt.previous) == (HEAD["at"], HEAD["owner"], "b" * 64)
    assert receipt.applied() == {"fraud-detector"} == receipt.changed()

    applied, refused, failed = receipt.models()
    assert [change["action"] for change in applied.changes] == ["transition", "set_tag"]
    [already] = applied.already_applied
    assert (already["action"], already["key"], already["from"], already["to"]) == (
        "set_alias", "champion", 12, 14,
    )  # fmt: skip
    assert applied.verdicts() == {
        ("Production", 14, "soak", "passed"),
        ("Production", 14, "approvals", "waiting"),
    }
    assert applied.vouched() == [(COMMIT.sha, APPLIED.people[COMMIT.sha])]
    assert [refusal["code"] for refusal in refused.refusals] == ["gate"]
    assert failed.error == FAILED.error and applied.error is None


def test_formats_differ_in_the_version_and_one_key() -> None:
    one, two = (json.loads(golden(version)) for version in (1, 2))
    assert "schema" not in one and two.pop("schema") == 2
    for model in one["models"]:
        if "found" in model:
            model["already_applied"] = model.pop("found")
    assert one == two


def test_format_3_has_more() -> None:
    two, three = (json.loads(golden(version)) for version in (2, 3))
    assert (two.pop("schema"), three.pop("schema"), three.pop("count")) == (2, 3, 7)
    assert three.pop("run") == RUN and three.pop("policy") == "c" * 40
    applied = three["models"][0]
    assert applied.pop("files") == [{"version": 14, "digest": f"sha256:{'d' * 64}"}]
    assert applied.pop("policies") == ["c" * 40]
    assert applied.pop("registered") == "2025-12-24T03:04:05.678Z"
    assert applied["gates"][0].pop("facts")["stage"] == "Staging"
    assert two == three


def test_a_recovered_receipt_records_what_an_interrupted_run_had_done() -> None:
    recorded = RecordedModel(
        recovered_outcome("fraud-detector", RecoveredWork(APPLIED.already_applied))
    )
    assert recorded.is_applied and len(recorded.already_applied) == 1 and not recorded.changes
    assert recovered_outcome("churn", RecoveredWork()) == {"model": "churn", "result": "applied"}
    receipt = Receipt("c", "", {"recovered": True})
    assert receipt.is_recovered and not Receipt("c", "", {"recovered": 1}).is_recovered


@pytest.mark.parametrize("odd", [None, 7, "x", {}, [None], [[]], ["x"]])
def test_a_part_of_the_wrong_type_is_no_part(odd: Any) -> None:
    keys = ("changes", "already_applied", "found", "gates", "people", "refusals", "error")
    recorded = RecordedModel({"model": "m", **dict.fromkeys(keys, odd)})
    assert not (recorded.changes or recorded.already_applied or recorded.refusals)
    assert not (recorded.verdicts() or recorded.vouched())
    assert recorded.error in (None, "x")
