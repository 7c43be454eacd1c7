"""The values of a short YAML text that has nothing unusual in it, in half the time that reading its
events takes.

libyaml's binding makes a tree of nodes without a Python object for every event. The tree does not
show everything that `core/yaml/document.py` refuses, so this reads only where it is sure, and says
nothing otherwise: then the events are read, and they alone tell what is wrong. A test holds the two
against each other.
"""

from __future__ import annotations

from typing import Any

import yaml

from mlflow_gitops.core.yaml.nodes import Map, Seq
from mlflow_gitops.core.yaml.scalars import resolve

_LONGEST = 1 << 14
"""Characters. The binding goes down into nested text by recursion, so that no text may be deep
enough to exhaust the stack."""
_UNSEEN = ("&", "*", "!")
"""What begins an anchor, an alias and a tag, of which a node tells nothing. Inside text they only
cost time."""

_Composer: Any
try:
    from yaml._yaml import CParser  # `yaml` itself does not name it

    class _Plain(CParser):
        """Makes nodes and asks for no tags: `resolve` below this tells what a scalar is."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            return kind

        def descend_resolver(self, *_: Any) -> None: ...

        def ascend_resolver(self) -> None: ...

    _Composer = _Plain
except ImportError:
    _Composer = None


class _Unsure(Exception):
    """The events must be read."""


def parse_fast(text: str, control: Any, depth: int) -> Map | Seq | None:
    """The value of a text; None where it is not plainly right. `control` finds what no escape may
    put into a text, `depth` is how deep values may be nested."""
    if _Composer is None or len(text) > _LONGEST or any(sign in text for sign in _UNSEEN):
        return None
    try:
        node = _Composer(text).get_single_node()
        found = (
            None if type(node) in (type(None), yaml.ScalarNode) else _value(node, control, depth)
        )
    except (
        yaml.YAMLError,
        ValueError,
        OverflowError,
        _Unsure,
    ):  # an AmbiguousScalar is a ValueError
        return None
    return found


def _value(node: Any, control: Any, depth: int) -> Any:
    kind = type(node)
    if kind is yaml.ScalarNode:
        if not node.style:
            return resolve(node.value)
        if node.style == '"' and control.search(node.value):
            raise _Unsure
        return node.value
    if depth == 0:
        raise _Unsure
    if kind is yaml.MappingNode:
        found = Map()
        for name, below in node.value:
            key = _key(name, control)
            if key in found:
                raise _Unsure
            found.marks[key] = (name.start_mark.index, below.start_mark.index)
            found[key] = _value(below, control, depth - 1)
        return found
    items = Seq()
    for below in node.value:
        items.marks.append(below.start_mark.index)
        items.append(_value(below, control, depth - 1))
    return items


def _key(node: Any, control: Any) -> str:
    if type(node) is not yaml.ScalarNode or _value(node, control, 0) is None:
        raise _Unsure
    text: str = node.value
    if node.style and ("\n" in text or "\t" in text):
        raise _Unsure
    return text
