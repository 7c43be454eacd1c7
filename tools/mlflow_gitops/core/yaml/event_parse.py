"""Builds values from the events of the YAML parser, and reports everything that is wrong.

It sees duplicate keys and all positions, and no YAML tag can construct anything. `fast_parse.py`
reads the same values from ordinary short texts in half the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from mlflow_gitops.core.yaml.characters import code_point, hidden_characters
from mlflow_gitops.core.yaml.limits import CONTROL, MAX_DEPTH
from mlflow_gitops.core.yaml.nodes import Map, Seq
from mlflow_gitops.core.yaml.scalars import AmbiguousScalar, resolve

AddProblem = Callable[[str, str, int], None]
"""Receives a problem's code, its message and its character offset."""

Position = Callable[[int], "tuple[int, int]"]
"""Returns line and column of a character offset."""

_Parser: Any
try:
    from yaml._yaml import CParser as _Parser  # `yaml` itself does not name it
except ImportError:
    _Parser = None

_END_EVENTS = frozenset({yaml.MappingEndEvent, yaml.SequenceEndEvent})
_NODE_EVENTS = frozenset(
    {yaml.ScalarEvent, yaml.AliasEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent}
)


_CONFLICT_LINES = tuple(re.compile(line, re.MULTILINE) for line in ("^<{7} ", "^={7}$", "^>{7} "))
"""What git writes into a file that it cannot merge, in this order."""


def _conflict_start(text: str) -> int | None:
    """Where a text has the first conflict of a merge; None if it has none."""
    first = _CONFLICT_LINES[0].search(text)
    match = first
    for line in _CONFLICT_LINES[1:]:
        match = line.search(text, match.end()) if match is not None else None
    return first.start() if first is not None and match is not None else None


def parse_events(text: str, add_problem: AddProblem, position: Position) -> Any:
    """Return the value of a YAML text; None if it cannot be read to its end."""
    builder = _Builder(text, add_problem, position)
    try:
        builder.build()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or error.context or "not YAML"
        conflict = _conflict_start(text)
        if conflict is not None:
            add_problem("yaml-syntax", "an unresolved merge conflict", conflict)
        else:
            add_problem("yaml-syntax", _not_valid(reason), mark.index if mark else 0)
    except yaml.YAMLError as error:
        add_problem("yaml-syntax", _not_valid(str(error).splitlines()[0]), 0)
    except _Stop:
        pass
    else:
        return builder.root
    return None


def _not_valid(reason: str) -> str:
    return "not valid YAML: " + reason.replace("\t", "tab")


class _Stop(Exception):
    """The rest of the document cannot be read; the reason is recorded already."""


class _Builder:
    """Keeps the open containers on a stack of its own, so that nesting does not reach Python's
    recursion limit."""

    def __init__(self, text: str, add_problem: AddProblem, position: Position) -> None:
        self.add_problem = add_problem
        self.position = position
        self.parser = (_Parser or _PurePython)(text)
        self.root: Any = None
        self.stack: list[Map | Seq] = []
        self.key: str | None = None  # the key of the innermost mapping whose value comes next
        self.documents = 0

    def build(self) -> None:
        event: Any = None
        kind: type | None = None
        while kind is not yaml.StreamEndEvent:
            event = self._next_event(event)
            kind = type(event)
            if kind in _NODE_EVENTS:
                self._add_node(event)
            elif kind in _END_EVENTS:
                self.stack.pop()
            elif kind is yaml.DocumentStartEvent:
                self._start_document(event)
        if self.documents == 0:
            self.add_problem("empty-file", "the file is empty", 0)

    def _next_event(self, previous: Any) -> Any:
        try:
            return self.parser.get_event()
        except (ValueError, OverflowError):  # PyYAML does not catch these: "\\UFFFFFFFF", !<%C0>
            index = previous.end_mark.index if previous else 0
            message = "not valid YAML: a character or number that does not exist"
            self.add_problem("yaml-syntax", message, index)
            raise _Stop from None

    def _start_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._note("yaml-documents", "a second YAML document; one file has one", event)
            raise _Stop

    def _add_node(self, event: Any) -> None:
        container = self.stack[-1] if self.stack else None
        self._check_plain(event)
        if isinstance(container, Map) and self.key is None:
            self.key = self._key(event, container)
            return

        value = self._value(event)
        self._store(container, value, event.start_mark.index)
        if isinstance(value, (Map, Seq)):
            self.stack.append(value)
            if len(self.stack) > MAX_DEPTH:
                self._note("yaml-depth", f"nested more than {MAX_DEPTH} deep", event)
                raise _Stop

    def _store(self, container: Map | Seq | None, value: object, index: int) -> None:
        if isinstance(container, Map):
            assert self.key is not None
            if self.key not in container:  # of duplicate keys, the first one counts
                container[self.key] = value
                container.marks[self.key] = (container.marks[self.key][0], index)
            self.key = None
        elif isinstance(container, Seq):
            container.append(value)
            container.marks.append(index)
        else:
            self.root = value

    def _note(self, code: str, message: str, event: Any) -> None:
        self.add_problem(code, message, event.start_mark.index)

    def _check_plain(self, event: Any) -> None:
        if event.anchor is not None:
            message = "anchors and aliases are not allowed; write the value itself"
            self._note("yaml-anchor", message, event)
        tag = getattr(event, "tag", None)
        if tag is not None:
            message = f"YAML tags are not allowed ({str(tag)[:60]}); write the plain value"
            self._note("yaml-tag", message, event)

    def _value(self, event: Any) -> object:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            return self._scalar(event)
        if kind is yaml.MappingStartEvent:
            return Map()
        return Seq() if kind is yaml.SequenceStartEvent else None  # an alias is reported already

    def _scalar(self, event: Any) -> object:
        if event.style:
            return self._quoted(event)
        try:
            return resolve(event.value)
        except AmbiguousScalar as error:
            self._note("ambiguous-scalar", str(error), event)
            return event.value

    def _quoted(self, event: Any) -> str:
        value: str = event.value
        # The file's text was searched for such characters; an escape in double quotes makes new
        # ones.
        if event.style != '"':
            return value
        if match := CONTROL.search(value):
            message = f"escaped control character {code_point(match.group())}; remove it"
            self._note("control-character", message, event)
        elif hidden := next(hidden_characters(value), None):
            message = f"escaped invisible character {code_point(hidden.group())}; remove it"
            self._note("invisible-character", message, event)
        return value

    def _key(self, event: Any, container: Map) -> str:
        kind = type(event)
        if kind is not yaml.ScalarEvent:
            if kind is not yaml.AliasEvent:  # an alias is reported already
                self._note("yaml-key", "a key must be plain text", event)
            raise _Stop

        key: str = event.value
        if self._scalar(event) is None:
            self._note("yaml-key", "a key must be plain text, not null", event)
        elif event.style and ("\n" in key or "\t" in key):
            self._note("control-character", "a line break or tab in a key", event)

        if key in container:
            line, _ = self.position(container.marks[key][0])
            message = f"duplicate key {key[:80]!r} (first defined on line {line})"
            self._note("duplicate-key", message, event)
        else:
            index = event.start_mark.index
            container.marks[key] = (index, index)  # `_store` sets the value's offset
        return key


class _PurePython(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """PyYAML's own parser, for installations without its libyaml binding."""

    def __init__(self, stream: str) -> None:
        yaml.reader.Reader.__init__(self, stream)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
