"""`bom`, and the bills that `export` and `report` add."""

from __future__ import annotations

import json
import tarfile
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.support.acme import Acme


def test_the_bill_of_a_version_in_mlflow(acme: Acme) -> None:
    ran = acme.team.run("bom", "fraud-detector")
    assert ran.code == 0, ran.err
    document = json.loads(ran.out)
    model = document["metadata"]["component"]
    assert (model["name"], model["version"]) == ("fraud-detector", "12")
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {"accuracy", "latency_p95_ms"} <= {metric["type"] for metric in metrics}
    files = {part["name"] for part in document["components"] if part["type"] == "file"}
    assert "MLmodel" in files
    assert acme.team.run("pin", "fraud-detector", "12").code == 0
    assert acme.team.run("bom", "fraud-detector", "12").out == ran.out, "by the pinned list"


def _model(acme: Acme) -> Any:
    document = json.loads(acme.team.run("bom", "fraud-detector", "12").out)
    return document["metadata"]["component"]


def test_a_blank_licence_is_none(acme: Acme) -> None:
    """The tag of the version is blank, so that the model's counts."""
    client = MlflowClient(acme.team.uri)
    client.set_model_version_tag("fraud-detector", "12", "license", "  ")
    client.set_registered_model_tag("fraud-detector", "Licence", " mit ")
    component = _model(acme)
    assert component["licenses"] == [{"license": {"id": "MIT"}}]
    client.set_registered_model_tag("fraud-detector", "Licence", "")
    component = _model(acme)
    assert "licenses" not in component


@pytest.mark.parametrize(
    "words", ["bom nobody", "bom fraud-detector 99", "bom fraud-detector Nowhere"]
)
def test_what_there_is_no_bill_of(acme: Acme, words: str) -> None:
    ran = acme.team.run(*words.split())
    assert ran.code == 1 and not ran.out and "MLflow" in ran.err


def test_the_pack_and_the_report_have_bills_by_what_git_pins(acme: Acme) -> None:
    pack, again = acme.folder / "a.tar", acme.folder / "b.tar"
    for file in (pack, again):
        ran = acme.team.run("export", "fraud-detector", "--bom", "--out", str(file))
        assert ran.code == 0, ran.err
    assert pack.read_bytes() == again.read_bytes()
    with tarfile.open(pack) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert "boms/fraud-detector-12.cdx.json" in names

    ran = acme.team.run("report", "--bom", "--offline", "--out", str(acme.folder / "page"))
    assert ran.code == 0, ran.err
    page = (acme.folder / "page" / "index.html").read_text()
    assert 'href="boms/fraud-detector-12.cdx.json"' in page
    bill = json.loads((acme.folder / "page/boms/fraud-detector-12.cdx.json").read_text())
    assert bill["metadata"]["component"]["version"] == "12"
