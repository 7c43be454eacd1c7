"""The pictures of the first page: `make pictures` writes them into .github/pictures/.

Nothing else writes them, so a test run changes none. They take Chromium, and npm for GitHub's
stylesheet.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from unittest import mock

from mlflow_gitops.render.plan.pull_request_comment import comment
from mlflow_gitops.settings import Settings
from tests.support.browser.chromium import chromium
from tests.support.browser.github_page import PACKAGE, github_page
from tests.support.console.npm import installed
from tests.support.core.promotion import small_promotion
from tests.support.team import Team

FOLDER = Path(__file__).parents[3] / ".github/pictures"
MOST_BYTES = 150_000
_WIDTH = 820
_SCALE = 1.5
_COLOURS = 64
_OWNERS = {"fraud-detector": "@acme/risk-ml", "churn": "@acme/growth"}
_HISTORY = [
    ("2026-01-05T09:12:00Z", "Begin", {"fraud-detector": "Production: 12", "churn": "Staging: 7"}),
    (
        "2026-01-19T14:03:00Z",
        "Promote churn 7: fewer false alarms (#121)",
        {"churn": "Production: 7"},
    ),
    (
        "2026-02-02T10:41:00Z",
        "Promote fraud-detector 14: recall +1.2 pt (#128)",
        {"fraud-detector": "Production: 14"},
    ),
    (
        "2026-02-04T08:20:00Z",
        "Roll fraud-detector back to 12: too slow (#131)",
        {"fraud-detector": "Production: 12"},
    ),
    (
        "2026-02-16T11:30:00Z",
        "Promote fraud-detector 15: as good, and fast (#135)",
        {"fraud-detector": "Production: 15"},
    ),
]


def plan_page(package: Path) -> str:
    """The page with the comment of a small plan."""
    return github_page(comment(small_promotion()), package)


def report_page(folder: Path) -> Path:
    """The report of a small team, in February 2026."""
    team = Team(folder / "models", "sqlite:////nowhere/mlflow.db")
    for at, message, stages in _HISTORY:
        with mock.patch.dict(os.environ, GIT_AUTHOR_DATE=at, GIT_COMMITTER_DATE=at):
            team.commit(
                message,
                **{
                    model: f"owners: ['{_OWNERS[model]}']\nstages: {{{holder}}}\n"
                    for model, holder in stages.items()
                },
            )
    team.settings = replace(Settings(), now=_end_of_february)
    assert team.run("report", "--out", str(folder / "out"), "--offline").code == 0
    return folder / "out/index.html"


def _end_of_february() -> datetime:
    return datetime(2026, 2, 28, 12, tzinfo=timezone.utc)


def taken(browser: Any, address: str, height: int) -> bytes:
    """A picture of the top of a page, as a PNG of few colours."""
    from PIL import Image

    context = browser.new_context(
        viewport={"width": _WIDTH, "height": height}, device_scale_factor=_SCALE
    )
    page = context.new_page()
    page.goto(address)
    png = page.screenshot()
    context.close()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    smaller = io.BytesIO()
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(smaller, "PNG", optimize=True)
    return smaller.getvalue()


def main() -> int:
    package = installed(*PACKAGE)
    FOLDER.mkdir(exist_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plan.html").write_text(plan_page(package), encoding="utf-8")
        report = report_page(folder / "report")
        pictures = {
            "plan.png": taken(browser, (folder / "plan.html").as_uri(), height=850),
            "report.png": taken(browser, report.as_uri(), height=960),
        }
    for file, png in pictures.items():
        (FOLDER / file).write_bytes(png)
        print(f"{FOLDER / file}: {len(png):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
