"""What may reach a terminal: safe text, and colour only on a real terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from mlflow_gitops.core.yaml.document import CONTROL

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def safe(text: str) -> str:
    """Text from manifests, registries or git, made safe for one line of a terminal.

    Control characters and line breaks are shown as escapes. So no such text can move the cursor, or
    hide or reorder what is printed.
    """
    text = text.replace("\n", "\\n").replace("\t", " ").replace("\r", "\\r")
    return CONTROL.sub(_escaped, text)


def as_json(value: Any, indent: int | None = None) -> str:
    """A JSON text for stdout. Control characters become JSON escapes, since stdout may be a
    terminal. If stdout is not in UTF-8, everything beyond ASCII is escaped, too."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    is_unicode = encoding.lower().replace("-", "").startswith("utf")
    return CONTROL.sub(_escaped, json.dumps(value, indent=indent, ensure_ascii=not is_unicode))


def json_document(value: Any) -> Iterator[str]:
    """One indented JSON document, as a renderer returns it."""
    yield as_json(value, indent=2)


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


class Style:
    """Colours for one stream, stdout by default. There are none if the stream is no terminal, if
    NO_COLOR is set, or if TERM is `dumb`."""

    def __init__(self, stream: TextIO | None = None) -> None:
        target = stream or sys.stdout
        self.on = (
            target.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )

    def __call__(self, text: str, name: str | None) -> str:
        return f"\033[{_CODES[name]}m{text}\033[0m" if self.on and name and text else text
