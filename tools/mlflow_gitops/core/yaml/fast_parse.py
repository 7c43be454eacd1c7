"""Parses short, ordinary YAML texts in half the time that `event_parse.py` takes.

libyaml's binding builds a tree of nodes without a Python object for each event. The tree does not
show everything that must be refused, so this returns a value only if nothing can be wrong, and None
otherwise: then the events are read, and only they decide and give reasons. A test compares the two.
"""

from __future__ import annotations

from typing import Any

import yaml

from mlflow_gitops.core.yaml.characters import has_hidden
from mlflow_gitops.core.yaml.limits import MAX_DEPTH
from mlflow_gitops.core.yaml.nodes import Map, Seq
from mlflow_gitops.core.yaml.scalars import resolve

_MAX_LENGTH = 1 << 14
"""Characters. The binding reads nested text by recursion; no text of this length exhausts the
stack."""

_INVISIBLE_SIGNS = ("&", "*", "!")
"""Anchors, aliases and tags begin with these, and nodes do not show them. In ordinary text these
characters only cost time."""

_Composer: Any
try:
    from yaml._yaml import CParser  # `yaml` itself does not export it

    class _UntypedParser(CParser):
        """Builds nodes without resolving their tags: `scalars.resolve` decides what a scalar is."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            return kind

        def descend_resolver(self, *_: Any) -> None: ...

        def ascend_resolver(self) -> None: ...

    _Composer = _UntypedParser
except ImportError:
    _Composer = None


class _Unsure(Exception):
    """Something may be wrong, so the events must be read."""


def parse_fast(text: str) -> Map | Seq | None:
    """Return the value of a text; None if it is no collection, or anything may be wrong with it."""
    if _Composer is None or len(text) > _MAX_LENGTH:
        return None
    if any(sign in text for sign in _INVISIBLE_SIGNS):
        return None

    try:
        node = _Composer(text).get_single_node()
        if isinstance(node, yaml.CollectionNode):
            return _value(node, MAX_DEPTH)  # type: ignore[no-any-return]
    except (yaml.YAMLError, ValueError, OverflowError, _Unsure):  # AmbiguousScalar is a ValueError
        pass
    return None


def _value(node: Any, depth: int) -> Any:
    """Return a node's value, which may contain `depth` levels of collections."""
    kind = type(node)
    if kind is yaml.ScalarNode:
        if not node.style:
            return resolve(node.value)
        if node.style == '"' and has_hidden(node.value):
            raise _Unsure  # an escape made a control character or an invisible one
        return node.value

    if depth == 0:
        raise _Unsure
    if kind is yaml.MappingNode:
        return _mapping(node, depth)
    items = Seq()
    for item in node.value:
        items.marks.append(item.start_mark.index)
        items.append(_value(item, depth - 1))
    return items


def _mapping(node: Any, depth: int) -> Map:
    mapping = Map()
    marks = mapping.marks
    for key_node, value_node in node.value:
        key = _key(key_node)
        if key in mapping:
            raise _Unsure
        marks[key] = (key_node.start_mark.index, value_node.start_mark.index)
        mapping[key] = _value(value_node, depth - 1)
    return mapping


def _key(node: Any) -> str:
    if type(node) is not yaml.ScalarNode:
        raise _Unsure
    key: str = node.value
    if not node.style:
        is_usable = resolve(key) is not None
    else:
        is_usable = key.isprintable() and not has_hidden(key)
    if not is_usable:
        raise _Unsure
    return key
