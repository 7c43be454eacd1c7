"""Parses YAML text into plain values that know their positions.

Mapping keys stay text (`12:` is "12"). Anchors, aliases, tags and further documents are refused: a
reviewer must see in one place what a manifest sets.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from mlflow_gitops.core.yaml.characters import escape_hidden, raw_text_faults, value_faults
from mlflow_gitops.core.yaml.limits import CONTROL as CONTROL  # callers import these from here
from mlflow_gitops.core.yaml.limits import MAX_BYTES as MAX_BYTES
from mlflow_gitops.core.yaml.nodes import Map as Map
from mlflow_gitops.core.yaml.nodes import Seq as Seq
from mlflow_gitops.core.yaml.problems import Problem

MAX_PROBLEMS = 100
"""Problems that are reported for one file. Further ones are only counted, since a person fixes the
first ones and runs `validate` again."""
_MAX_CHARACTER_PROBLEMS = 20

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass
class Document:
    """One parsed file: its root value, its text, and its problems."""

    file: str
    root: Any = None
    text: str = ""
    problems: list[Problem] = field(default_factory=list)
    unreported: int = 0
    """How many problems beyond MAX_PROBLEMS were only counted."""

    @property
    def is_full(self) -> bool:
        """Whether a further problem would only be counted, so that it needs no message."""
        return len(self.problems) >= MAX_PROBLEMS

    def position(self, index: int) -> tuple[int, int]:
        """Return line and column of a character offset, both from 1.

        As in editors, only LF, CRLF and CR end a line.
        """
        line = bisect_right(self._line_starts, index)
        return line, index - self._line_starts[line - 1] + 1

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]

    def add_problem(self, code: str, message: str, index: int) -> None:
        """Record a problem at a character offset."""
        if self.is_full:
            return self.count_unreported(1)
        line, column = self.position(index)
        self.problems.append(Problem(self.file, line, column, code, message))

    def add_problem_at(
        self, code: str, message: str, path: Sequence[str | int], *, key: bool = False
    ) -> None:
        """Record a problem at the value (with `key=True`: the key) that `path` leads to."""
        self.add_problem(code, message, 0 if self.is_full else self.offset(path, key=key))

    def count_unreported(self, count: int, *, at_least: bool = False) -> None:
        """Count problems without reporting them; a last problem states their number."""
        self.unreported += count
        number = f"at least {self.unreported}" if at_least else str(self.unreported)
        message = f"… and {number} more; fix the first {MAX_PROBLEMS} and run validate again"
        line, column = self.position(len(self.text))
        self.problems[MAX_PROBLEMS:] = [Problem(self.file, line, column, "more-problems", message)]

    def offset(self, path: Sequence[str | int], *, key: bool = False) -> int:
        """Return the offset of the value at `path` (with `key=True`: of its key).

        If part of the path does not exist, it is the offset of the deepest part that does. A step
        into a list is an item's number, or the item itself if that is text.
        """
        node, offset = self.root, 0
        for depth, step in enumerate(path):
            if isinstance(node, Seq) and isinstance(step, str) and step in node:
                step = node.index(step)
            if isinstance(node, Map) and str(step) in node.marks:
                key_offset, value_offset = node.marks[str(step)]
                is_key_wanted = key and depth == len(path) - 1
                offset = key_offset if is_key_wanted else value_offset
                node = node.get(str(step))
            elif isinstance(node, Seq) and isinstance(step, int) and step < len(node.marks):
                offset, node = node.marks[step], node[step]
            else:
                break
        return offset


_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def parse(data: bytes, file: str) -> Document:
    """Parse one file. It never raises for the content: `problems` lists everything wrong."""
    document = Document(file)
    if len(data) > MAX_BYTES:
        message = f"larger than {MAX_BYTES >> 20} MiB; a manifest describes one model"
        document.add_problem("too-large", message, 0)
        return document

    if data.startswith(_LFS_POINTER):
        message = (
            "a pointer of Git LFS, not the file itself; exclude it in .gitattributes and add the"
            " file again (git lfs migrate export)"
        )
        document.add_problem("lfs-pointer", message, 0)
        return document

    text = _decode(document, data)
    if document.problems:
        return document
    _check_characters(document, text)
    if document.problems:
        # The replacement keeps all offsets, and the rest of the file can still be checked.
        text = escape_hidden(text, lambda character: "\N{REPLACEMENT CHARACTER}")
    else:
        # A history that is remembered parses nothing.
        from mlflow_gitops.core.yaml.fast_parse import parse_fast

        document.root = parse_fast(text)
    if document.root is None:
        from mlflow_gitops.core.yaml.event_parse import parse_events  # most files do not need it

        document.root = parse_events(text, document.add_problem, document.position)
    if not document.problems:
        for path, is_key, message in value_faults(document.root, text):
            document.add_problem_at("invisible-character", message, path, key=is_key)
    return document


def _decode(document: Document, data: bytes) -> str:
    try:
        document.text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # `error.object` is the data without a byte order mark.
        document.text = error.object[: error.start].decode("utf-8", "replace")
        document.add_problem("not-utf8", "not UTF-8 text; save it as UTF-8", len(document.text))
    return document.text


def _check_characters(document: Document, text: str) -> None:
    for match in islice(CONTROL.finditer(text), _MAX_CHARACTER_PROBLEMS):
        message = f"control character U+{ord(match.group()):04X}; remove it"
        document.add_problem("control-character", message, match.start())
    if not document.problems:
        for index, message in raw_text_faults(text):
            document.add_problem("invisible-character", message, index)
