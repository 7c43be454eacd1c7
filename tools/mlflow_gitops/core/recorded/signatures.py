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
    """Each way in which what calls the old version could not call the new one, column by column."""
    if new.inputs is not None and old.inputs is not None:
        yield from _inputs(new.inputs, old.inputs)
    elif new.inputs is not old.inputs:
        yield f"inputs: the {'new' if new.inputs is None else 'old'} signature says nothing of them"
    if old.outputs is not None:
        if new.outputs is None:
            yield "outputs: the new signature says nothing of them"
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
    # MLflow gives every parameter a default, so a new one breaks nobody; an unknown one is passed
    # over with a warning.
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
    """Columns by name; those without one (tensors) by place."""
    return {str(column.get("name", f"#{place}")): column for place, column in enumerate(columns)}


def _takes(wide: Column, narrow: Column) -> bool:
    """Whether whatever is right for `narrow` is right for `wide`."""
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
    """A parameter's kind, and its shape where it is a list."""
    shape = param.get("shape")
    return f"{_kind(param)} {tuple(shape)}" if shape else _kind(param)


def harmless(new: Signature, old: Signature) -> Iterator[str]:
    """Every other difference of two signatures, in the words of `breaks`; some of what that yields
    comes here again."""
    for what, now, then in (
        ("input", new.inputs, old.inputs),
        ("output", new.outputs, old.outputs),
    ):
        if now is None or then is None:
            continue
        known, before = _by_name(now), _by_name(then)
        for name in (*known, *(name for name in before if name not in known)):
            yield from _difference(what, name, known.get(name), before.get(name))
    if new.outputs is not None and old.outputs is None:
        yield "outputs: the old signature says nothing of them"
    params, before = _by_name(new.params or ()), _by_name(old.params or ())
    for name, param in params.items():
        if name not in before:
            yield f"parameter {name}: new, default {param.get('default')}"
        elif param.get("default") != before[name].get("default"):
            yield (
                f"parameter {name}: default {before[name].get('default')} → {param.get('default')}"
            )


def _difference(what: str, name: str, now: Column | None, then: Column | None) -> Iterator[str]:
    if now is None:
        yield f"{what} {name}: gone"
        return
    required = now.get("required", True)
    if then is None:
        new = "new" if what == "output" else "new and required" if required else "new, optional"
        yield f"{what} {name}: {new}"
        return
    if _kind(now) != _kind(then):
        yield f"{what} {name}: {_kind(then)} → {_kind(now)}"
    if what == "input" and then.get("required", True) and not required:
        yield f"input {name}: was required, is optional"
    if what == "output" and required and not then.get("required", True):
        yield f"output {name}: was optional, is always there"
