"""What may reach a terminal: safe text, and colour only on a real terminal."""

from __future__ import annotations

import contextlib
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
    """How text is shown on one stream, stdout by default: colours, links, and the width.

    There are colours on a terminal, unless NO_COLOR is set or TERM is `dumb`; FORCE_COLOR asks for
    them anywhere, except beside NO_COLOR. `width` is that of the terminal, or COLUMNS; None if the
    stream is no terminal, or does not know.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        target = stream or sys.stdout
        variables = os.environ
        is_forced = variables.get("FORCE_COLOR", "") not in ("", "0")
        is_capable = target.isatty() and variables.get("TERM") != "dumb"
        self.on = bool((is_forced or is_capable) and not variables.get("NO_COLOR"))
        self.width = _width(target)
        self.shows_links = self.on and target.isatty() and _shows_links(variables)

    def __call__(self, text: str, name: str | None) -> str:
        return f"\033[{_CODES[name]}m{text}\033[0m" if self.on and name and text else text

    def link(self, text: str, url: str | None) -> str:
        """Text that leads to an address, on terminals that are known for that (OSC 8)."""
        if not (self.shows_links and url and text):
            return text
        return f"\033]8;;{safe(url)}\033\\{text}\033]8;;\033\\"


def _width(stream: TextIO) -> int | None:
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    if not stream.isatty():
        return None
    with contextlib.suppress(OSError, ValueError):
        # A pager's input counts as the terminal that it shows text on.
        numbers = [stream.fileno(), 1, 2, 0]
        for number in numbers:
            with contextlib.suppress(OSError):
                return os.get_terminal_size(number).columns or None
    return None


_LINKING_PROGRAMS = frozenset({"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby"})
_LINKING_TERMS = ("xterm-kitty", "xterm-ghostty", "alacritty", "foot", "contour", "wezterm")


def _shows_links(variables: Mapping[str, str]) -> bool:
    """Whether the terminal is one that is known to show links; FORCE_HYPERLINK decides for any."""
    forced = variables.get("FORCE_HYPERLINK")
    if forced:
        return forced != "0"
    if variables.get("CI") or variables.get("TMUX") or variables.get("STY"):
        return False
    vte = variables.get("VTE_VERSION", "")
    return (
        variables.get("TERM_PROGRAM") in _LINKING_PROGRAMS
        or variables.get("TERM", "").startswith(_LINKING_TERMS)
        or "WT_SESSION" in variables
        or "KONSOLE_VERSION" in variables
        or (vte.isdigit() and int(vte) >= 5000)
    )
