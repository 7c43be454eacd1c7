"""Model signatures: which differences break callers, and which do not.

Signatures come as MLflow's own lists (`Schema.to_dict()`). A type is wider than another if MLflow
itself converts the one to the other when a model is called: integer to long and double, float to
double (`mlflow.models.utils._enforce_mlflow_datatype`, 3.17). MLflow drops columns that a model
does not name, so a new version may stop taking one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow_gitops.core.recorded.values import Signature


_WIDER = {("integer", "long"), ("integer", "double"), ("float", "double")}


Column = Mapping[str, Any]


def breaks(new: Signature, old: Signature) -> Iterator[str]:
    """Each way in which a caller of the old version cannot call the new one, column by column."""
    if new.inputs is not None and old.inputs is not None:
        yield from _inputs(new.inputs, old.inputs)
    elif new.inputs is not old.inputs:
        yield f"inputs: the {'new' if new.inputs is None else 'old'} signature does not name any"
    if old.outputs is not None:
        if new.outputs is None:
            yield "outputs: the new signature does not name any"
        else:
            yield from _outputs(new.outputs, old.outputs)
    yield from _params(new.params or (), old.params or ())


def _inputs(new: Sequence[Column], old: Sequence[Column]) -> Iterator[str]:
    old_columns = _by_name(old)
    for name, column in _by_name(new).items():
        if name not in old_columns:
            if column.get("required", True):
                yield f"input {name}: new and required"
            continue
        before = old_columns[name]
        if column.get("required", True) and not before.get("required", True):
            yield f"input {name}: was optional, is required"
        if not _takes(column, before):
            yield f"input {name}: {_kind(before)} → {_kind(column)}"


def _outputs(new: Sequence[Column], old: Sequence[Column]) -> Iterator[str]:
    new_columns = _by_name(new)
    for name, before in _by_name(old).items():
        if name not in new_columns:
            yield f"output {name}: gone"
        elif not _takes(before, new_columns[name]):
            yield f"output {name}: {_kind(before)} → {_kind(new_columns[name])}"
        elif before.get("required", True) and not new_columns[name].get("required", True):
            yield f"output {name}: was always there, is optional"


def _params(new: Sequence[Column], old: Sequence[Column]) -> Iterator[str]:
    # MLflow gives every parameter a default, so a new one breaks no caller. An unknown parameter
    # only causes a warning.
    new_params = _by_name(new)
    for name, before in _by_name(old).items():
        if name not in new_params:
            yield f"parameter {name}: gone"
        elif (before.get("type"), before.get("shape")) != (
            new_params[name].get("type"),
            new_params[name].get("shape"),
        ):
            yield f"parameter {name}: {_shaped(before)} → {_shaped(new_params[name])}"


def _by_name(columns: Sequence[Column]) -> dict[str, Column]:
    """Columns by name; those without one (tensors) by their position."""
    return {
        str(column.get("name", f"#{position}")): column for position, column in enumerate(columns)
    }


def _takes(wide: Column, narrow: Column) -> bool:
    """Whether every value that `narrow` accepts is accepted by `wide`."""
    wide_type, narrow_type = wide.get("type"), narrow.get("type")
    if wide_type == "any":
        return True
    if wide_type != narrow_type:
        return (narrow_type, wide_type) in _WIDER
    if wide_type == "tensor":
        return _takes_tensor(wide.get("tensor-spec") or {}, narrow.get("tensor-spec") or {})
    if wide_type == "array" or wide_type == "map":
        inner = "items" if wide_type == "array" else "values"
        return _takes(_spec(wide.get(inner)), _spec(narrow.get(inner)))
    if wide_type == "object":
        return not list(_inputs(_properties(wide), _properties(narrow)))
    return True


def _takes_tensor(wide: Column, narrow: Column) -> bool:
    shapes = list(wide.get("shape") or ()), list(narrow.get("shape") or ())
    fits = len(shapes[0]) == len(shapes[1]) and all(
        a in (-1, b) for a, b in zip(*shapes, strict=True)
    )
    return bool(fits and wide.get("dtype") == narrow.get("dtype"))


def _spec(inner: Any) -> Column:
    return inner if isinstance(inner, Mapping) else {"type": inner}


def _properties(column: Column) -> list[Column]:
    return [
        {"name": name, **_spec(inner)} for name, inner in (column.get("properties") or {}).items()
    ]


def _kind(column: Column) -> str:
    kind = str(column.get("type"))
    if kind == "tensor":
        spec = column.get("tensor-spec") or {}
        return f"tensor {spec.get('dtype')} {tuple(spec.get('shape') or ())}"
    if kind in ("array", "map", "object"):
        inner = column.get("items") or column.get("values") or column.get("properties")
        return f"{kind} of {json.dumps(inner, sort_keys=True)}"
    return kind


def _shaped(param: Column) -> str:
    """A parameter's type, and its shape if it is a list."""
    shape = param.get("shape")
    return f"{_kind(param)} {tuple(shape)}" if shape else _kind(param)


def harmless(new: Signature, old: Signature) -> Iterator[str]:
    """Every other difference between two signatures, worded as in `breaks`; some of what `breaks`
    yields is repeated here."""
    for part, new_columns, old_columns in (
        ("input", new.inputs, old.inputs),
        ("output", new.outputs, old.outputs),
    ):
        if new_columns is not None and old_columns is not None:
            yield from _column_differences(part, new_columns, old_columns)
    if new.outputs is not None and old.outputs is None:
        yield "outputs: the old signature does not name any"

    old_params = _by_name(old.params or ())
    for name, param in _by_name(new.params or ()).items():
        default = param.get("default")
        if name not in old_params:
            yield f"parameter {name}: new, default {default}"
        elif default != old_params[name].get("default"):
            yield f"parameter {name}: default {old_params[name].get('default')} → {default}"


def _column_differences(part: str, new: Sequence[Column], old: Sequence[Column]) -> Iterator[str]:
    """The differences in the inputs or outputs: the new version's columns first."""
    new_columns, old_columns = _by_name(new), _by_name(old)
    for name in dict.fromkeys([*new_columns, *old_columns]):
        yield from _difference(part, name, new_columns.get(name), old_columns.get(name))


def _difference(part: str, name: str, new: Column | None, old: Column | None) -> Iterator[str]:
    if new is None:
        yield f"{part} {name}: gone"
        return

    is_required = new.get("required", True)
    if old is None:
        addition = "new and required" if is_required else "new, optional"
        yield f"{part} {name}: {'new' if part == 'output' else addition}"
        return

    was_required = old.get("required", True)
    if _kind(new) != _kind(old):
        yield f"{part} {name}: {_kind(old)} → {_kind(new)}"
    if part == "input" and was_required and not is_required:
        yield f"input {name}: was required, is optional"
    if part == "output" and is_required and not was_required:
        yield f"output {name}: was optional, is always there"
