"""YAML text to plain values that remember where they stood.

Built straight from the parser's events, so that duplicate keys and positions come free and no YAML
tag can construct anything. Mapping keys stay text (`12:` is "12"). Anchors, aliases, tags and
several documents are refused: a manifest says what it means where it says it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from mlflow_gitops.core.yaml.fast_parse import parse_fast
from mlflow_gitops.core.yaml.nodes import Map as Map  # callers know them by this module
from mlflow_gitops.core.yaml.nodes import Seq as Seq
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.core.yaml.scalars import AmbiguousScalar, resolve

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_PROBLEMS = 100
"""What is told of one file; of more, only the number. A person mends the first and looks again."""
_MAX_CHARACTER_PROBLEMS = 20

# C0 and C1 controls, line separators that YAML and editors count differently, and the characters
# that make text read in another order than it is stored (U+061C, U+200E-F, U+202A-E, U+2066-9),
# which would let a diff show a reviewer a lie.
CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_LINE_BREAK = re.compile(r"\r\n|\r|\n")

_Parser: Any
try:
    from yaml._yaml import CParser as _Parser  # `yaml` itself does not name it
except ImportError:
    _Parser = None


@dataclass
class Document:
    """One parsed file: its root value, its text for positions, and what was wrong with it as YAML."""

    file: str
    root: Any = None
    text: str = ""
    problems: list[Problem] = field(default_factory=list)
    unreported: int = 0
    """Problems beyond MAX_PROBLEMS, which are counted and not kept."""

    @property
    def is_full(self) -> bool:
        """Whether a further problem would only be counted, so that its message need not be made."""
        return len(self.problems) >= MAX_PROBLEMS

    def position(self, index: int) -> tuple[int, int]:
        """Turn a character offset into line and column, both from 1. Only LF, CRLF and CR end a
        line, as in editors."""
        line = bisect_right(self._line_starts, index)
        return line, index - self._line_starts[line - 1] + 1

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]

    def add_problem(self, code: str, message: str, index: int) -> None:
        if self.is_full:
            return self.count_unreported(1)
        line, column = self.position(index)
        self.problems.append(Problem(self.file, line, column, code, message))

    def offset(self, path: Sequence[str | int], *, key: bool = False) -> int:
        """The offset of the value at `path` (of its key with `key=True`), or of the deepest part of
        the path that exists.

        A step into a list is an item's number, or the item itself where that is text.
        """
        node, found = self.root, 0
        for depth, step in enumerate(path):
            wants_key = key and depth == len(path) - 1
            if isinstance(node, Seq) and isinstance(step, str) and step in node:
                step = node.index(step)
            if isinstance(node, Map) and str(step) in node.marks:
                found = node.marks[str(step)][0 if wants_key else 1]
                node = node.get(str(step))
            elif isinstance(node, Seq) and isinstance(step, int) and step < len(node.marks):
                found, node = node.marks[step], node[step]
            else:
                break
        return found

    def add_problem_at(
        self, code: str, message: str, path: Sequence[str | int], *, key: bool = False
    ) -> None:
        """Record a problem at the value (or key) that `path` leads to."""
        self.add_problem(code, message, 0 if self.is_full else self.offset(path, key=key))

    def count_unreported(self, count: int, *, at_least: bool = False) -> None:
        """Count problems that are not told; the last problem, at the end of the file, says how many
        they are."""
        self.unreported += count
        told = (
            f"… and {'at least ' if at_least else ''}{self.unreported} more; mend the first"
            f" {MAX_PROBLEMS} and look again"
        )
        line, column = self.position(len(self.text))
        self.problems[MAX_PROBLEMS:] = [Problem(self.file, line, column, "more-problems", told)]


def parse(data: bytes, file: str) -> Document:
    """Parse one file. Never raises for its content: everything wrong is in the document's
    `problems`."""
    document = Document(file)
    if len(data) > MAX_BYTES:
        document.add_problem(
            "too-large", f"larger than {MAX_BYTES >> 20} MiB; a manifest holds one model", 0
        )
        return document
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        document.text = error.object[: error.start].decode(
            "utf-8", "replace"
        )  # `object` is without a byte order mark
        document.add_problem("not-utf8", "not UTF-8 text; save it as UTF-8", len(document.text))
        return document
    document.text = text
    for count, match in enumerate(CONTROL.finditer(text)):
        if count == _MAX_CHARACTER_PROBLEMS:
            break
        document.add_problem(
            "control-character",
            f"control character U+{ord(match.group()):04X}; take it out",
            match.start(),
        )
    if document.problems:
        # Offsets stay, and the rest of the file can still be checked.
        text = CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    elif (root := parse_fast(text, CONTROL, MAX_DEPTH)) is not None:
        document.root = root
        return document
    try:
        _Builder(document, text).build()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = error.problem or error.context or "not YAML"
        document.add_problem("yaml-syntax", _said(said), mark.index if mark else 0)
        document.root = None
    except yaml.YAMLError as error:
        document.add_problem("yaml-syntax", _said(str(error).splitlines()[0]), 0)
        document.root = None
    except _Stop:
        document.root = None
    return document


def _said(problem: str) -> str:
    return "not valid YAML: " + problem.replace("\t", "tab")


class _Stop(Exception):
    """The document cannot be read on from here; the reason is recorded already."""


class _Builder:
    """Events in, values out; an explicit stack, so that depth is a number and never Python's
    recursion limit."""

    def __init__(self, document: Document, text: str) -> None:
        self.document = document
        self.parser = (_Parser or _PurePython)(text)

    def build(self) -> None:
        get = self.parser.get_event
        stack: list[Map | Seq] = []
        container: Map | Seq | None = None
        key: str | None = None  # the key of `container` whose value comes next
        documents = 0
        event: Any = None
        while True:
            try:
                event = get()
            except (ValueError, OverflowError):  # PyYAML lets these through: "\\UFFFFFFFF", !<%C0>
                where = event.end_mark.index if event else 0
                self.document.add_problem(
                    "yaml-syntax",
                    "not valid YAML: a character or number that does not exist",
                    where,
                )
                raise _Stop from None
            kind = type(event)
            if kind is yaml.StreamEndEvent:
                break
            if kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self._note(
                        "yaml-documents", "a second YAML document; one file holds one", event
                    )
                    raise _Stop
                continue
            if kind in (yaml.StreamStartEvent, yaml.DocumentEndEvent):
                continue
            if kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
                stack.pop()
                container = stack[-1] if stack else None
                continue
            index = event.start_mark.index
            self._plain_only(event)
            value: Any
            if kind is yaml.ScalarEvent:
                if isinstance(container, Map) and key is None:
                    key = self._key(event, container)
                    continue
                value = self._scalar(event)
            elif kind is yaml.AliasEvent:
                value = None
                if isinstance(container, Map) and key is None:
                    raise _Stop
            else:
                value = Map() if kind is yaml.MappingStartEvent else Seq()
                if isinstance(container, Map) and key is None:
                    self._note("yaml-key", "a key must be plain text", event)
                    raise _Stop
            if isinstance(container, Map):
                assert key is not None
                if key not in container:
                    container[key] = value
                    container.marks[key] = (container.marks[key][0], index)
                key = None
            elif isinstance(container, Seq):
                container.append(value)
                container.marks.append(index)
            else:
                self.document.root = value
            if isinstance(value, (Map, Seq)):
                stack.append(value)
                if len(stack) > MAX_DEPTH:
                    self._note("yaml-depth", f"nested more than {MAX_DEPTH} deep", event)
                    raise _Stop
                container = value
        if documents == 0:
            self.document.add_problem("empty-file", "the file is empty", 0)

    def _note(self, code: str, message: str, event: Any) -> None:
        self.document.add_problem(code, message, event.start_mark.index)

    def _plain_only(self, event: Any) -> None:
        if event.anchor is not None:
            self._note(
                "yaml-anchor", "anchors and aliases are not used here; write the value out", event
            )
        if getattr(event, "tag", None) is not None:
            self._note(
                "yaml-tag",
                f"YAML tags are not used here ({str(event.tag)[:60]}); write the plain value",
                event,
            )

    def _scalar(self, event: Any) -> object:
        if not event.style:
            try:
                return resolve(event.value)
            except AmbiguousScalar as error:
                self._note("ambiguous-scalar", str(error), event)
                return event.value
        return self._text(event, event.value)

    def _text(self, event: Any, value: str) -> str:
        # Raw control characters were found in the file's text; an escape in double quotes makes new
        # ones.
        if event.style == '"' and (found := CONTROL.search(value)):
            self._note(
                "control-character",
                f"escaped control character U+{ord(found.group()):04X}; take it out",
                event,
            )
        return value

    def _key(self, event: Any, container: Map) -> str:
        value: str = event.value
        if not event.style:
            if self._scalar(event) is None:
                self._note("yaml-key", "a key must be plain text, not null", event)
        else:
            self._text(event, value)
            if "\n" in value or "\t" in value:
                self._note("control-character", "a line break or tab in a key", event)
        if value in container:
            line, _ = self.document.position(container.marks[value][0])
            self._note(
                "duplicate-key",
                f"{value[:80]!r} stands here a second time (first on line {line})",
                event,
            )
        else:
            container.marks[value] = (event.start_mark.index, event.start_mark.index)
        return value


class _PurePython(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """PyYAML's own parser, where its libyaml binding is missing."""

    def __init__(self, stream: str) -> None:
        yaml.reader.Reader.__init__(self, stream)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
