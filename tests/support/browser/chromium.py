"""Chromium, for tests marked `real` and for the pictures of the first page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.console.system_programs import program_path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser. Raises ImportError without Playwright, and OSError without Chromium, which no
    package of Python's brings."""
    from playwright import sync_api

    path = program_path(*PROGRAMS)
    if path is None:
        raise OSError("there is no Chromium here; install the package chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@contextmanager
def browser_or_skip() -> Iterator[Any]:
    """The same for a test, which is skipped where there is no browser, or fails under CI."""
    try:
        with chromium() as browser:
            yield browser
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("playwright is not installed: pip install '.[real]'")
    except OSError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
