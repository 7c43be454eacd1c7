"""YAML as manifests use it: what every reader reads alike, with the place of each value; the rest
is reported, never raised."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlflow_gitops.core.yaml import document as yamldoc
from mlflow_gitops.core.yaml import event_parse, fast_parse
from mlflow_gitops.core.yaml.document import MAX_BYTES, Document, Map, Seq, parse

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "40"))

# Text that is nearly YAML: its own signs, this project's, and what confuses readers.
PIECES = (
    *"{}[],:-?#&*!|>'\"%@`~=<\\ \t\n",
    *(
        "a",
        "b: ",
        "name: x\n",
        "- ",
        "? ",
        ": ",
        "\n  ",
        "\n    ",
        "\r\n",
        "\r",
        " #c",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
    ),
    *(
        "12",
        "0",
        "1.5",
        "-3",
        ".5",
        "true",
        "null",
        "yes",
        "010",
        "1e3",
        ".inf",
        ".nan",
        "2026-01-02",
        "+1",
        "1:30",
    ),
    *(
        "é",
        "日",
        "🦊",
        "\\n",
        "\\x41",
        "\\u202e",
        "\u2028",
        "\x85",
        "\ufeff",
        "\x00",
        "|-\n  x\n",
        "|2\n   t\n",
        ">+\n\n",
    ),
    *("&a ", "*a", "!x ", "!!str ", "<<: ", "''", "it''s", "http://a:b", "a: b: c"),
)
nearly_yaml = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)

# Values and layouts that are sure to be YAML, so that the agreement is not about errors alone.
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-99, 99),
    st.floats(width=16),
    st.text("ab é🦊\n'\":#-{}[]", max_size=9),
)
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abé :'", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=9,
)
written = st.builds(
    lambda value, flow, width, style, end: yaml.safe_dump(
        value, default_flow_style=flow, width=width, default_style=style, allow_unicode=True,
        line_break=end
    ),
    values, st.sampled_from([True, False, None]), st.sampled_from([5, 80]),
    st.sampled_from([None, "'", '"', "|", ">"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)  # fmt: skip
texts = nearly_yaml | written


class TextKeys(yaml.SafeLoader):
    """PyYAML's safe loader, with keys kept as the text that was written."""

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


TextKeys.add_constructor("tag:yaml.org,2002:map", TextKeys.mapping)


class CTextKeys(yaml.CSafeLoader):
    """The same through libyaml."""

    mapping = TextKeys.mapping


CTextKeys.add_constructor("tag:yaml.org,2002:map", CTextKeys.mapping)


def read(text: str) -> Document:
    return parse(text.encode(), "m.yaml")


def read_without_libyaml(text: str) -> Document:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_parse, "_Parser", None)
        patch.setattr(fast_parse, "_Composer", None)
        return read(text)


def read_by_events(text: str) -> Document:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_parse, "_Composer", None)
        return read(text)


def same(a: object, b: object) -> bool:
    """Equal in value, type and order."""
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return (a == b and type(a) is type(b)) or (a != a and b != b)


def marked(node: object) -> Iterator[tuple[object, int]]:
    """Every key and every value, each with its place."""
    if isinstance(node, Map):
        for key, value in node.items():
            at_key, at_value = node.marks[key]
            yield from ((key, at_key), (value, at_value), *marked(value))
    elif isinstance(node, Seq):
        assert len(node) == len(node.marks)
        for value, at in zip(node, node.marks, strict=True):
            yield from ((value, at), *marked(value))


def places(document: Document) -> list[tuple[str, tuple[int, int]]]:
    """Line and column of every written value; an implicit null has no position of its own."""
    return [
        (repr(value), document.position(at))
        for value, at in marked(document.root)
        if value is not None
    ]


@settings(max_examples=EXAMPLES * 4, deadline=None)
@given(texts)
@example("a: !<%C0> b")
@example('"\\UFFFFFFFF"')
@example("- 1" + "0" * 5000)
@example("? " * 50)
def test_what_is_accepted_is_what_pyyaml_reads(text: str) -> None:
    document = read(text)
    try:
        theirs = yaml.load(text.removeprefix("\ufeff"), CTextKeys)
    except Exception:
        assert document.problems, "accepted what PyYAML refuses"
        return
    codes = {problem.code for problem in document.problems}
    assert "yaml-syntax" not in codes or "control-character" in codes, (
        "libyaml takes some of these for line breaks"
    )
    if not codes:
        assert same(document.root, theirs)


