"""Edits of a YAML text that leave the rest of it as it is: comments, order, quoting, line ends.

Each function takes a text and a node of it, and returns the new text. The positions in nodes are
those of the text that they were composed from, so compose again between two edits. PyYAML's nodes
are used, since they have the ends of values, which `document.py` does not keep.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import yaml

from mlflow_gitops.core.yaml.scalars import AmbiguousScalar, resolve

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_. -]*[A-Za-z0-9_])?\Z")
_BREAK = re.compile(r"\r\n|\r|\n")
_COLON = re.compile(r"[ \t]*:")
_COMMA = re.compile(r"[ \t]*,?")
_REST_OF_ITEM = re.compile(r"[ \t]*(?:(,)[ \t]*)?(?:#.*)?\Z")


class UnsupportedLayout(Exception):
    """The text has a layout that these edits do not support. Nothing was changed."""


def compose(text: str) -> yaml.MappingNode:
    """Return the nodes of a document. Raises UnsupportedLayout if its root is no mapping."""
    root = yaml.compose(text, Loader=_LOADER)
    if not isinstance(root, yaml.MappingNode):
        raise UnsupportedLayout
    return root


def find_entry(node: yaml.MappingNode, key: str) -> tuple[int, yaml.Node, yaml.Node] | None:
    """Return the index of a key in a mapping, the key's node and its value's; None without such a
    key."""
    for i, (key_node, value_node) in enumerate(node.value):
        if key_node.value == key:
            return i, key_node, value_node
    return None


def value_end(text: str, node: yaml.Node) -> int:
    """Return where a value's own text ends; that of a block is the end of its last value."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return value_end(text, last[1] if isinstance(last, tuple) else last)

    end: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        # The node of a block scalar ends where the next node begins. Only with `+` do the blank
        # lines in between belong to the value.
        start: int = node.start_mark.index
        header = text[start : line_end(text, start)].split("#")[0]
        return end if "+" in header else len(text[:end].rstrip())
    return end


