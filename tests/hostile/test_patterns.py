"""Every regular expression of the package is linear: none takes much longer on a text that is made
for it than on any other of that length.

The patterns are found in the source and in the schemas. Each is run, by the methods that its module
uses, on strings that are built from the pattern's own literals and character classes.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import json
import pkgutil
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import mlflow_gitops

if sys.version_info >= (3, 11):
    import re._constants as sre
    import re._parser as sre_parser
else:
    import sre_constants as sre
    import sre_parse as sre_parser

SOURCES = Path(mlflow_gitops.__file__).parent
SCREENED, SHORT, LONG = 2 << 10, 64 << 10, 256 << 10
SECONDS = {SCREENED: 0.1, SHORT: 0.25, LONG: 1.0}
"""A linear search of 256 KiB takes a few milliseconds, a quadratic one of 64 KiB ten seconds."""

METHODS = ("search", "match", "fullmatch", "finditer", "findall", "split", "sub")
WORST = 3
"""How many of the texts that take the longest are tried at greater length; the one that takes the
longest then is tried at full length."""
EXEMPT = {
    "edges/mlflow/stores.py": "reads the migrations of the installed MLflow, nothing else",
    "core/explanations.py": "reads the package's own registry/codes.md, nothing else",
}


@dataclass(frozen=True)
class Probe:
    """A pattern and a method that the package calls on it."""

    place: str
    pattern: re.Pattern[Any]
    method: str

    def run(self, text: str) -> None:
        subject: Any = text
        if isinstance(self.pattern.pattern, bytes):
            subject = text.encode("utf-8", "replace")
        if self.method == "sub":
            self.pattern.sub(b"" if isinstance(subject, bytes) else "", subject)
        elif self.method == "finditer":
            for _ in self.pattern.finditer(subject):
                pass
        else:
            getattr(self.pattern, self.method)(subject)


# -- finding the patterns --------------------------------------------------------------------------


def probes() -> Iterator[Probe]:
    for module in pkgutil.walk_packages([str(SOURCES)], "mlflow_gitops."):
        if not module.name.endswith("__main__"):
            yield from probes_of(module.name)
    for schema in sorted((SOURCES.parents[1] / "schemas").glob("*.json")):
        for expression in sorted(set(schema_patterns(json.loads(schema.read_text())))):
            yield Probe(f"{schema.name}: {expression}", re.compile(expression), "search")


def probes_of(module_name: str) -> Iterator[Probe]:
    module = importlib.import_module(module_name)
    source = Path(str(module.__file__))
    place = source.relative_to(SOURCES).as_posix()
    if place in EXEMPT:
        return
    text = source.read_text()
    for name, value in vars(module).items():
        if isinstance(value, re.Pattern):
            used = [method for method in METHODS if f"{name}.{method}" in text]
            for method in used or ("search",):
                yield Probe(f"{place}: {name}.{method}", value, method)
    # Reading a module's syntax takes longer than looking for the name.
    for call in ast.walk(ast.parse(text)) if re.search(r"\bre\.", text) else ():
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id == "re"
            and call.func.attr in METHODS
        ):
            expression = expression_of(call.args[0], vars(module))
            if expression is not None:
                pattern = re.compile(expression)
                yield Probe(f"{place}:{call.lineno} re.{call.func.attr}", pattern, call.func.attr)


def expression_of(argument: ast.expr, constants: dict[str, Any]) -> Any:
    """The expression that a call of `re` gets: written there, or a constant of its module. None if
    it is made by the function that calls."""
    if isinstance(argument, ast.Name):
        return constants.get(argument.id)
    return argument.value if isinstance(argument, ast.Constant) else None


def schema_patterns(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        for inner in value.values():
            yield from schema_patterns(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from schema_patterns(inner)


# -- strings that are made for a pattern ----------------------------------------------------------

EVERYWHERE = (" ", "\t", "\n", "a", "0", "-", ".", "/", ":", "@", "[", "<", "'", "=", "a ", " a")


def pieces(parsed: Any) -> Iterator[str]:
    """What the parts of a pattern match: a sample of each literal run and of each class."""
    literals = ""
    for operation, argument in parsed:
        if operation is sre.LITERAL:
            literals += chr(argument)
            continue
        if literals:
            yield literals
            literals = ""
        yield from pieces_of(operation, argument)
    if literals:
        yield literals


REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)


def pieces_of(operation: Any, argument: Any) -> Iterator[str]:
    if operation is sre.IN:
        yield from (sample for item in argument for sample in samples(*item))
    elif operation in REPEATS:
        yield from pieces(argument[2])
    elif operation is sre.SUBPATTERN:
        yield from pieces(argument[3])
    elif operation in (sre.ASSERT, sre.ASSERT_NOT):
        yield from pieces(argument[1])
    elif operation is sre.BRANCH:
        for branch in argument[1]:
            yield from pieces(branch)
    elif operation is sre.NOT_LITERAL:
        yield chr(argument)


def samples(operation: Any, argument: Any) -> Iterator[str]:
    if operation is sre.LITERAL:
        yield chr(argument)
    elif operation is sre.RANGE:
        yield chr(argument[0])
    elif operation is sre.CATEGORY:
        yield {sre.CATEGORY_DIGIT: "7", sre.CATEGORY_SPACE: " "}.get(argument, "w")


def first_match(parsed: Any) -> str:
    """A short text that the beginning of a pattern matches, so that the rest is tried."""
    text = ""
    for operation, argument in parsed:
        if operation is sre.LITERAL:
            text += chr(argument)
        elif operation in REPEATS:
            text += first_match(argument[2]) * argument[0]
        elif operation is sre.SUBPATTERN:
            text += first_match(argument[3])
        elif operation is sre.BRANCH:
            text += first_match(argument[1][0])
        elif operation is sre.IN:
            text += next((sample for item in argument for sample in samples(*item)), "a")
    return text


def attacks(probe: Probe) -> Iterator[tuple[str, str, str]]:
    """Beginning, repeated piece and end of the texts to try."""
    expression = probe.pattern.pattern
    if isinstance(expression, bytes):
        expression = expression.decode("latin-1")
    parsed = sre_parser.parse(expression, probe.pattern.flags & ~re.UNICODE)
    own = list(dict.fromkeys(pieces(parsed)))[:24]
    beginning = first_match(parsed)
    repeated = [*own, *EVERYWHERE, beginning, f"{beginning}\n", f"{beginning} ", *pairs(own)]
    beginnings = ["", beginning, *(piece for piece in own if len(piece) > 1)][:6]
    for start, piece in itertools.product(beginnings, dict.fromkeys(repeated)):
        if piece:
            yield start, piece, "\0b"
            yield start + "a", piece, "b\n"


def pairs(own: list[str]) -> list[str]:
    return [first + second for first, second in itertools.permutations(own[:8], 2)]


# -- the measurement ------------------------------------------------------------------------------


class TooSlow(Exception):
    """The pattern did not end in time."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooSlow

    # Processor time: a machine that does other things must not end a search.
    earlier = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, earlier)


