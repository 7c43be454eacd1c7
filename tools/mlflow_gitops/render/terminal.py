"""What may reach a terminal: safe text, and colour only where a person looks."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO

from mlflow_gitops.core.yaml.document import CONTROL

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def safe(text: str) -> str:
    """Text from manifests, registries or git, fit for one terminal line: control characters and
    line breaks shown as escapes, so that nothing written there can move the cursor, hide or
    re-order what is printed."""
    text = text.replace("\n", "\\n").replace("\t", " ").replace("\r", "\\r")
    return CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def as_json(value: Any, indent: int | None = None) -> str:
    """A JSON text for stdout. What moves a cursor or turns text around is escaped in JSON's own
    way, since a terminal may be where it goes; so is all beyond ASCII where stdout is not in UTF-8,
    and could not hold all of it."""
    whole = (
        (getattr(sys.stdout, "encoding", None) or "utf-8")
        .lower()
        .replace("-", "")
        .startswith("utf")
    )
    text = json.dumps(value, indent=indent, ensure_ascii=not whole)
    return CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


class Style:
    """Colours for one stream: none where it is no terminal, or where NO_COLOR is set."""

    def __init__(self, stream: TextIO | None = None) -> None:
        target = stream or sys.stdout
        self.on = (
            target.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )

    def __call__(self, text: str, name: str | None) -> str:
        return f"\033[{_CODES[name]}m{text}\033[0m" if self.on and name and text else text
