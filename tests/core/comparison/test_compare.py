"""Two versions side by side: what is compared, and what is not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_gitops.core.comparison.compare import compare, find_version, stages_and_aliases
from mlflow_gitops.core.comparison.values import Facts, MetricPair, Pair, SignatureChange
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.signatures import breaks, harmless
from mlflow_gitops.core.recorded.values import Dataset, Metric, ModelFile, Record, Signature
from tests.support.core.comparisons import BARE, EASIER, FIELD, HOLDOUT, NEW, OLD

FOUND = compare("fraud", OLD, NEW)


def measured(*values: tuple[float, Dataset | None]) -> Facts:
    return Facts(
        ObservedVersion(1),
        record=Record(metrics={"m": tuple(Metric(v, dataset=d) for v, d in values)}),
    )


def test_metrics_are_paired_by_what_they_were_measured_on() -> None:
    assert FOUND.metrics == (
        MetricPair("accuracy", HOLDOUT, 0.912, 0.931),
        MetricPair("accuracy", FIELD, 0.85, 0.84),
        MetricPair("auc", HOLDOUT, 0.97, None),
        MetricPair("auc", EASIER, None, 0.99),
        MetricPair("f1", HOLDOUT, None, 0.7),
        MetricPair("latency_ms", None, 41.0, 38.5),
        MetricPair("recall", HOLDOUT, 0.5, None),
    )
    assert [pair.delta for pair in FOUND.metrics[2:4]] == [None, None]
    # Both have it, never on the same data; one alone is no matter of data.
    assert FOUND.incomparable_metrics == ("auc",)


@pytest.mark.parametrize(
    ("before", "after", "deltas", "apart"),
    [
        ([(0.5, HOLDOUT)], [(0.75, HOLDOUT)], [0.25], ()),
        ([(0.5, HOLDOUT)], [(0.75, Dataset("renamed", "d1"))], [0.25], ()),
        ([(0.5, HOLDOUT)], [(0.75, EASIER)], [None, None], ("m",)),
        ([(0.5, None)], [(0.75, HOLDOUT)], [None, None], ("m",)),
        ([(0.5, None)], [(0.75, None)], [0.25], ()),
        ([(0.5, HOLDOUT)], [(0.75, HOLDOUT), (0.9, FIELD)], [0.25, None], ()),
        ([], [(0.75, HOLDOUT)], [None], ()),
    ],
)
def test_a_difference_needs_one_digest(
    before: list[tuple[float, Dataset | None]],
    after: list[tuple[float, Dataset | None]],
    deltas: list[float | None],
    apart: tuple[str, ...],
) -> None:
    found = compare("m", measured(*before), measured(*after))
    assert [pair.delta for pair in found.metrics] == deltas and found.incomparable_metrics == apart


def test_what_differs_and_how_much_does_not() -> None:
    assert FOUND.params == (
        Pair("depth", "3", "5"),
        Pair("only_new", None, "y"),
        Pair("only_old", "x", None),
    )
    assert FOUND.libraries == (
        Pair("gone", "1", None),
        Pair("new", None, "new>=2"),
        Pair("scikit-learn", "1.4.2", "1.5.0"),
    )
    assert FOUND.same_counts == {"params": 1, "libraries": 1}
    assert FOUND.datasets == (Pair("field", None, "d2"), Pair("holdout", "d1", "d1"))
    assert FOUND.data == (
        Pair("data/same.csv", "6" * 32, "6" * 32),
        Pair("data/train.csv", "5" * 32, "8" * 32),
    )
    assert FOUND.size == (1_234_567, 1_500_000) and FOUND.python == ("3.10.12", "3.11.7")
    assert FOUND.code == ("c" * 40, "d" * 40)


def test_a_signature_breaks_or_changes_harmlessly() -> None:
    assert FOUND.signature == (
        SignatureChange("input hour: new and required", True),
        SignatureChange("input note: new, optional", False),
        SignatureChange("input age: gone", False),
    )
    assert FOUND.breaking == ("input hour: new and required",)
    assert compare("m", OLD, OLD).signature == ()


def test_what_nobody_recorded_is_none() -> None:
    for found in (compare("m", BARE, NEW), compare("m", NEW, BARE), compare("m", BARE, BARE)):
        assert (
            found.signature is None
            and None in found.size
            and None in found.python
            and None in found.code
        )
        assert found.breaking == () and found.incomparable_metrics == ()


def column(name: str, kind: str = "long", required: bool = True) -> dict[str, object]:
    return {"name": name, "type": kind, "required": required}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (Signature(inputs=(column("x"),)), Signature(inputs=(column("x"),)), []),
        (
            Signature(inputs=(column("x", "integer"),)),
            Signature(inputs=(column("x", "long"),)),
            ["input x: integer → long"],
        ),
        (
            Signature(inputs=(column("x"),)),
            Signature(inputs=(column("x", required=False),)),
            ["input x: was required, is optional"],
        ),
        (
            Signature(outputs=(column("y"),)),
            Signature(outputs=(column("y"), column("z"))),
            ["output z: new"],
        ),
        (
            Signature(outputs=(column("y", required=False),)),
            Signature(outputs=(column("y"),)),
            ["output y: was optional, is always there"],
        ),
        (
            Signature(outputs=(column("y", "double"),)),
            Signature(outputs=(column("y", "float"),)),
            ["output y: double → float"],
        ),
        (
            Signature(),
            Signature(outputs=(column("y"),)),
            ["outputs: the old signature does not name any"],
        ),
        (
            Signature(params=({"name": "t", "type": "double", "default": 0.5},)),
            Signature(
                params=(
                    {"name": "t", "type": "double", "default": 0.6},
                    {"name": "k", "type": "long", "default": 3},
                )
            ),
            ["parameter t: default 0.5 → 0.6", "parameter k: new, default 3"],
        ),
    ],
)
def test_harmless_changes(old: Signature, new: Signature, said: list[str]) -> None:
    assert list(harmless(new, old)) == said and not list(breaks(new, old))


kinds = st.sampled_from(["integer", "long", "float", "double", "string", "any"])
columns = st.lists(
    st.builds(column, st.sampled_from("abc"), kinds, st.booleans()),
    max_size=3,
    unique_by=lambda one: str(one["name"]),
).map(tuple)
signatures = st.builds(Signature, st.none() | columns, st.none() | columns)


@given(signatures, signatures)
def test_signatures_that_differ_say_so_and_equal_ones_do_not(
    old: Signature, new: Signature
) -> None:
    found = compare(
        "m",
        Facts(ObservedVersion(1), file=ModelFile(old)),
        Facts(ObservedVersion(2), file=ModelFile(new)),
    )
    assert found.signature is not None
    assert len({change.detail for change in found.signature}) == len(found.signature)
    assert list(found.breaking) == list(breaks(new, old))
    by_name = [
        tuple(
            sorted((one or ()), key=lambda c: str(c["name"])) if one is not None else None
            for one in (s.inputs, s.outputs)
        )
        for s in (old, new)
    ]
    assert bool(found.signature) == (by_name[0] != by_name[1])


@given(st.floats(allow_nan=True), st.floats(allow_nan=True))
def test_a_delta_is_after_less_before(one: float, two: float) -> None:
    [pair] = compare("m", measured((one, HOLDOUT)), measured((two, HOLDOUT))).metrics
    assert pair.delta is not None
    assert pair.delta == two - one or math.isnan(pair.delta)


SEEN = ObservedModel(
    "fraud",
    aliases={"champion": 12, "canary": 13, "Staging": 2},
    versions={
        number: ObservedVersion(number, stage)
        for number, stage in (
            (2, "None"),
            (11, "Production"),
            (12, "Production"),
            (13, "None"),
            (14, "Staging"),
        )
    },
)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("14", 14),
        ("99", None),
        ("Production", 12),
        ("production", 12),
        ("champion", 12),
        ("@champion", 12),
        ("CHAMPION", 12),
        ("Canary", 13),
        ("Trial", 13),
        ("Staging", 2),
        ("staging", 14),
        ("Archived", None),
        ("nothing", None),
        ("", None),
        ("٣", None),
    ],
)
def test_what_a_name_means(name: str, number: int | None) -> None:
    assert find_version(name, SEEN, {"Trial": "canary"}) == number


def test_what_a_version_holds() -> None:
    assert stages_and_aliases(SEEN, 12) == ("Production", "@champion")
    assert stages_and_aliases(SEEN, 13) == ("@canary",) and stages_and_aliases(SEEN, 99) == ()


def test_facts_know_their_number() -> None:
    assert replace(BARE, unread={"file": "x"}).number == 3
