"""Bills of materials: valid CycloneDX 1.6 by its own validator, and the same bytes each time."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from mlflow_gitops.core.recorded.bill import Bill
from mlflow_gitops.core.recorded.file_digests import FileDigest, ModelFiles
from mlflow_gitops.core.recorded.values import Dataset, Metric
from mlflow_gitops.errors import Failure
from mlflow_gitops.render.serving.bill import cyclonedx

HOLDOUT = Dataset("holdout", "5b6f8a1c")
BILL = Bill(
    "fraud detector",
    12,
    created="2026-01-02T03:04:05Z",
    digest="sha256:" + "a" * 64,
    files=ModelFiles((FileDigest("MLmodel", 3, "b" * 64), FileDigest("é/m.skops", 9, "c" * 64))),
    run_id="0123",
    model_id="m-1",
    source="models:/m-1",
    code_commit="d" * 40,
    licence="Apache-2.0",
    python="3.11.7",
    data={"data/train.csv": "0" * 32, "data/images": "0" * 32 + ".dir"},
    datasets=(HOLDOUT,),
    metrics={"accuracy": (Metric(0.93, dataset=HOLDOUT),), "password_leaks": (Metric(1.0),)},
    libraries={
        "scikit-learn": "1.4.2",
        "torch": "torch>=2,<3",
        "git+https://a/b": "git+https://a/b",
    },
)


def document(bill: Bill) -> dict[str, object]:
    text = cyclonedx(bill)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    return dict(json.loads(text))


@pytest.mark.parametrize(
    "bill",
    [
        BILL,
        Bill("churn", 1),
        replace(BILL, licence="of our own"),
        replace(BILL, licence="MIT OR Apache-2.0", files=None),
        replace(BILL, files=ModelFiles((FileDigest("\udce9.bin", 1, "b" * 64),))),
        replace(BILL, data={"x": "not a hash"}, created=None),
    ],
    ids=lambda bill: f"{bill.model} {bill.licence}",
)
def test_every_bill_is_valid(bill: Bill) -> None:
    assert document(bill)["specVersion"] == "1.6"


def test_it_has_what_the_version_is_made_of() -> None:
    bom = document(BILL)
    component = bom["metadata"]["component"]  # type: ignore[index]
    parts = {part["bom-ref"]: part for part in bom["components"]}  # type: ignore[attr-defined]
    assert component["type"] == "machine-learning-model" and component["version"] == "12"
    assert component["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert parts["file:MLmodel"]["hashes"] == [{"alg": "SHA-256", "content": "b" * 64}]
    assert parts["data:data/train.csv"]["hashes"] == [{"alg": "MD5", "content": "0" * 32}]
    assert parts["library:scikit-learn"]["purl"] == "pkg:pypi/scikit-learn@1.4.2"
    assert "version" not in parts["library:torch"]
    metrics = component["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert metrics == [
        {"type": "accuracy", "value": "0.93", "slice": "5b6f8a1c"},
        {"type": "password_leaks", "value": "***"},
    ]
    facts = {fact["name"]: fact["value"] for fact in component["properties"]}
    assert facts["mlflow-gitops:digest"] == BILL.digest and facts["mlflow-gitops:run_id"] == "0123"


def test_the_same_version_gives_the_same_bytes_and_another_another_number() -> None:
    assert cyclonedx(BILL) == cyclonedx(replace(BILL))
    numbers = {document(bill)["serialNumber"] for bill in (BILL, replace(BILL, run_id="4567"))}
    assert len(numbers) == 2


def test_without_the_extra_one_sentence_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyclonedx.model.bom", None)
    with pytest.raises(Failure, match=r"Nothing was written: .*pip install .*\[bom\]"):
        cyclonedx(BILL)
