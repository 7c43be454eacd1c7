"""The pictures that the first page shows: they exist, are small, and each is shown."""

from __future__ import annotations

import re

from tests.support.browser.pictures import FOLDER, MOST_BYTES
from tests.support.project.pages import ROOT

_PICTURE = re.compile(r"!\[(?P<description>[^\]]+)\]\((?P<path>[^)]+)\)")
_MOST_LINES = 145


def test_the_first_page_shows_each_picture_and_stays_short() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = {ROOT / match["path"] for match in _PICTURE.finditer(text)}
    assert shown == set(FOLDER.iterdir()), "make pictures writes what README shows"
    assert len(text.splitlines()) <= _MOST_LINES

    for picture in shown:
        content = picture.read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) <= MOST_BYTES, picture
