"""Reads the few values that this tool needs from an `MLmodel` file, event by event.

A user who may write a version's artifacts may write this file. No objects are built from its YAML,
so that its size alone limits time and memory: a file of 480 bytes whose aliases refer to each other
needs gigabytes as soon as one of its values becomes text.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

SCALARS = frozenset(
    {
        ("model_size_bytes",),
        ("flavors", "python_function", "python_version"),
        ("signature", "inputs"),
        ("signature", "outputs"),
        ("signature", "params"),
    }
)
_MAPPINGS = frozenset({(), ("flavors",), ("flavors", "python_function"), ("signature",)})
_MAX_EVENTS = 200_000
"""Scalars, and starts and ends of mappings and lists. Files that MLflow writes have hundreds."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_ITEM = "[]"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnreadableModel(ValueError):
    """The file is not one that MLflow wrote."""


@dataclass(slots=True)
class _Container:
    """A mapping or list that is open. `key` is None while a mapping's next key is awaited."""

    path: tuple[str, ...]
    is_mapping: bool
    key: str | None = None
    keys: set[str] = field(default_factory=set)

    def begin(self, key: str) -> None:
        """Begin the value of a key. Of two values with one key, MLflow takes the last: which
        flavors there are must not depend on that."""
        is_flavor = self.path[:1] == ("flavors",) and len(self.path) < 3
        if is_flavor or (not self.path and key == "flavors"):
            if key in self.keys:
                raise UnreadableModel(f"{_name(self.path)} has a key twice")
            self.keys.add(key)
        self.key = key


@dataclass(slots=True)
class _Reader:
    values: dict[tuple[str, ...], str] = field(default_factory=dict)
    flavors: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    open: list[_Container] = field(default_factory=list)

    def read(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise UnreadableModel("it has YAML aliases")
        if isinstance(event, yaml.ScalarEvent):
            self._read_scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            path = self._next_path()
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            if path in SCALARS or (path in _MAPPINGS and not is_mapping):
                raise UnreadableModel(f"{_name(path)} has another type")
            self._read_flavor(path, ("{}",) if is_mapping else ())
            self.open.append(_Container(path, is_mapping))
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()
            self._end_value()

    def _read_scalar(self, event: yaml.ScalarEvent) -> None:
        parent = self.open[-1] if self.open else None
        if parent is not None and parent.is_mapping and parent.key is None:
            parent.begin(event.value)
            return

        path = self._next_path()
        is_null = event.implicit[0] and event.value in _NULLS
        if path in _MAPPINGS and not is_null:
            raise UnreadableModel(f"{_name(path)} has another type")
        if path in SCALARS:
            self.values.pop(path, None)
            if not is_null:
                self.values[path] = event.value
        self._read_flavor(path, () if is_null else (event.value,))
        self._end_value()

    def _read_flavor(self, path: tuple[str, ...], texts: tuple[str, ...]) -> None:
        """Keep a setting of a flavor: its text, or the texts of its list; `{}` is any mapping."""
        if path[:1] != ("flavors",) or len(path) < 2:
            return
        settings = self.flavors.setdefault(path[1], {})
        is_item = len(path) == 4 and path[3] == _ITEM
        if len(path) == 3 or is_item:
            settings.setdefault(path[2], []).extend(texts)

    def _next_path(self) -> tuple[str, ...]:
        """The path of the value that begins now."""
        if not self.open:
            return ()
        parent = self.open[-1]
        if parent.is_mapping and parent.key is None:
            raise UnreadableModel("it has a key that is no text")
        return (*parent.path, _ITEM if parent.key is None else parent.key)

    def _end_value(self) -> None:
        if self.open:
            self.open[-1].key = None


def read_values(
    text: str,
) -> tuple[dict[tuple[str, ...], str], dict[str, dict[str, tuple[str, ...]]]]:
    """Return the values of an `MLmodel` at the paths in SCALARS, without those that are null, and
    each flavor's settings as in `ModelFile.flavors`.

    Raises UnreadableModel if the text is no YAML mapping, has aliases, is larger than what MLflow
    writes, or has another type at one of these paths.
    """
    reader = _Reader()
    for count, event in enumerate(_events(text)):
        if count >= _MAX_EVENTS:
            raise UnreadableModel(f"it has more than {_MAX_EVENTS:,} parts")
        reader.read(event)
    flavors = {
        name: {key: tuple(texts) for key, texts in settings.items()}
        for name, settings in reader.flavors.items()
    }
    return reader.values, flavors


def read_scalars(text: str) -> dict[tuple[str, ...], str]:
    """Return the first part of `read_values` alone."""
    return read_values(text)[0]


def _events(text: str) -> Iterator[Any]:
    loader = _LOADER(io.StringIO(text))
    try:
        while loader.check_event():
            yield loader.get_event()
    except yaml.YAMLError as error:
        # Without the error's context, so that nothing from the file is quoted.
        reason = getattr(error, "problem", None) or "it is no YAML"
        raise UnreadableModel(str(reason)[:200]) from None
    finally:
        loader.dispose()


def _name(path: tuple[str, ...]) -> str:
    return ".".join(path) or "the file"