def quoted(value: str, neighbour: yaml.Node | None) -> str:
    """Return a text as a scalar, in the quotes of a neighbour.

    Without quotes there, it is plain if it reads as the same text then.
    """
    style = neighbour.style if isinstance(neighbour, yaml.ScalarNode) else None
    if style == "'":
        return "'" + value.replace("'", "''") + "'"
    if style != '"' and _can_be_plain(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _can_be_plain(value: str) -> bool:
    try:
        return bool(_PLAIN.match(value)) and resolve(value) == value
    except AmbiguousScalar:
        return False


def replace_value(text: str, key: yaml.Node, value: yaml.Node, new: str) -> str:
    """Replace the value of a key, or add one if it is empty."""
    start, end = value.start_mark.index, value_end(text, value)
    if text[start:end].strip():
        return text[:start] + new + text[end:]

    key_end: int = key.end_mark.index
    colon = _COLON.match(text, key_end)
    if colon is None:  # an entry of a flow mapping may have none: `{a}`
        return f"{text[:key_end]}: {new}{text[key_end:]}"
    return f"{text[: colon.end()]} {new}{text[colon.end() :]}"


def insert(text: str, node: yaml.CollectionNode, i: int, item: str, above: int = 0) -> str:
    """Insert an item of a list, or an entry of a mapping, before number `i`.

    In a block, the first one goes below the line of the offset `above`. The caller has indented
    further lines of the item.
    """
    spans = _spans(text, node)
    if not spans:
        return _fill(text, node, item)
    if not node.flow_style:
        indentation = _line_head(text, spans[0][0])
        if indentation.strip(" ") not in ("", "-"):
            raise UnsupportedLayout
        return _add_lines(text, spans[i - 1][1] if i else above, indentation + item)
    if i == 0:
        return _insert_first(text, spans[0][0], item)

    end = spans[i - 1][1]
    comma = _comma_if_alone(text, *spans[i - 1])
    if comma is None:
        return f"{text[:end]}, {item}{text[end:]}"
    text = _add_lines(text, end, _line_head(text, spans[i - 1][0]) + item + comma)
    return text if comma else f"{text[:end]},{text[end:]}"


def _insert_first(text: str, start: int, item: str) -> str:
    """Insert an item before the first one of a flow collection, which begins at `start`."""
    head = _line_head(text, start)
    separator = ", " if head.strip() else f",{line_break(text)}{head}"
    return text[:start] + item + separator + text[start:]


def remove(text: str, node: yaml.CollectionNode, i: int) -> str:
    """Remove an item of a list, or an entry of a mapping; with its lines if they are its own."""
    spans = _spans(text, node)
    start, end = spans[i]
    if not node.flow_style:
        return _remove_lines(text, start, end)

    is_last = i == len(spans) - 1
    previous_end = spans[i - 1][1] if i else None
    comma = _comma_if_alone(text, start, end)
    if comma is None:
        next_start = None if is_last else spans[i + 1][0]
        return _cut(text, start, end, previous_end, next_start)

    text = _remove_lines(text, start, end)
    if is_last and not comma and previous_end is not None and text[previous_end] == ",":
        return text[:previous_end] + text[previous_end + 1 :]
    return text


def _cut(text: str, start: int, end: int, previous_end: int | None, next_start: int | None) -> str:
    """Remove an item of a flow collection that shares its line with others.

    The offsets are those of the item, the end of the one before and the start of the one after.
    """
    cut_start, cut_end = start, end
    if previous_end is not None and line_end(text, previous_end) > start:
        cut_start = previous_end
    elif next_start is not None:
        cut_end = next_start
    elif previous_end is not None:
        cut_start = previous_end

    if "#" in text[cut_start:cut_end]:
        # A comment may belong to another item, so it stays; so may the comma before.
        comma = _COMMA.match(text, end)
        is_last = next_start is None
        cut_start, cut_end = start, comma.end() if comma and not is_last else end
    return text[:cut_start] + text[cut_end:]


def has_comment(text: str, node: yaml.MappingNode, i: int) -> bool:
    """Return whether removing an entry whose value has no text of its own would remove a
    comment."""
    start, end = _spans(text, node)[i]
    if not node.flow_style or _comma_if_alone(text, start, end) is not None:
        end = line_end(text, end)
    return "#" in text[node.value[i][0].end_mark.index : end]


def key_indentation(text: str, node: yaml.CollectionNode) -> str | None:
    """Return the indentation of a block mapping's keys; None in flow style."""
    if node.flow_style or not node.value:
        return None
    head = _line_head(text, _spans(text, node)[0][0])
    if head.strip(" "):
        raise UnsupportedLayout
    return head


def double_quoted(key: yaml.Node | None) -> yaml.Node | None:
    """Return a key as the example for quoting values, if it is in double quotes.

    Then the file may be JSON.
    """
    return key if isinstance(key, yaml.ScalarNode) and key.style == '"' else None


def indent_step(text: str, root: yaml.MappingNode) -> str:
    """Return by how much the file indents: as its first nested block does, else two spaces."""
    outer = key_indentation(text, root) or ""
    for _, value in root.value:
        if isinstance(value, yaml.MappingNode):
            inner = key_indentation(text, value)
            if inner is not None:
                return inner[len(outer) :]
    return "  "


def insert_position(ranks: Sequence[int], new: int) -> int:
    """Return where people would insert an item of rank `new`.

    Among ranks in rising or falling order it is in order, otherwise last.
    """
    if len(ranks) > 1 and list(ranks) == sorted(ranks, reverse=True):
        return next((i for i, rank in enumerate(ranks) if rank < new), len(ranks))
    if list(ranks) == sorted(ranks):
        return next((i for i, rank in enumerate(ranks) if rank > new), len(ranks))
    return len(ranks)


def line_break(text: str) -> str:
    """Return how the lines of a text end."""
    first_break = _BREAK.search(text)
    return first_break.group() if first_break else "\n"


def line_end(text: str, at: int) -> int:
    """Return the end of the line of an offset, before its line break."""
    next_break = _BREAK.search(text, at)
    return next_break.start() if next_break else len(text)


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _line_head(text: str, at: int) -> str:
    """Return what is before an offset on its line."""
    return text[_line_start(text, at) : at]


def _spans(text: str, node: yaml.CollectionNode) -> list[tuple[int, int]]:
    """Return where each item, or each entry of a mapping, begins and ends."""
    if isinstance(node, yaml.MappingNode):
        return [
            (key.start_mark.index, _entry_end(text, node, key, value)) for key, value in node.value
        ]
    return [(item.start_mark.index, value_end(text, item)) for item in node.value]


def _entry_end(text: str, node: yaml.MappingNode, key: yaml.Node, value: yaml.Node) -> int:
    if node.flow_style and value.start_mark.index == value.end_mark.index:
        # For an empty value, libyaml gives the position of the next comma, and PyYAML's own parser
        # that of the colon.
        colon = _COLON.match(text, key.end_mark.index)
        return colon.end() if colon else key.end_mark.index
    return value_end(text, value)


def _comma_if_alone(text: str, start: int, end: int) -> str | None:
    """Return the comma after an item of a flow collection ("" without one), if the item is alone on
    its lines; else None."""
    if _line_head(text, start).strip():
        return None
    match = _REST_OF_ITEM.match(text[end : line_end(text, end)])
    return match.group(1) or "" if match else None


def _fill(text: str, node: yaml.Node, item: str) -> str:
    """Insert the first item into `{}` or `[]`."""
    start, end = node.start_mark.index, node.end_mark.index
    inside = text[start + 1 : end - 1]
    comment = inside if inside.strip() else ""
    return text[: start + 1] + item + comment + text[end - 1 :]


def _add_lines(text: str, at: int, lines: str) -> str:
    """Add whole lines below the line of an offset, or at the offset if a line begins there."""
    if at and text[at - 1] in "\r\n":
        return text[:at] + lines + line_break(text) + text[at:]
    next_break = _BREAK.search(text, at)
    if next_break is None:  # a text without a final line break stays one
        return text + line_break(text) + lines
    return text[: next_break.end()] + lines + next_break.group() + text[next_break.end() :]


def _remove_lines(text: str, start: int, end: int) -> str:
    """Remove the lines from one offset to another."""
    start = _line_start(text, start)
    next_break = _BREAK.search(text, end)
    if next_break is None:
        return text[:start].removesuffix("\n").removesuffix("\r")
    return text[:start] + text[next_break.end() :]
