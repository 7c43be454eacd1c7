"""JSON that somebody else may have written: a receipt that anyone may push, an edited plan file.

Python's own reader accepts any nesting that the stack allows, can need twenty times the text's size
in memory for a text that is made for it, and returns half a surrogate pair as a character that no
file can hold. Here all three are refused or repaired.
"""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 32
MAX_CHARACTERS = 32 << 20
MAX_CONTAINERS = 500_000
"""Lists and mappings, of about 200 bytes each. A run over 10,000 models writes 200,000."""


def loads(text: str) -> Any:
    """The value of a JSON text, with half surrogate pairs replaced. Raises ValueError if the text
    is no JSON, or is larger or deeper than any that this tool writes."""
    if len(text) > MAX_CHARACTERS or text.count("[") + text.count("{") > MAX_CONTAINERS:
        raise ValueError("too much")

    try:
        value = json.loads(text)
        if "\\ud" in text.lower():
            encodable = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
            value = json.loads(encodable)
    except RecursionError:
        raise ValueError("nested too deep") from None

    level = _containers([value])
    for _ in range(MAX_DEPTH):
        level = [inner for container in level for inner in _containers(container)]
        if not level:
            return value
    raise ValueError("nested too deep")


def _containers(parent: list[Any] | dict[str, Any]) -> list[Any]:
    values = parent if isinstance(parent, list) else parent.values()
    return [value for value in values if isinstance(value, (list, dict))]
