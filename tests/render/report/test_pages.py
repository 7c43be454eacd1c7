"""The report's files: an index and a page for each model, each of which allows only its own script
and stylesheet."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import pytest

from mlflow_gitops.core.plan.fingerprint import Fingerprint
from mlflow_gitops.core.plan.plan import ModelPlan, Plan
from mlflow_gitops.core.verdicts.verdict import Verdict
from mlflow_gitops.render.report.page_names import page_names
from mlflow_gitops.render.report.pages import report_pages
from tests.support.browser.many_events import report_of_many


@pytest.fixture(scope="module")
def many() -> dict[str, str]:
    return dict(report_pages(report_of_many(models=200, events=5_000)))


def test_an_index_of_200_models_and_5000_events_stays_small(many: dict[str, str]) -> None:
    index = many["index.html"]
    assert list(many)[-1] == "index.html" and len(many) == 201
    assert len(index.encode()) < 1_000_000
    assert index.count('<tr id="row-') == 200 and index.count('<tr id="e') == 200
    assert "5000 events" in index


def test_the_index_leads_to_the_page_of_each_model(many: dict[str, str]) -> None:
    links = set(re.findall(r'href="(models/[^"]+)"', many["index.html"]))
    assert links == set(many) - {"index.html"}
    assert all('href="../index.html"' in many[link] for link in links)


def test_a_models_page_has_its_events_with_gate_numbers_and_origins(many: dict[str, str]) -> None:
    page = many["models/model-001.html"]
    assert page.count('<tr id="e') == 25
    assert "✓ 1 metrics passed: accuracy 0.901 ≥ 0.9" in page
    assert "25 was made from run run-of-25" in page
    assert "Owned by @acme/team-1." in page and "put back" in page
    assert "put back" not in many["models/model-002.html"]


def test_a_small_index_shows_everything_itself() -> None:
    index = dict(report_pages(report_of_many(models=2, events=9)))["index.html"]
    assert index.count('<section class="card"') == 2 and index.count('<tr id="e') == 9


def test_each_page_allows_exactly_its_own_script_and_style(many: dict[str, str]) -> None:
    for path in ("index.html", "models/model-007.html"):
        page = many[path]
        [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
        for tag in ("script", "style"):
            [text] = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
            digest = b64encode(sha256(text.encode()).digest()).decode()
            assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy
        assert "unsafe" not in policy and " style=" not in page and " onclick=" not in page


def test_the_summary_counts_what_happened_lately_and_what_waits() -> None:
    waiting = Verdict("Production", 4, "soak", "waiting", "until 2026-03-02 10:00 UTC")
    models = (
        ModelPlan("model-000", None, "Pending", None, gates=(waiting,)),
        ModelPlan("model-001", None, "Drifted", None),
    )
    report = replace(
        report_of_many(models=2, events=30 * 24 + 100),
        plan=Plan(None, models, Fingerprint({})),
    )
    index = dict(report_pages(report))["index.html"]
    figures = dict(re.findall(r"<dt>([^<]+)</dt><dd[^>]*>([^<]+)</dd>", index))
    assert figures == {
        "Stages changed": "720 in 2 models",
        "Gates overridden": "72 in 1 model",
        "Drift put back": "1 in 1 model",
        "Refused or failed": "none",
        "Not in sync": "1 Drifted, 1 Pending",
        "Refused": "0 models",
        "Waiting": "1 model",
    }
    assert "4 waits to enter Production: soak: until 2026-03-02 10:00 UTC" in index
    assert 'data-state="Drifted" data-lately="changed|drift"' in index


@pytest.mark.parametrize(
    "models",
    [
        ("churn", "Churn", "CHURN"),
        ("index", "con", "aux.1", "../up", "a/b", ".hidden", "", " "),
        ("模型", "é", "e\u0301", "x" * 300, "a" * 250 + "1", "a" * 250 + "2"),
    ],
)
def test_no_two_models_share_a_file(models: tuple[str, ...]) -> None:
    names = page_names(models)
    assert len({name.lower() for name in names.values()}) == len(models)
    for name in names.values():
        assert re.fullmatch(r"models/[a-z0-9][a-z0-9._-]{0,90}\.html", name)
        assert name not in ("models/index.html", "models/con.html", "models/aux.1.html")


def test_a_plain_name_is_the_name_of_its_page() -> None:
    assert page_names(["fraud-detector", "v2.1_x"]) == {
        "fraud-detector": "models/fraud-detector.html",
        "v2.1_x": "models/v2.1_x.html",
    }
