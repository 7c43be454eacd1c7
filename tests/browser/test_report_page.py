"""The report in a real browser: it makes no requests, its search and its bars work by keyboard, and
it is accessible."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.core.audit.events import Event
from mlflow_gitops.core.audit.report.lanes import model_lanes
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.people import People
from mlflow_gitops.render.report import Report
from mlflow_gitops.render.report import page as page_of
from tests.support.team import Team

pytestmark = pytest.mark.real
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a team with two models, one promoted and given back, with an override."""
    folder = tmp_path_factory.mktemp("report")
    team = Team(folder / "models", "sqlite:////nowhere/mlflow.db")
    team.write(
        "policy.yaml", "stages: {Production: {require: {pinned: true}}}\noverrides: [pinned]\n"
    )
    team.commit(
        "Begin", fraud="stages: {Production: 1, Staging: 2}\n", churn="stages: {Staging: 3}\n"
    )
    team.commit("Promote 2\n\nGate-Override: pinned: INC-42", fraud="stages: {Production: 2}\n")
    team.commit("Back to 1", fraud="stages: {Production: 1}\n")
    assert team.run("report", "--out", str(folder / "out"), "--offline").code == 0
    return folder / "out" / "index.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright import sync_api
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("playwright is not installed: pip install '.[real]'")
    if CHROMIUM is None:
        pytest.skip(
            "there is no Chromium here; install the package chromium"
        )  # no package of Python's brings one
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Any, file: Path) -> Iterator[Any]:
    context = browser.new_context(color_scheme=request.param)
    opened = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    opened.on("request", lambda one: asked.append(one.url))
    opened.on("console", lambda one: said.append(one.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(file.as_uri())
    yield opened
    assert {url.partition("#")[0] for url in asked} == {file.as_uri()} and not said, (asked, said)
    context.close()


def test_it_is_accessible(page: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page)
    told = [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]]
    assert not told


def test_the_search_and_the_choice_leave_what_fits(page: Any) -> None:
    rows = page.locator("#table tbody tr:visible")
    assert rows.count() == 7
    page.get_by_label("Search").fill("fraud back")
    assert rows.count() == 1 and page.get_by_role("status").inner_text() == "1 of 7 shown"
    page.get_by_label("Search").fill("")
    page.get_by_label("Show").select_option("override")
    assert rows.count() == 1 and "INC-42" in rows.first.inner_text()


def test_a_bar_leads_to_its_event_by_keyboard(page: Any) -> None:
    page.get_by_label("Search").fill("nothing fits this")
    bar = page.get_by_role("link", name="2 from").first
    bar.focus()
    page.keyboard.press("Enter")
    target = page.locator("tr:target")
    target.wait_for(state="visible", timeout=5_000)
    assert "Promote 2" in target.inner_text()


def test_it_fits_a_telephone_and_a_sheet_of_paper(page: Any, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.pdf(path=tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_ten_thousand_events_stay_usable(browser: Any, tmp_path: Path) -> None:
    told = [
        AuditedEvent(
            Event(
                "stage",
                i,
                Commit(
                    f"{i:040x}",
                    f"2026-01-01T{i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}Z",
                    "A Person <a@example.org>",
                    f"Promote {i} (#{i})",
                ),
                f"model-{i % 500}",
                "Production",
                (i // 500,),
                (i // 500 + 1,),
            ),
            People("A Person <a@example.org>"),
        )
        for i in range(10_000)
    ]
    report = Report(
        "many",
        "2026-02-01T00:00:00Z",
        "0" * 40,
        told,
        model_lanes(told, ["Production"]),
        [],
        [],
        [],
        {},
    )
    file = tmp_path / "index.html"
    file.write_text(page_of(report), encoding="utf-8")
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(file.as_uri())
    seconds = opened.evaluate(
        """() => { const box = document.getElementById("find"), began = performance.now();
        box.value = "model-77 promote 9577"; box.dispatchEvent(new Event("input"));
        document.body.getBoundingClientRect(); return (performance.now() - began) / 1000; }"""
    )
    assert opened.get_by_role("status").inner_text() == "1 of 10000 shown"
    assert seconds < 5, "a search is felt as an answer also on a slow and busy machine"
    context.close()
