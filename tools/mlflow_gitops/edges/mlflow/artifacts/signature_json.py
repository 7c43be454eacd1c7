"""Reads the JSON of a model's signature, as MLflow writes it into the file `MLmodel`.

MLflow's own reader, `mlflow.models.ModelSignature`, needs NumPy and pandas, which the small client
(`mlflow-skinny`) does not bring. The rules are those of `mlflow.types.schema` (3.17).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlflow_gitops.core.audit.untrusted_json import loads
from mlflow_gitops.core.recorded.values import Signature

_SIMPLE = frozenset(
    {"boolean", "integer", "long", "float", "double", "string", "binary", "datetime"}
    | {"any", "sparkml vector"}
)
"""The types that have no parts."""

_TENSOR_TYPE = re.compile(r"[a-z]+[0-9]*(\[\w+\])?\Z")
"""The names that NumPy gives its types, such as `float64` and `datetime64[ns]`."""

Columns = tuple[dict[str, Any], ...]


class NotASignature(ValueError):
    """The text is not what MLflow writes for a signature."""


def parse_signature(texts: Mapping[str, str]) -> Signature | None:
    """The signature whose parts (`inputs`, `outputs`, `params`) are these JSON texts; None if there
    are none. Raises ValueError for anything that MLflow does not write."""
    if not texts:
        return None
    columns = {part: _columns(texts[part]) for part in ("inputs", "outputs") if part in texts}
    params = tuple(map(_param, _items(texts["params"]))) if "params" in texts else None
    return Signature(columns.get("inputs"), columns.get("outputs"), params)


def _items(text: str) -> list[dict[str, Any]]:
    items = loads(text)
    if not isinstance(items, list) or not items:
        raise NotASignature("a part of its signature is no list, or an empty one")
    if not all(isinstance(item, dict) for item in items):
        raise NotASignature("a part of its signature lists something other than columns")
    return items


def _columns(text: str) -> Columns:
    columns = tuple(map(_column, _items(text)))
    if _is_mixed("name" in column for column in columns):
        raise NotASignature("its signature mixes columns with and without names")
    if _is_mixed(column["type"] == "tensor" for column in columns):
        raise NotASignature("its signature mixes columns and tensors")
    return columns


def _column(item: Mapping[str, Any]) -> dict[str, Any]:
    named = {} if item.get("name") is None else {"name": str(item["name"])}
    if item.get("type") == "tensor":
        return {**named, "type": "tensor", "tensor-spec": _tensor(item.get("tensor-spec"))}
    return {**_typed(item), **named, "required": _is_required(item)}


def _is_required(item: Mapping[str, Any]) -> bool:
    """Whether callers must pass a column. Before MLflow 2.6, `optional` was written instead."""
    if "required" in item:
        return bool(item["required"])
    return not item.get("optional", False)


def _tensor(spec: Any) -> dict[str, Any]:
    if not isinstance(spec, dict):
        raise NotASignature("a tensor of its signature has no type and shape")

    kind, shape = spec.get("dtype"), spec.get("shape")
    if not isinstance(kind, str) or not _TENSOR_TYPE.match(kind):
        raise NotASignature("a tensor of its signature has an unknown type")
    return {"dtype": kind, "shape": _shape(shape)}


def _shape(shape: Any) -> list[int]:
    is_list = isinstance(shape, list)
    if not is_list or not all(isinstance(size, int) for size in shape):
        raise NotASignature("a shape in its signature is no list of numbers")
    return list(shape)


def _param(item: Mapping[str, Any]) -> dict[str, Any]:
    # MLflow before 2.10 wrote `dtype`.
    typed = _typed({**item, "type": item.get("type") or item.get("dtype")})
    if not isinstance(item.get("name"), str) or "default" not in item:
        raise NotASignature("a parameter of its signature has no name or no default")
    shape = None if item.get("shape") is None else _shape(item["shape"])
    return {"name": item["name"], "default": item["default"], "shape": shape, **typed}


def _typed(item: Any) -> dict[str, Any]:
    """The keys that describe a type, those of the types inside it with them."""
    kind = item.get("type") if isinstance(item, dict) else None
    if not isinstance(kind, str):
        raise NotASignature("a column of its signature has no type")
    if kind in _SIMPLE:
        return {"type": kind}
    if kind == "array":
        return {"type": kind, "items": _typed(item.get("items"))}
    if kind == "map":
        return {"type": kind, "values": _typed(item.get("values"))}
    if kind == "object":
        return {"type": kind, "properties": dict(_properties(item.get("properties")))}
    raise NotASignature("a column of its signature has an unknown type")


def _properties(properties: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The properties of an object, by name, in the order in which MLflow keeps them."""
    if not isinstance(properties, dict) or not properties:
        raise NotASignature("an object in its signature has no properties")
    for name in sorted(properties):
        item = properties[name]
        yield name, {**_typed(item), "required": _is_required(item)}


def _is_mixed(answers: Iterable[bool]) -> bool:
    return len(set(answers)) > 1