@settings(max_examples=EXAMPLES * 2, deadline=None)
@given(texts)
@example('{"a": "\\u202e"}')
@example('"a\\tb": 1')
@example("a: 1\n'a': 2")
@example("a: 010")
@example("~: a")
@example("? [a]\n: b")
@example("a: &b c")
@example("- !x y")
@example("[" * 33 + "]" * 33)
@example("a: b\n---\nc: d")
def test_read_quickly_and_by_events(text: str) -> None:
    quick, full = (
        fast_parse.parse_fast(text),
        read_by_events(text),
    )
    if quick is not None and not yamldoc.CONTROL.search(text):
        assert not full.problems
        assert same(quick, full.root)
        assert repr(list(marked(quick))) == repr(list(marked(full.root)))  # .nan is not itself


def test_what_is_plainly_right_is_read_quickly() -> None:
    text = (
        "name: a\ntags: {b: 'c', d: \"e\"}\nowners: ['@x']\ndescription: >-\n  one\n "
        " two\nstages:\n  Production: [1, 2]\n"
    )
    assert fast_parse.parse_fast(text) == read_by_events(text).root


@settings(max_examples=EXAMPLES * 2, deadline=None)
@given(texts)
def test_with_and_without_libyaml(text: str) -> None:
    """PyYAML's own parser refuses a few things that libyaml takes (a tab behind a word, `|#`); else
    they agree."""
    one, other = read(text), read_without_libyaml(text)
    if not one.problems and not other.problems:
        assert same(one.root, other.root)
        assert places(one) == places(other)
    elif other.problems and not one.problems:
        assert {problem.code for problem in other.problems} == {"yaml-syntax"}
        assert any(sign in text for sign in ("\t", "|", ">", "?"))
    else:
        assert one.problems and other.problems, "libyaml refuses more"


@settings(max_examples=EXAMPLES * 2, deadline=None)
@given(texts)
def test_a_place_is_where_it_says(text: str) -> None:
    document = read(text)
    if not document.problems:
        for value, at in marked(document.root):
            if value is not None and not isinstance(value, (Map, Seq)):
                begins = str(value)[:1] if isinstance(value, str) else ""
                assert document.text[at] in {begins, *"'\"|>+-.0123456789tTfF"}
    lines = document.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in document.problems:
        assert (
            1 <= problem.line <= len(lines)
            and 1 <= problem.column <= len(lines[problem.line - 1]) + 2
        ), problem


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=60) | nearly_yaml.map(lambda text: text.encode("utf-16")))
def test_bytes_of_any_kind_are_told(data: bytes) -> None:
    document = parse(data, "m.yaml")
    try:
        data.decode()
    except UnicodeDecodeError:
        assert [problem.code for problem in document.problems] == ["not-utf8"]


@settings(max_examples=EXAMPLES, deadline=None)
@given(written, st.sampled_from(["\r\n", "\r"]))
def test_line_ends_move_nothing(text: str, end: str) -> None:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    one, other = read(text), read(text.replace("\n", end))
    assert same(one.root, other.root)
    assert places(one) == places(other)
    assert one.problems == other.problems


def test_offsets() -> None:
    document = read('é: {a: [x, "y", {b: z}]}\nlist: [one, two]\n')
    text = document.text

    def at(*path: str | int, key: bool = False) -> str:
        return text[document.offset(path, key=key) :][:3]

    assert at("é", "a", 1) == '"y"'
    assert at("é", "a", 2, "b") == "z}]" and at("é", "a", 2, "b", key=True) == "b: "
    assert at("list", "two") == "two", "the item itself is a step, too"
    assert at("list", "three") == "[on" and at("list", 5, "x") == "[on", (
        "the deepest part that is there"
    )
    assert at("nowhere") == "é: " == at()
    assert document.position(text.index("list")) == (2, 1)
    assert document.position(len(text)) == (3, 1)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000, "{a: " * 200_000, "- " * 200_000, "? " * 200_000, "a:\n" * 40_000,
        "&a " * 200_000, "!" * 900_000,
        "a" * 900_000, '"' + "\\" * 900_000, "'" * 900_000, "# " * 450_000, "\n" * 900_000,
        "%" * 900_000,
        "|\n" + " " * 900_000,
        "a: 1\n" * 40_000, "[" + "1," * 100_000 + "]", "1" * 900_000, "1:" * 400_000,
        "\x00" * 900_000, "*a " * 300_000,
        "0." + "1" * 900_000 + "x", "1_" * 450_000, "1" * 400_000 + "-",
    ],
    ids=lambda text: repr(text[:6]),
)  # fmt: skip
def test_a_file_made_to_be_slow(text: str) -> None:
    assert len(text) <= MAX_BYTES
    start = time.process_time()
    read(text)
    assert time.process_time() - start < 20
