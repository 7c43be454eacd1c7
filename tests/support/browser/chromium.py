"""Chromium, for tests marked `real` and for the pictures of the first page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser. Raises ImportError without Playwright, and OSError without Chromium, which no
    package of Python's brings."""
    from playwright import sync_api

    if CHROMIUM is None:
        raise OSError("there is no Chromium here; install the package chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@contextmanager
def browser_or_skip() -> Iterator[Any]:
    """The same for a test, which is skipped where there is no browser, or fails under CI without
    Playwright."""
    try:
        with chromium() as browser:
            yield browser
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("playwright is not installed: pip install '.[real]'")
    except OSError as error:
        pytest.skip(str(error))
