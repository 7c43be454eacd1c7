"""Changes of a YAML text that leave all the rest of it as it stands: comments, order, quoting,
blank lines, line ends.

Each function takes a text and a node of it and returns the new text; nodes speak of the text that
they were composed from, so whoever makes several changes composes again in between. PyYAML's nodes
say where a value ends, which the values of `core.yamldoc` do not.
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
_REST_OF_ITEM = re.compile(r"[ \t]*(,?)[ \t]*(?:#.*)?\Z")


class UnsupportedLayout(Exception):
    """A layout that is not known here; nothing was changed."""


def compose(text: str) -> yaml.MappingNode:
    """The nodes of a document whose root is a mapping."""
    root = yaml.compose(text, Loader=_LOADER)
    if not isinstance(root, yaml.MappingNode):
        raise UnsupportedLayout
    return root


def find_entry(node: yaml.MappingNode, key: str) -> tuple[int, yaml.Node, yaml.Node] | None:
    """The place of a key in a mapping, its node and its value's."""
    for i, (name, value) in enumerate(node.value):
        if name.value == key:
            return i, name, value
    return None


def value_end(text: str, node: yaml.Node) -> int:
    """Where a value's own text ends; a block's, at the end of its last value."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return value_end(text, last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        header = text[node.start_mark.index : line_end(text, node.start_mark.index)].split("#")[0]
        # Its node reaches to the next one. Only with `+` do the blank lines in between belong to
        # the value.
        return end if "+" in header else len(text[:end].rstrip())
    return end


def quoted(value: str, like: yaml.Node | None) -> str:
    """A text as a scalar, quoted as `like` is; plain, where that is not quoted and the text can
    stand so."""
    style = like.style if isinstance(like, yaml.ScalarNode) else None
    if style == "'":
        return "'" + value.replace("'", "''") + "'"
    try:
        plain = style != '"' and bool(_PLAIN.match(value)) and resolve(value) == value
    except AmbiguousScalar:
        plain = False
    return value if plain else json.dumps(value, ensure_ascii=False)


def replace_value(text: str, key: yaml.Node, value: yaml.Node, new: str) -> str:
    """Replace the value of a key."""
    start, end = value.start_mark.index, value_end(text, value)
    if text[start:end].strip():
        return text[:start] + new + text[end:]
    after: int = key.end_mark.index
    colon = _COLON.match(text, after)  # an entry of a flow mapping may have none
    after, new = (colon.end(), f" {new}") if colon else (after, f": {new}")
    return text[:after] + new + text[after:]


def insert(text: str, node: yaml.CollectionNode, i: int, item: str, above: int = 0) -> str:
    """Put an item, or the entry of a mapping, in before number `i`. What comes first in a block
    goes below the line of the offset `above`. Further lines of the item are indented by whoever
    made it."""
    spans = _spans(text, node)
    if not spans:
        return _fill(text, node, item)
    if not node.flow_style:
        head = _head(text, spans[0][0])
        if head.strip(" ") not in ("", "-"):
            raise UnsupportedLayout
        return _below(text, spans[i - 1][1] if i else above, head + item)
    if i == 0:
        start = spans[0][0]
        head = _head(text, start)
        return (
            text[:start]
            + item
            + (", " if head.strip() else f",{line_break(text)}{head}")
            + text[start:]
        )
    end = spans[i - 1][1]
    comma = _alone(text, *spans[i - 1])
    if comma is None:
        return f"{text[:end]}, {item}{text[end:]}"
    text = _below(text, end, _head(text, spans[i - 1][0]) + item + comma)
    return text if comma else f"{text[:end]},{text[end:]}"


def remove(text: str, node: yaml.CollectionNode, i: int) -> str:
    """Take an item, or the entry of a mapping, out: with its lines where they are its own."""
    spans = _spans(text, node)
    start, end = spans[i]
    if not node.flow_style:
        return _without_lines(text, start, end)
    last = i == len(spans) - 1
    comma = _alone(text, start, end)
    if comma is not None:
        text = _without_lines(text, start, end)
        before = spans[i - 1][1] if i else 0
        drop = last and not comma and i > 0 and text[before] == ","
        return text[:before] + text[before + 1 :] if drop else text
    if i and line_end(text, spans[i - 1][1]) > start:
        cut = spans[i - 1][1], end
    elif not last:
        cut = start, spans[i + 1][0]
    else:
        cut = spans[i - 1][1] if i else start, end
    if "#" in text[slice(*cut)]:  # a comment of somebody else's, perhaps; the comma before may stay
        after = _COMMA.match(text, end)
        cut = start, after.end() if after and not last else end
    return text[: cut[0]] + text[cut[1] :]


def has_comment(text: str, node: yaml.MappingNode, i: int) -> bool:
    """Whether a comment would go with an entry whose value holds no text of its own, were it
    removed."""
    start, end = _spans(text, node)[i]
    if not node.flow_style or _alone(text, start, end) is not None:
        end = line_end(text, end)
    return "#" in text[node.value[i][0].end_mark.index : end]


def key_indentation(text: str, node: yaml.CollectionNode) -> str | None:
    """The indentation of a block mapping's keys; None in flow style."""
    if node.flow_style or not node.value:
        return None
    head = _head(text, _spans(text, node)[0][0])
    if head.strip(" "):
        raise UnsupportedLayout
    return head


