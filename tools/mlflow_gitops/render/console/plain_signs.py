"""Signs of the output for a stream that cannot encode them, such as in the C locale."""

from __future__ import annotations

import codecs

HANDLER = "mlflow_gitops.plain_signs"
"""The name of the error handler for `reconfigure(errors=…)`, once it is registered."""

_SIGNS = {
    "→": "->",
    "—": "-",
    "–": "-",
    "…": "...",
    "✓": "v",
    "✗": "x",
    "⚠": "!",
    "⏳": "...",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "·": "*",
    "\ufe0f": "",
}
"""A question mark would read as `not known`, which is something else than `none`."""


def register() -> None:
    """Make the handler known to Python's codecs: a sign that the stream lacks is written as its
    plain form, any other character as `?`."""
    codecs.register_error(HANDLER, _plain)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(_SIGNS.get(character, "?") for character in characters), error.end
