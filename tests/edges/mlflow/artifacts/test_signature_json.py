"""The JSON of a signature is read as MLflow's own reader reads it, without that reader."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from mlflow.models import ModelSignature
from mlflow.types.schema import (
    AnyType,
    Array,
    ColSpec,
    Map,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    TensorSpec,
)

from mlflow_gitops.core.recorded.values import Signature
from mlflow_gitops.edges.mlflow.artifacts.signature_json import NotASignature, parse_signature

PEOPLE = Object([Property("name", "string"), Property("age", "long", required=False)])
SCALARS = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")

SCHEMAS: dict[str, list[Any]] = {
    "every simple type": [ColSpec(kind, kind) for kind in SCALARS],
    "no names": [ColSpec("double"), ColSpec("string")],
    "optional": [ColSpec("double", "a"), ColSpec("double", "b", required=False)],
    "nested": [
        ColSpec(Array("double"), "list"),
        ColSpec(Array(Array(PEOPLE)), "lists"),
        ColSpec(PEOPLE, "person", required=False),
        ColSpec(Map(Map("long")), "maps"),
        ColSpec(AnyType(), "anything"),
        ColSpec(Object([Property("any", AnyType()), Property("list", Array("string"))]), "object"),
    ],
    "a tensor": [TensorSpec(np.dtype("float64"), (-1, 28, 28))],
    "tensors": [
        TensorSpec(np.dtype("object"), (-1,), "text"),
        TensorSpec(np.dtype("datetime64[ns]"), (-1, 2), "when"),
        TensorSpec(np.dtype("uint8"), [1], "pixels"),
    ],
}
PARAMS = [
    ParamSpec("threshold", "double", 0.5),
    ParamSpec("labels", "string", ["a", "b"], (-1,)),
    ParamSpec("since", "datetime", datetime(2026, 1, 2)),
    ParamSpec("flag", "boolean", True),
]


def as_mlflow_reads(texts: dict[str, str]) -> Signature:
    parsed = ModelSignature.from_dict(texts)
    parts = (parsed.inputs, parsed.outputs, parsed.params)
    return Signature(*(tuple(json.loads(part.to_json())) if part else None for part in parts))


@pytest.mark.parametrize("case", SCHEMAS)
def test_columns_as_mlflow_reads_them(case: str) -> None:
    texts = {"inputs": Schema(SCHEMAS[case]).to_json()}
    assert parse_signature(texts) == as_mlflow_reads(texts)
    both = {"outputs": texts["inputs"], "params": ParamSchema(PARAMS).to_json()}
    assert parse_signature(both) == as_mlflow_reads(both)


def test_none() -> None:
    assert parse_signature({}) is None


def test_what_older_clients_wrote() -> None:
    """`optional` before MLflow 2.6, `dtype` of parameters before 2.10."""
    signature = parse_signature(
        {
            "inputs": '[{"type": "long", "name": "a"},'
            ' {"type": "long", "name": "b", "optional": true}]',
            "params": '[{"name": "k", "dtype": "long", "default": 3, "shape": null}]',
        }
    )
    assert signature is not None and signature.inputs is not None and signature.params is not None
    assert [column["required"] for column in signature.inputs] == [True, False]
    assert signature.params[0]["type"] == "long"


WRONG = {
    "no JSON": "no list",
    "no list": '{"type": "long"}',
    "empty": "[]",
    "no columns": '["long"]',
    "no type": '[{"name": "a"}]',
    "an unknown type": '[{"type": "longer", "name": "a"}]',
    "a type that is a list": '[{"type": ["long"], "name": "a"}]',
    "a mixture of names": '[{"type": "long", "name": "a"}, {"type": "long"}]',
    "a mixture of kinds": '[{"type": "long"}, {"type": "tensor", "tensor-spec":'
    ' {"dtype": "int8", "shape": [1]}}]',
    "a tensor without a shape": '[{"type": "tensor", "tensor-spec": {"dtype": "int8"}}]',
    "a tensor of no type": '[{"type": "tensor", "tensor-spec": {"dtype": "<f8", "shape": []}}]',
    "a tensor of nothing": '[{"type": "tensor"}]',
    "an array of nothing": '[{"type": "array"}]',
    "an array of a name": '[{"type": "array", "items": "long"}]',
    "an object of nothing": '[{"type": "object", "properties": {}}]',
    "a map of lists": '[{"type": "map", "values": [1]}]',
    "too deep": "[" * 40 + "]" * 40,
}


@pytest.mark.parametrize("case", WRONG)
def test_what_mlflow_does_not_write_is_refused(case: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_signature({"inputs": WRONG[case]})
    assert "longer" not in str(refusal.value), "nothing is quoted"


@pytest.mark.parametrize(
    "text",
    ['[{"type": "long", "default": 1}]', '[{"name": "k", "type": "long"}]', '[{"name": "k"}]',
     '[{"name": "k", "type": "long", "default": 1, "shape": "x"}]'],
)  # fmt: skip
def test_parameters_that_are_none(text: str) -> None:
    with pytest.raises(NotASignature):
        parse_signature({"params": text})
