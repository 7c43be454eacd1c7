"""JSON that others may have written: notes that anybody may push, a plan file that was edited.

Python's own reader takes whatever nesting the stack bears, needs twenty times a text's size where
it is made for that, and gives half a surrogate pair as a character that no file can hold.
"""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 32
MAX_CHARACTERS = 32 << 20
MAX_CONTAINERS = 500_000
"""Lists and mappings, at some 200 bytes each. A run over 10,000 models writes 200,000."""


def loads(text: str) -> Any:
    """The value of a JSON text, all characters whole. Raises ValueError where it is no JSON, or
    more than any of ours."""
    if len(text) > MAX_CHARACTERS or text.count("[") + text.count("{") > MAX_CONTAINERS:
        raise ValueError("too much")
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():
            whole = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
            value = json.loads(whole)
    except RecursionError:
        raise ValueError("nested too deep") from None
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [below for one in level if isinstance(one, (list, dict)) for below in _within(one)]
        if not level:
            return value
    raise ValueError("nested too deep")


def _within(one: list[Any] | dict[str, Any]) -> list[Any]:
    return [
        below
        for below in (one if isinstance(one, list) else one.values())
        if isinstance(below, (list, dict))
    ]
