"""A plain scalar means what YAML 1.1 and 1.2 both read, or it is refused (RULES R2)."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_gitops.core.yaml.scalars import AmbiguousScalar, resolve

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "40"))

AGREED: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None, "nULL": "nULL",
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "tRUE": "tRUE",
    "0": 0, "12": 12, "-7": -7, "2147483648": 2147483648,
    "0.5": 0.5, "-0.5": -0.5, "+0.5": 0.5, "1.": 1.0, ".5": 0.5, "007.5": 7.5, "1.5e+3": 1500.0,
    "1.5E-3": 0.0015,
    ".inf": math.inf, "-.Inf": -math.inf, "+.INF": math.inf,
    "word": "word", "yess": "yess", "nO": "nO", "1.2.3": "1.2.3", "v1": "v1", "1a": "1a", "-": "-",
    "+": "+", ".": ".",
    "-.5": None, "1-2": "1-2", "2026": 2026, "2026-1": "2026-1", "a:b": "a:b", "0x": "0x",
    "0o8": "0o8", "0b2": "0b2",
    "1:60": "1:60", "_1": "_1", ".nano": ".nano", "inf": "inf", "nan": "nan", "e5": "e5",
    "m-0f3c": "m-0f3c",
    "0f3c5a7e9b1d42c68e0a2f4b6d8c1e35": "0f3c5a7e9b1d42c68e0a2f4b6d8c1e35", "5b6f8a1c": "5b6f8a1c",
}  # fmt: skip
del AGREED["-.5"]

# why: YAML 1.1 reads octal, base 60, binary, underscores, dates and more words; 1.2 reads exponents
# without a point or sign
AMBIGUOUS = [
    "010", "00", "-0", "+1", "+12", "08", "0o17", "0x1F", "0xff_ff", "0b101", "1_000", "1_0.5",
    "-.5", "+.5",
    "1:30", "-1:30", "190:20:30", "1:30.5", "1e5", "1E5", "1.5e3", "1.e5", "12e-3", "-1e5",
    "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "y", "Y", "n",
    "N", "=", "<<",
    "2026-01-02", "2026-1-2T03:04:05Z", "2026-01-02 03:04:05", "2026-01-02t03:04:05.6+01:00",
    "1" * 401, "0." + "1" * 400,
]  # fmt: skip


@pytest.mark.parametrize("text", AGREED)
def test_agreed(text: str) -> None:
    value = resolve(text)
    assert value == AGREED[text] and type(value) is type(AGREED[text])


def test_not_a_number() -> None:
    for text in (".nan", ".NaN", ".NAN"):
        value = resolve(text)
        assert isinstance(value, float) and math.isnan(value)


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_ambiguous(text: str) -> None:
    with pytest.raises(
        AmbiguousScalar, match=r'YAML versions read .* differently; write ".*" if it is text'
    ):
        resolve(text)


def read_1_1(text: str) -> object:
    """PyYAML's verdict: YAML 1.1."""
    loader = yaml.SafeLoader("")
    return loader.construct_object(
        yaml.ScalarNode(loader.resolve(yaml.ScalarNode, text, (True, False)), text)
    )


@cache
def ruamel() -> Any:
    """ruamel.yaml, which comes with check-jsonschema."""
    return pytest.importorskip("ruamel.yaml")


@cache
def reader_of_1_2() -> Any:
    return ruamel().YAML(typ="safe", pure=True)


def read_1_2(text: str) -> object:
    """ruamel.yaml's verdict: YAML 1.2."""
    reader, node = reader_of_1_2(), ruamel().nodes.ScalarNode
    tag = reader.resolver.resolve(node, text, (True, False))
    return reader.constructor.construct_object(node(tag=tag, value=text))


# YAML 1.2.2, section 10.3.2; ruamel.yaml does not know `.5e3`.
CORE_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
words = st.sampled_from(
    ["yes", "No", "ON", "off", "y", "N", "null", "True", "FALSE", "~", "=", "<<", ".inf", ".NaN"]
)
numbers = st.from_regex(
    r"[-+]?(0[xob]?)?[0-9_]{0,4}([.:][0-9_]{0,3}){0,2}([eE][-+]?[0-9]{0,2})?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}",
    fullmatch=True,
)
near = words | numbers | st.text("0123456789.+-_:eExobnaftyTZ ~=<", max_size=8).map(str.strip)


@settings(max_examples=EXAMPLES * 3, deadline=None)
@given(near)
def test_what_is_taken_is_read_alike_everywhere(text: str) -> None:
    try:
        value = resolve(text)
    except AmbiguousScalar:
        return
    # YAML 1.2 has no underscores in numbers; ruamel.yaml takes `-_` for one.
    for read in (read_1_1,) if "_" in text else (read_1_1, read_1_2):
        theirs = read(text)
        assert type(theirs) is type(value), (read, theirs)
        assert theirs == value or (theirs != theirs and value != value)


@settings(max_examples=EXAMPLES * 3, deadline=None)
@given(near.filter(lambda text: len(text) < 40))
def test_what_is_refused_is_a_number_or_word_to_somebody(text: str) -> None:
    """Nothing that every reader takes for text needs quotes."""
    try:
        resolve(text)
    except AmbiguousScalar:
        assert (
            text in "yYnN"
            or CORE_FLOAT.match(text)
            or not (text_to(read_1_1, text) and text_to(read_1_2, text))
        )


def text_to(read: Callable[[str], object], text: str) -> bool:
    try:
        return isinstance(read(text), str)
    except Exception:
        return False  # a date that no calendar has, the value key `=`


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert resolve(text) is None or isinstance(resolve(text), (bool, int, float, str))
    except AmbiguousScalar as told:
        assert len(str(told)) < 250
