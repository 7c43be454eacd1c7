"""The invisible markers by which texts of ours on a forge are found again."""

from __future__ import annotations

import re

_MARKER = re.compile(r"<!-- mlflow-gitops:([^\n>]{1,500}) -->")


def marker(key: str) -> str:
    """The invisible first line by which a comment, an issue or a pull request is found again."""
    return f"<!-- mlflow-gitops:{key} -->"


def key_of(text: str) -> str | None:
    """The key of the marker at the beginning of a text; None if it begins otherwise. A marker that
    stands further down may be somebody's text that ours quotes."""
    found = _MARKER.match(text)
    return found[1] if found else None


def marked(key: str, body: str, limit: int) -> str:
    """Put the marker before a body, and cut the body at `limit` characters."""
    text = f"{marker(key)}\n{body}"
    if len(text) <= limit:
        return text
    notice = "\n\n(cut here: longer texts are not accepted)"
    return text[: limit - len(notice)] + notice
