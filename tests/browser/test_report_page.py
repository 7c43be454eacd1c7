"""The report in a real browser: it makes no requests, its search and its bars work by keyboard, and
it is accessible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.render.report.pages import report_pages
from tests.support.browser.chromium import browser_or_skip
from tests.support.browser.many_events import report_of_many
from tests.support.team import Team

pytestmark = pytest.mark.real


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
    with browser_or_skip() as started:
        yield started


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of 200 models and 5,000 events, and their pages."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "models").mkdir()
    for path, html in report_pages(report_of_many(models=200, events=5_000)):
        (folder / path).write_text(html, encoding="utf-8")
    return folder / "index.html"


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


def violations(page: Any) -> list[tuple[str, str]]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [(violation["id"], violation["nodes"][0]["html"]) for violation in found]


def test_it_is_accessible(page: Any) -> None:
    assert not violations(page)


def test_the_search_and_the_choice_leave_what_fits(page: Any) -> None:
    rows = page.locator("#table tbody tr:visible")
    assert rows.count() == 7
    page.get_by_label("Search events").fill("fraud back")
    assert rows.count() == 1 and page.get_by_label("Events shown").inner_text() == "1 of 7 shown"
    page.get_by_label("Search events").fill("")
    page.get_by_label("Show", exact=True).select_option("override")
    assert rows.count() == 1 and "INC-42" in rows.first.inner_text()


def test_a_bar_leads_to_its_event_by_keyboard(page: Any) -> None:
    page.get_by_label("Search events").fill("nothing fits this")
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


def test_dates_are_picked(page: Any) -> None:
    rows = page.locator("#table tbody tr:visible")
    page.get_by_label("Until", exact=True).fill("2001-01-01")
    assert rows.count() == 0
    page.get_by_label("Until", exact=True).fill("2999-01-01")
    page.get_by_label("From", exact=True).fill("2001-01-01")
    assert rows.count() == 7


def test_the_index_of_many_models_is_fast_and_filters_them(browser: Any, many: Path) -> None:
    page = browser.new_page()
    page.goto(many.as_uri())
    seconds = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd / 1000")
    assert seconds < 5, "one second is promised; the rest is for a slow and busy machine"

    rows = page.locator("#model-table tbody tr:visible")
    page.get_by_label("Owner").select_option("@acme/team-3")
    assert (
        rows.count() == 29 and page.get_by_label("Models shown").inner_text() == "29 of 200 shown"
    )
    page.get_by_label("In the last 30 days").select_option("override")
    page.get_by_label("Search models").fill("model-010")
    assert rows.count() == 1 and "model-010" in rows.first.inner_text()
    assert not violations(page)
    page.close()


@pytest.mark.parametrize("width", [360, 1100])
def test_a_models_page_is_accessible_and_fits(browser: Any, many: Path, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 740})
    page.goto(many.as_uri())
    page.get_by_role("link", name="model-001").first.click()
    page.get_by_role("heading", name="model-001").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not violations(page)
    page.get_by_role("link", name="All models").click()
    page.locator("#model-table").wait_for()
    page.close()


def test_a_models_page_is_printed_with_its_evidence(browser: Any, many: Path) -> None:
    page = browser.new_page()
    page.goto((many.parent / "models/model-001.html").as_uri())
    page.emulate_media(media="print")
    assert page.get_by_text("✓ 25 metrics passed: accuracy 0.901 ≥ 0.9").is_visible()
    assert page.locator(".tools:visible").count() == 0 and page.locator("nav:visible").count() == 0
    assert page.pdf().count(b"/Type /Page\n") <= 12
    page.close()
