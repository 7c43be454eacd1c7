"""What may reach a terminal: safe text, and colour only where a person looks."""

from __future__ import annotations

import io
import json
import sys
import unicodedata

import pytest

from mlflow_gitops.render.terminal import Style, as_json, safe
from tests.support.console.pseudo_terminal import open_pseudo_terminal
from tests.support.console.streams import Terminal

TERMINALS = (
    "CI", "COLUMNS", "FORCE_COLOR", "FORCE_HYPERLINK", "KONSOLE_VERSION", "NO_COLOR", "STY",
    "TERM_PROGRAM", "TMUX", "VTE_VERSION", "WT_SESSION",
)  # fmt: skip


@pytest.fixture(autouse=True)
def a_plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TERMINALS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain — Ünï 日本 🎉 →", "plain — Ünï 日本 🎉 →"),
        ("\x1b[2J\x1b]0;title\x07", "\\u001b[2J\\u001b]0;title\\u0007"),
        ("one\ntwo\r\nthree", "one\\ntwo\\r\\nthree"),
        ("a\tb", "a b"),
        ("\x9b31m", "\\u009b31m"),
        ("a\u202egnirts\u202c", "a\\u202egnirts\\u202c"),
        ("\u2066x\u2069\u200f\u061c", "\\u2066x\\u2069\\u200f\\u061c"),
        ("line\u2028separator\x85", "line\\u2028separator\\u0085"),
        ("\ud800 alone", "\\ud800 alone"),
        ("\x00\x7f\ufeff", "\\u0000\\u007f\\ufeff"),
    ],
)
def test_safe(text: str, expected: str) -> None:
    assert safe(text) == expected


def test_no_control_or_reordering_character_is_left() -> None:
    """Each of them by what Unicode says of it, not by the list that `safe` uses."""
    for code in [*range(0x3000), *range(0xD800, 0xE000), 0xFEFF]:
        escaped = safe(chr(code))
        assert all(unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") for c in escaped), hex(
            code
        )
        assert all(
            unicodedata.bidirectional(c) not in ("LRE", "RLE", "LRO", "RLO", "PDF") for c in escaped
        ), hex(code)
        assert all(
            unicodedata.bidirectional(c) not in ("LRI", "RLI", "FSI", "PDI") for c in escaped
        ), hex(code)
        assert len(escaped.splitlines()) <= 1
        escaped.encode()


def test_colour_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Style(Terminal())("text", "red") == "\033[31mtext\033[0m"
    assert Style(Terminal())("text", None) == "text"
    assert Style(Terminal())("", "red") == "", "nothing is not coloured"
    assert Style(io.StringIO())("text", "red") == "text"
    monkeypatch.setenv("NO_COLOR", "")
    assert Style(Terminal()).on, "NO_COLOR counts where it is not empty (no-color.org)"
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Style(Terminal()).on
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not Style(Terminal()).on


def test_colour_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """force-color.org; NO_COLOR comes first, as in Python itself."""
    for value, is_on in (("1", True), ("3", True), ("0", False), ("", False)):
        monkeypatch.setenv("FORCE_COLOR", value)
        assert Style(io.StringIO()).on is is_on
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert Style(Terminal()).on
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Style(io.StringIO()).on and not Style(Terminal()).on


def test_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Style(io.StringIO()).width is None, "a pipe has no width"
    assert Style(Terminal()).width is None, "this terminal does not know"
    with open_pseudo_terminal(100) as stream:
        assert Style(stream).width == 100
        monkeypatch.setenv("COLUMNS", "72")
        assert Style(stream).width == Style(io.StringIO()).width == 72
    for value in ("0", "-1", "wide", "", "８０"):
        monkeypatch.setenv("COLUMNS", value)
        assert Style(io.StringIO()).width is None


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM_PROGRAM": "vscode"}, True),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"VTE_VERSION": "6800"}, True),
        ({"VTE_VERSION": "4205"}, False),
        ({"WT_SESSION": "x"}, True),
        ({"WT_SESSION": "x", "CI": "true"}, False),
        ({"WT_SESSION": "x", "TMUX": "/tmp/x"}, False),
        ({"FORCE_HYPERLINK": "1"}, True),
        ({"TERM_PROGRAM": "WezTerm", "FORCE_HYPERLINK": "0"}, False),
        ({"FORCE_HYPERLINK": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_links_on_terminals_that_show_them(
    variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    style = Style(Terminal())
    assert style.shows_links is expected
    linked = "\033]8;;https://x.example/1\033\\14\033]8;;\033\\"
    assert style.link("14", "https://x.example/1") == (linked if expected else "14")
    assert style.link("14", None) == "14" and style.link("", "https://x.example") == ""
    assert Style(io.StringIO()).link("14", "https://x.example/1") == "14"


def test_an_address_cannot_end_its_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_HYPERLINK", "1")
    shown = Style(Terminal()).link("14", "https://x.example/\033\\\033[2J")
    assert shown.count("\033") == 4


def test_the_stream_is_stdout_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    assert Style().on
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert not Style().on


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-16", "latin-1", "ascii", "cp1252"])
def test_json_holds_every_character_whatever_stdout_can_take(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    value = {"author": "Ünï 日本 🎉", "subject": "\x9b31m \u202e \x7f\n"}
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        text = as_json(value)
        print(text, flush=True)
    assert json.loads(buffer.getvalue().decode(encoding)) == value and safe(text) == text
    assert ("日本" in text) is encoding.lower().startswith("utf")
