"""PromQL queries with variables: `$model` and the like are the values of labels, never a part of
the query.

A variable is only taken where it cannot be anything else than the whole value of a label: in
quotes, behind `=` or `!=`. What it stands for is escaped for these quotes. `$window` is a length of
time that this program writes, and stands outside of quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

LABELS = ("model", "version", "stage", "environment")
"""What may be the value of a label."""

_TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*)
    | (?P<quoted>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | `[^`]*`)
    | (?P<broken>["'`][\s\S]*)
    | (?P<variable>\$[A-Za-z_][A-Za-z0-9_]*|\$\{[^}\n]*\}?|\$)
    | (?P<plain>[^\#"'`$]+)
    """,
    re.VERBOSE,
)
_LABEL = re.compile(r"\$(?P<name>[A-Za-z_][A-Za-z0-9_]*)\Z")
_NAME = re.compile(r"\$\{?[A-Za-z_]")


class QueryFault(Exception):
    """Something wrong with the template of a query; the text is a sentence about it."""


def check_query(template: str) -> None:
    """Raise QueryFault for a template in which a variable is not known, or could be anything else
    than the value of a label."""
    values = dict.fromkeys(LABELS, "")
    names = set()
    for part in _parts(template, values, "1s"):
        names.add(part[0])
    if "version" not in names:
        raise QueryFault(
            'it does not say which version it is about: version="$version" behind the metric'
        )


def fill_query(template: str, values: Mapping[str, str], window: timedelta) -> str:
    """The query for one version. `values` has what each of `LABELS` stands for; one without a value
    is empty. Raises QueryFault like `check_query`."""
    seconds = max(int(window.total_seconds()), 1)
    return "".join(text for _, text in _parts(template, values, f"{seconds}s"))


def _parts(template: str, values: Mapping[str, str], window: str) -> Iterator[tuple[str, str]]:
    """The parts of a filled query, each with the name of the variable that it stands for."""
    before = ""
    for match in _TOKEN.finditer(template):
        text = match[0]
        if match["broken"]:
            raise QueryFault("a quotation mark in it has no end")
        if match["variable"]:
            if text != "$window":
                raise QueryFault(
                    f'{text} is not in quotes: write the value of a label, such as model="$model"'
                )
            yield "window", window
        elif match["quoted"]:
            name = _variable_in(text, before)
            yield name, _quoted(values.get(name, ""), text[0]) if name else text
        else:
            yield "", text
        if not match["comment"]:
            before = (before + text).rstrip()[-2:]


def _variable_in(literal: str, before: str) -> str:
    """The variable that a quoted text is, without `$`; empty if it has none."""
    content = literal[1:-1]
    if not _NAME.search(content):
        return ""
    match = _LABEL.match(content)
    name = match["name"] if match else ""
    if name == "window":
        raise QueryFault("$window is a length of time and does not go in quotes")
    if name not in LABELS:
        known = ", ".join(f"${label}" for label in LABELS)
        raise QueryFault(f"{literal} is not one variable: only {known} are known, each by itself")
    if literal[0] == "`" or not before.endswith("=") or before == "==":
        raise QueryFault(
            f"${name} is only known as the whole value of a label, behind = or !=, such as"
            f' {name}="${name}"'
        )
    return name


def _quoted(value: str, quote: str) -> str:
    """A value as a text of PromQL in these quotes, with Go's escapes."""
    escaped = "".join(_escaped(character, quote) for character in value)
    return f"{quote}{escaped}{quote}"


def _escaped(character: str, quote: str) -> str:
    if character in (quote, "\\"):
        return f"\\{character}"
    if ord(character) < 0x20 or ord(character) == 0x7F:
        return f"\\x{ord(character):02x}"
    return character