def double_quoted(like: yaml.Node | None) -> yaml.Node | None:
    """What values are quoted like: where keys are in double quotes, the file may be JSON."""
    return like if isinstance(like, yaml.ScalarNode) and like.style == '"' else None


def indent_step(text: str, root: yaml.MappingNode) -> str:
    """By how much the file indents: as its first nested block does, else two spaces."""
    outer = key_indentation(text, root) or ""
    for _, value in root.value:
        if (
            isinstance(value, yaml.MappingNode)
            and (head := key_indentation(text, value)) is not None
        ):
            return head[len(outer) :]
    return "  "


def insert_position(ranks: Sequence[int], new: int) -> int:
    """Where people would put one of rank `new`: in order among those that are in order, rising or
    falling; else last."""
    if len(ranks) > 1 and list(ranks) == sorted(ranks, reverse=True):
        return next((i for i, rank in enumerate(ranks) if rank < new), len(ranks))
    if list(ranks) == sorted(ranks):
        return next((i for i, rank in enumerate(ranks) if rank > new), len(ranks))
    return len(ranks)


def line_break(text: str) -> str:
    """How the lines of a text end."""
    found = _BREAK.search(text)
    return found.group() if found else "\n"


def line_end(text: str, at: int) -> int:
    """The end of the line that an offset lies on, before its line break."""
    found = _BREAK.search(text, at)
    return found.start() if found else len(text)


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _head(text: str, at: int) -> str:
    return text[_line_start(text, at) : at]


def _spans(text: str, node: yaml.CollectionNode) -> list[tuple[int, int]]:
    """Where each item, or each entry of a mapping, begins and ends."""
    if isinstance(node, yaml.MappingNode):
        return [
            (key.start_mark.index, _entry_end(text, node, key, value)) for key, value in node.value
        ]
    return [(item.start_mark.index, value_end(text, item)) for item in node.value]


def _entry_end(text: str, node: yaml.MappingNode, key: yaml.Node, value: yaml.Node) -> int:
    if node.flow_style and value.start_mark.index == value.end_mark.index:
        # libyaml says that an empty value stands at the next comma, PyYAML's own parser at the
        # colon.
        colon = _COLON.match(text, key.end_mark.index)
        return colon.end() if colon else key.end_mark.index
    return value_end(text, value)


def _alone(text: str, start: int, end: int) -> str | None:
    """The comma behind an item of a flow collection ("" for none), if the item has its lines for
    itself; else None."""
    if _head(text, start).strip():
        return None
    rest = _REST_OF_ITEM.match(text[end : line_end(text, end)])
    return rest.group(1) if rest else None


def _fill(text: str, node: yaml.Node, item: str) -> str:
    """Put the first item into `{}` or `[]`."""
    start, end = node.start_mark.index, node.end_mark.index
    inside = text[start + 1 : end - 1]
    return text[: start + 1] + item + ("" if not inside.strip() else inside) + text[end - 1 :]


def _below(text: str, at: int, lines: str) -> str:
    """Put whole lines in below the line that an offset lies on; behind it, where that offset begins
    a line already."""
    if at and text[at - 1] in "\r\n":
        return text[:at] + lines + line_break(text) + text[at:]
    found = _BREAK.search(text, at)
    if found is None:
        return text + line_break(text) + lines  # a text without a line break at its end stays one
    return text[: found.end()] + lines + found.group() + text[found.end() :]


def _without_lines(text: str, start: int, end: int) -> str:
    """The text without the lines from one offset to another."""
    start = _line_start(text, start)
    found = _BREAK.search(text, end)
    if found is None:
        kept = text[:start]
        return kept[:-2] if kept.endswith("\r\n") else kept[:-1]
    return text[:start] + text[found.end() :]
