"""The comment of a pull request as GitHub shows it: nothing sticks out, on a desk or a telephone,
each refused model is seen at once, and everything can be read, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.render.plan.pull_request_comment import comment
from tests.support.browser.chromium import browser_or_skip
from tests.support.browser.github_page import PACKAGE, github_page
from tests.support.browser.pictures import FOLDER, MOST_BYTES
from tests.support.console import npm
from tests.support.core.many_models import plan_of_many, refused_names

pytestmark = pytest.mark.real
COUNTS = (1, 20, 300)
DESK, TELEPHONE = 800, 390


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browser_or_skip() as browser:
        yield browser


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The page of a comment for so many models."""
    package = npm.must_have(*PACKAGE)
    folder = tmp_path_factory.mktemp("comments")
    files = {count: folder / f"{count}.html" for count in COUNTS}
    for count, file in files.items():
        file.write_text(github_page(comment(plan_of_many(count)), package), encoding="utf-8")
    return files


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    context = browser.new_context(color_scheme=request.param)
    yield context.new_page()
    context.close()


STICKING_OUT = """() => {
  const width = document.documentElement.clientWidth;
  const scrolls = element => element.closest("table, pre") !== null;
  return [...document.querySelectorAll("article *")]
    .filter(element => !scrolls(element) && element.getBoundingClientRect().right > width)
    .map(element => element.outerHTML.slice(0, 200));
}"""

ROWS = """() => {
  const table = document.querySelector("article table");
  const right = table.getBoundingClientRect().right;
  return [...table.querySelectorAll("tbody tr")].map(row => {
    const range = document.createRange();
    const verdict = row.cells[3].firstChild;
    range.setStart(verdict, 0);
    range.setEnd(verdict, 1);
    return {
      model: row.cells[0].innerText,
      verdict: row.cells[3].innerText,
      seen: range.getBoundingClientRect().right <= right,
      height: row.getBoundingClientRect().height,
    };
  });
}"""


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("width", [DESK, TELEPHONE])
def test_it_fits(page: Any, files: dict[int, Path], count: int, width: int, tmp_path: Path) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(files[count].as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(STICKING_OUT) == []
    if width == DESK:
        overflow = "table => table.scrollWidth - table.clientWidth"
        assert page.locator("article table").first.evaluate(overflow) <= 0, "no need to scroll"

    rows = page.evaluate(ROWS)
    refused = [row for row in rows if "refused" in row["verdict"]]
    assert [row["model"] for row in refused] == refused_names(count)
    assert rows[: len(refused)] == refused, "they come first"
    unseen = [row for row in refused if not (row["seen"] and row["height"] > 0)]
    assert not unseen, "the mark of a refusal is seen without scrolling"
    assert page.get_by_text("Plan: ").bounding_box()["y"] < 200, "what it comes to is at the top"
    page.screenshot(path=tmp_path / "comment.png")
    assert (tmp_path / "comment.png").read_bytes().startswith(b"\x89PNG")


def test_it_can_be_read(page: Any, files: dict[int, Path]) -> None:
    """Contrast above all; axe also finds tables and links that nobody could use."""
    from axe_playwright_python.sync_playwright import Axe

    page.set_viewport_size({"width": DESK, "height": 900})
    page.goto(files[20].as_uri())
    options = {"runOnly": ["color-contrast", "link-name", "table-duplicate-name", "list"]}
    found = Axe().run(page, options=options)
    violations = [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]]
    assert not violations


def test_details_open(page: Any, files: dict[int, Path]) -> None:
    page.set_viewport_size({"width": TELEPHONE, "height": 900})
    page.goto(files[1].as_uri())
    page.locator("summary").first.click()
    assert page.locator("details table").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= TELEPHONE
    assert page.evaluate(STICKING_OUT) == []


def test_the_pictures_of_the_first_page() -> None:
    """`make pictures` writes them; a test run does not."""
    for name in ("plan.png", "report.png"):
        png = (FOLDER / name).read_bytes()
        assert png.startswith(b"\x89PNG") and len(png) < MOST_BYTES
