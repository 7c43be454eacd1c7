"""What may reach a terminal: safe text, and colour only on a real terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from mlflow_gitops.core.secrets import mask_text
from mlflow_gitops.core.yaml.characters import INVISIBLE, escape_hidden
from mlflow_gitops.core.yaml.limits import CONTROL

_COMMAND = r"::([A-Za-z0-9_-]+(?: [^:\n]{0,1000})?)::"
"""A workflow command of a CI runner, such as `::add-mask::`."""

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def safe(text: str) -> str:
    """Text from manifests, registries or git, made safe for one line of a terminal.

    Control characters, invisible characters and line breaks are shown as escapes. So no such text
    can move the cursor, or hide or reorder what is printed. Credentials in it are masked.
    """
    if not (text.isascii() and text.isprintable()):  # `log` shows tens of thousands of texts
        text = text.replace("\n", "\\n").replace("\t", " ").replace("\r", "\\r")
        text = escape_hidden(text, _escaped)
    return mask_text(text)


def as_json(value: Any, indent: int | None = None) -> str:
    """A JSON text for stdout. Credentials are masked. Control characters and invisible ones become
    JSON escapes, since stdout may be a terminal, and so do the commands of CI runners. If stdout is
    not in UTF-8, everything beyond ASCII is escaped, too."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    is_unicode = encoding.lower().replace("-", "").startswith("utf")
    text = json.dumps(_masked(value), indent=indent, ensure_ascii=not is_unicode)
    text = CONTROL.sub(_json_escaped, text)
    if not text.isascii():
        text = re.sub(INVISIBLE, _json_escaped, text)
    # JSON has none of these outside of its strings.
    text = text.replace("##[", "#\\u0023[")
    return re.sub(_COMMAND, r":\\u003a\1:\\u003a", text)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {key: _masked(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(part) for part in value]
    return value


JSON_SCHEMA = 1
"""The version of what `--format json` prints (schemas/output.schema.json)."""


def json_document(value: Mapping[str, Any]) -> Iterator[str]:
    """One indented JSON document with its `schema`, as a renderer returns it."""
    yield as_json({"schema": JSON_SCHEMA, **value}, indent=2)


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _json_escaped(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]


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
