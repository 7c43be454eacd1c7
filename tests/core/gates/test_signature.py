"""`signature: compatible`, on MLflow's own signature objects: what breaks is named, column by
column (RULES R3)."""

from __future__ import annotations

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

from mlflow_gitops.core.gates import Finding, signature
from mlflow_gitops.core.recorded.signatures import breaks, harmless
from mlflow_gitops.core.recorded.values import Signature
from tests.support.core.subjects import said, subject


def signed(
    inputs: list[Any] | None = None,
    outputs: list[Any] | None = None,
    params: list[ParamSpec] | None = None,
) -> Signature:
    """A signature as MLflow makes it and as the registry's edge hands it on."""
    made = ModelSignature(
        Schema(inputs) if inputs is not None else None,
        Schema(outputs) if outputs is not None else Schema([ColSpec("double")]),
        ParamSchema(params) if params is not None else None,
    )
    return Signature(
        tuple(made.inputs.to_dict()) if made.inputs else None,
        tuple(made.outputs.to_dict()) if made.outputs else None,
        tuple(made.params.to_dict()) if made.params else None,
    )


def column(kind: Any, name: str = "x", *, required: bool = True) -> ColSpec:
    return ColSpec(kind, name, required=required)


INPUTS: list[tuple[str, list[Any], list[Any], list[str]]] = [
    ("the same", [column("long")], [column("long")], []),
    (
        "another order",
        [column("long", "a"), column("long", "b")],
        [column("long", "b"), column("long", "a")],
        [],
    ),
    (
        "new and required",
        [column("long")],
        [column("long"), column("long", "zip")],
        ["input zip: new and required"],
    ),
    (
        "new and optional",
        [column("long")],
        [column("long"), column("long", "zip", required=False)],
        [],
    ),
    ("taken no more", [column("long"), column("long", "zip")], [column("long")], []),
    ("integer to long", [column("integer")], [column("long")], []),
    ("integer to double", [column("integer")], [column("double")], []),
    ("float to double", [column("float")], [column("double")], []),
    ("long to integer", [column("long")], [column("integer")], ["input x: long → integer"]),
    ("long to double", [column("long")], [column("double")], ["input x: long → double"]),
    ("double to float", [column("double")], [column("float")], ["input x: double → float"]),
    ("text to number", [column("string")], [column("double")], ["input x: string → double"]),
    (
        "optional to required",
        [column("long", required=False)],
        [column("long")],
        ["input x: was optional, is required"],
    ),
    ("required to optional", [column("long")], [column("long", required=False)], []),
    ("anything", [column("string")], [column(AnyType())], []),
    ("no longer anything", [column(AnyType())], [column("string")], ["input x: any → string"]),
    ("without names", [ColSpec("long")], [ColSpec("double")], ["input 0: long → double"]),
    (
        "wider items",
        [column(Array("integer"))],
        [column(Array("long"))],
        [],
    ),
    (
        "narrower items",
        [column(Array("long"))],
        [column(Array("integer"))],
        ['input x: array of {"type": "long"} → array of {"type": "integer"}'],
    ),
    ("wider values", [column(Map("integer"))], [column(Map("long"))], []),
    (
        "narrower values",
        [column(Map("long"))],
        [column(Map("integer"))],
        ['input x: map of {"type": "long"} → map of {"type": "integer"}'],
    ),
    ("an array of maps", [column(Array(Map("integer")))], [column(Array(Map("long")))], []),
    ("a map to an array", [column(Map("long"))], [column(Array("long"))], ["input x: map of"]),
    (
        "an object's new required property",
        [column(Object([Property("a", "long")]))],
        [column(Object([Property("b", "long"), Property("a", "long")]))],
        [
            'input x: object of {"a": {"required": true, "type": "long"}} → object of {"a":'
            ' {"required": true, "type": "long"}, "b": {"required": true, "type": "long"}}'
        ],
    ),
    (
        "an object's new optional property",
        [column(Object([Property("a", "long")]))],
        [column(Object([Property("a", "long"), Property("b", "long", required=False)]))],
        [],
    ),
    (
        "one less of an object's properties",
        [column(Object([Property("a", "long"), Property("b", "long")]))],
        [column(Object([Property("a", "long")]))],
        [],
    ),
    (
        "an object's property of another kind",
        [column(Object([Property("a", "long"), Property("b", "long")]))],
        [column(Object([Property("a", "long"), Property("b", "string")]))],
        ["input x: object of"],
    ),
    (
        "one new and optional, the next one narrower",
        [column("long")],
        [column("long", "aaa", required=False), column("integer")],
        ["input x: long → integer"],
    ),
    (
        "one more axis",
        [TensorSpec(np.dtype("float32"), (-1, 4))],
        [TensorSpec(np.dtype("float32"), (-1, 4, 1))],
        ["input #0: tensor float32 (-1, 4) → tensor float32 (-1, 4, 1)"],
    ),
    (
        "any batch",
        [TensorSpec(np.dtype("float32"), (8, 4))],
        [TensorSpec(np.dtype("float32"), (-1, 4))],
        [],
    ),
    (
        "one batch alone",
        [TensorSpec(np.dtype("float32"), (-1, 4))],
        [TensorSpec(np.dtype("float32"), (8, 4))],
        ["input #0: tensor float32 (-1, 4) → tensor float32 (8, 4)"],
    ),
    (
        "another element",
        [TensorSpec(np.dtype("float32"), (-1, 4))],
        [TensorSpec(np.dtype("float64"), (-1, 4))],
        ["input #0: tensor float32"],
    ),
    (
        "columns to a tensor",
        [column("long")],
        [TensorSpec(np.dtype("float32"), (-1, 4), "x")],
        ["input x: long → tensor"],
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "broken"), [row[1:] for row in INPUTS], ids=[row[0] for row in INPUTS]
)
def test_inputs(old: list[Any], new: list[Any], broken: list[str]) -> None:
    found = list(breaks(signed(new), signed(old)))
    assert len(found) == len(broken), found
    for text, begins in zip(found, broken, strict=True):
        assert text.startswith(begins.replace("input 0", "input #0"))