def seconds(probe: Probe, attack: tuple[str, str, str], length: int) -> float:
    """Processor time of one search; infinite if it was ended."""
    start, piece, end = attack
    text = start + piece * (length // len(piece)) + end
    began = time.process_time()
    try:
        with limited(SECONDS[length] * 2):
            probe.run(text)
    except TooSlow:
        return float("inf")
    return time.process_time() - began


def slow_texts(probe: Probe) -> list[str]:
    """What takes too long; empty for a linear pattern."""
    screened: list[tuple[float, tuple[str, str, str]]] = []
    for attack in attacks(probe):
        taken = seconds(probe, attack, SCREENED)
        if taken > SECONDS[SCREENED]:
            return [f"{attack!r} x {SCREENED}: {taken:.2f} s"]
        screened.append((taken, attack))

    worst = [attack for _, attack in sorted(screened, reverse=True)[:WORST]]
    short: list[tuple[float, tuple[str, str, str]]] = []
    for attack in worst:
        taken = seconds(probe, attack, SHORT)
        if taken > SECONDS[SHORT]:
            return [f"{attack!r} x {SHORT}: {taken:.2f} s"]
        short.append((taken, attack))

    for _, attack in sorted(short, reverse=True)[:1]:
        taken = seconds(probe, attack, LONG)
        if taken > SECONDS[LONG]:
            return [f"{attack!r} x {LONG}: {taken:.2f} s"]
    return []


ALL = list(probes())


def test_enough_patterns_are_found() -> None:
    assert len(ALL) > 80
    places = "\n".join(probe.place for probe in ALL)
    for module in ("people", "overrides", "redaction", "model_file", "receipts", "model.schema"):
        assert module in places


@pytest.mark.parametrize(
    "expression",
    [r"^(?P<who>[^\n]*?)[ \t]*$", r"(?<=://)[^\s/]*:[^\s]*@", r"\[[^\]]*\] ", r"(a|aa)+$", r"\d+x"],
)
def test_the_probe_finds_what_is_not_linear(expression: str) -> None:
    assert slow_texts(Probe("here", re.compile(expression, re.MULTILINE), "search"))


@pytest.mark.parametrize("probe", ALL, ids=[probe.place for probe in ALL])
def test_a_pattern_is_linear(probe: Probe) -> None:
    assert not slow_texts(probe), probe.pattern.pattern