OUTPUTS: list[tuple[str, list[Any], list[Any], list[str]]] = [
    ("the same", [column("long")], [column("long")], []),
    ("one more", [column("long")], [column("long"), column("double", "p")], []),
    ("one less", [column("long"), column("double", "p")], [column("long")], ["output p: gone"]),
    ("narrower", [column("double")], [column("integer")], []),
    ("wider", [column("integer")], [column("double")], ["output x: integer → double"]),
    (
        "optional",
        [column("long")],
        [column("long", required=False)],
        ["output x: was always there, is optional"],
    ),
    (
        "a tensor less",
        [TensorSpec(np.dtype("float32"), (-1, 2))],
        [TensorSpec(np.dtype("float32"), (-1, 3))],
        ["output #0"],
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "broken"), [row[1:] for row in OUTPUTS], ids=[row[0] for row in OUTPUTS]
)
def test_outputs(old: list[Any], new: list[Any], broken: list[str]) -> None:
    found = list(breaks(signed([column("long")], new), signed([column("long")], old)))
    assert len(found) == len(broken), found
    for text, begins in zip(found, broken, strict=True):
        assert text.startswith(begins)


def plain(name: str, kind: object = "long", **more: object) -> dict[str, object]:
    return {"name": name, "type": kind, **more}


def test_a_column_that_does_not_say_is_required() -> None:
    x, y, perhaps = plain("x"), plain("y"), plain("x", required=False)
    assert list(breaks(Signature(inputs=(x, y)), Signature(inputs=(x,)))) == [
        "input y: new and required"
    ]
    assert list(breaks(Signature(inputs=(x,)), Signature(inputs=(perhaps,)))) == [
        "input x: was optional, is required"
    ]
    assert list(breaks(Signature(inputs=(x,)), Signature(inputs=(x,)))) == []
    assert list(breaks(Signature(outputs=(perhaps,)), Signature(outputs=(x,)))) == [
        "output x: was always there, is optional"
    ]
    assert list(breaks(Signature(outputs=(x,)), Signature(outputs=(x,)))) == []
    assert list(breaks(Signature(outputs=(x,)), Signature(outputs=(perhaps,)))) == []
    assert list(harmless(Signature(inputs=(perhaps,)), Signature(inputs=(x,)))) == [
        "input x: was required, is optional"
    ]
    assert list(harmless(Signature(outputs=(x,)), Signature(outputs=(perhaps,)))) == [
        "output x: was optional, is always there"
    ]
    for same in (
        Signature(inputs=(x,)),
        Signature(outputs=(x,)),
        Signature(inputs=(perhaps,), outputs=(perhaps,)),
    ):
        assert list(harmless(same, same)) == []


def test_an_inner_kind_may_be_a_word_alone() -> None:
    old = Signature(inputs=(plain("x", "array", items="integer"),))
    assert list(breaks(Signature(inputs=(plain("x", "array", items={"type": "long"}),)), old)) == []
    assert list(breaks(old, Signature(inputs=(plain("x", "array", items="long"),)))) == [
        'input x: array of "long" → array of "integer"'
    ]


def test_a_new_column_says_whether_it_is_required() -> None:
    old = Signature(inputs=(plain("x"),), outputs=(plain("y"),))
    new = Signature(
        inputs=(plain("x"), plain("a"), plain("b", required=False)),
        outputs=(plain("y"), plain("c", required=False)),
    )
    assert list(harmless(new, old)) == [
        "input a: new and required",
        "input b: new, optional",
        "output c: new",
    ]


def test_a_default_that_is_the_same_is_no_change() -> None:
    one = Signature(params=(plain("k", default=3), plain("t", default=1)))
    two = Signature(params=(plain("k", default=3), plain("t", default=2)))
    assert list(harmless(two, one)) == ["parameter t: default 1 → 2"]


def test_parameters() -> None:
    old = signed(params=[ParamSpec("k", "long", 3), ParamSpec("t", "double", 0.5)])
    new = signed(params=[ParamSpec("k", "string", "3"), ParamSpec("extra", "long", 1)])
    assert list(breaks(new, old)) == ["parameter k: long → string", "parameter t: gone"]


def test_a_parameter_of_another_shape_is_another_kind() -> None:
    one, many = plain("k", shape=None), plain("k", shape=[-1])
    for old, new, told in ((one, many, "long → long (-1,)"), (many, one, "long (-1,) → long")):
        assert list(breaks(Signature(params=(new,)), Signature(params=(old,)))) == [
            f"parameter k: {told}"
        ]
    assert list(breaks(Signature(params=(many,)), Signature(params=(many,)))) == []


def test_properties_are_known_by_name_not_by_place() -> None:
    a, b = {"a": {"type": "long"}}, {"b": {"type": "string"}}
    old = Signature(inputs=(plain("x", "object", properties={**a, **b}),))
    assert list(breaks(Signature(inputs=(plain("x", "object", properties={**b, **a}),)), old)) == []


def test_a_part_that_one_signature_leaves_out() -> None:
    assert list(breaks(signed(None), signed([column("long")]))) == [
        "inputs: the new signature does not name any"
    ]
    assert list(breaks(signed([column("long")]), signed(None))) == [
        "inputs: the old signature does not name any"
    ]
    assert list(breaks(signed(None), signed(None))) == []
    assert list(breaks(Signature(), Signature(outputs=({"type": "long"},)))) == [
        "outputs: the new signature does not name any"
    ]


@pytest.mark.parametrize(
    ("known", "findings"),
    [
        (
            {12: signed([column("long")]), 14: signed([column("long")])},
            [("passed", "signature compatible with 12")],
        ),
        ({12: signed([column("long")])}, [("failed", "14 has no signature to compare")]),
        ({14: signed([column("long")])}, [("failed", "12 has no signature to compare")]),
        (
            {12: signed([column("long")]), 14: signed([column("string"), column("long", "y")])},
            [("failed", "input x: long → string"), ("failed", "input y: new and required")],
        ),
    ],
)
def test_the_gate(known: dict[int, Signature], findings: list[tuple[str, str]]) -> None:
    assert said(*signature.ask(subject(signatures=known), "compatible")) == findings


def test_nobody_to_compare_with() -> None:
    for holder in (None, 14):
        [found] = signature.ask(subject(holder=holder), "compatible")
        assert found == Finding(
            "exempt", "nobody to compare with: no other version holds Production"
        )
    [found] = signature.ask(subject(versions=(14,)), "compatible")
    assert found.detail == "12, which holds Production, is not in MLflow to compare with"


def test_the_holder_of_the_stage_that_is_entered_is_compared_with() -> None:
    known = {12: signed([column("long")]), 14: signed([column("long")])}
    one = subject(signatures=known, stage="Staging", holders={"Staging": 12, "Production": 14})
    assert said(*signature.ask(one, "compatible")) == [("passed", "signature compatible with 12")]


def test_a_version_without_artifacts_has_no_signature() -> None:
    nothing = subject(has_file=False)
    assert said(*signature.ask(nothing, "compatible")) == [
        ("failed", "14 has no signature to compare")
    ]
