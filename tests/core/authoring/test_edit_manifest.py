"""Edits of single layouts, each with the very diff it must make."""

from __future__ import annotations

import difflib

import pytest

from mlflow_gitops.core.authoring.edit_manifest import Edit, apply_edit
from mlflow_gitops.errors import Failure

FILE = "registry/models/m.yaml"
ORDER = ("Production", "Staging", "Canary", "Archived")
PIN = Edit({}, {14: {"run_id": "0f3c", "source": "models:/m-1"}})


def diff(text: str, edit: Edit) -> list[str]:
    """The lines that an edit takes out and puts in, line breaks shown where they are not LF."""
    new = apply_edit(text.encode(), FILE, edit, ORDER).decode()
    lines = difflib.unified_diff(text.splitlines(True), new.splitlines(True), n=0)
    return [line.removesuffix("\n") for line in lines if not line.startswith(("---", "+++", "@@"))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: m\nstages:\n  Production: 12\n  Staging: 14\n",
            ["-  Production: 12", "-  Staging: 14", "+  Production: 14"],
        ),
        (
            "name: m\nstages:\n  Production: 12\n  Staging: 14   # waits for its review\n",
            [
                "-  Production: 12",
                "-  Staging: 14   # waits for its review",
                "+  Production: 14",
                "+  Staging: null   # waits for its review",
            ],
        ),
        ("name: m\nstages:\n  Staging: 14", ["-  Staging: 14", "+  Production: 14"]),
        (
            "name: m\r\nstages: {Production: 12, Staging: 14}\r\n",
            ["-stages: {Production: 12, Staging: 14}\r", "+stages: {Production: 14}\r"],
        ),
        (
            "name: m\nstages: {Staging: 14, Canary: 15}  # all\n",
            [
                "-stages: {Staging: 14, Canary: 15}  # all",
                "+stages: {Production: 14, Canary: 15}  # all",
            ],
        ),
        (
            "name: m\nstages:\n    Staging:\n    - 13\n    - 14   # new\n    Production: ~\n",
            ["-    - 14   # new", "-    Production: ~", "+    Production: 14"],
        ),
        (
            "name: m\nstages:\n  Staging: [ 13, 14 ]\n  Production:\n",
            ["-  Staging: [ 13, 14 ]", "-  Production:", "+  Staging: [ 13 ]", "+  Production: 14"],
        ),
        (
            "name: m\nstages: {\n  Production: 12, # serves\n  Staging: 14\n}\n",
            ["-  Production: 12, # serves", "-  Staging: 14", "+  Production: 14 # serves"],
        ),
        (
            '{"name": "m", "stages": {"Staging": 14}}\n',
            [
                '-{"name": "m", "stages": {"Staging": 14}}',
                '+{"name": "m", "stages": {"Production": 14}}',
            ],
        ),
        ("name: m\nstages:\n  'Staging': 14\n", ["-  'Staging': 14", "+  'Production': 14"]),
        (
            "name: m\nstages:\n  Staging: 14\n  Canary: 9\n...\n",
            ["-  Staging: 14", "+  Production: 14"],
        ),
        (
            "\ufeffname: m\nstages: {Staging: 14}",
            ["-stages: {Staging: 14}", "+stages: {Production: 14}"],
        ),
    ],
)
def test_a_promotion_is_the_lines_it_changes(text: str, expected: list[str]) -> None:
    staging = (13,) if "13" in text else ()
    found = diff(text, Edit({"Production": (14,), "Staging": staging}))
    assert [line for line in found if line not in ("\\ No newline at end of file", "")] == expected


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (
            "  Production: 12\n  Archived: [1]\n",
            ["  Production: 12", "  Staging: 14", "  Archived: [1]"],
        ),
        (
            "  Archived: [1]\n  Production: 12\n",
            ["  Archived: [1]", "  Staging: 14", "  Production: 12"],
        ),
        (
            "  # who serves\n  Production: 12\n\n",
            ["  # who serves", "  Production: 12", "  Staging: 14", ""],
        ),
        ("  Archived:\n    - 1\n    - 2\n", ["  Staging: 14", "  Archived:", "    - 1", "    - 2"]),
        (
            "  Production: 12\n  Archived:\n  - 1\ntags: {a: b}",
            [
                "  Production: 12",
                "  Staging: 14",
                "  Archived:",
                "  - 1",
                "tags: {a: b}",
            ],
        ),
    ],
)
def test_a_new_stage_stands_where_people_put_it(stages: str, expected: list[str]) -> None:
    new = apply_edit(
        f"name: m\nstages:\n{stages}".encode(), FILE, Edit({"Staging": (14,)}), ORDER
    ).decode()
    assert new.splitlines()[2:] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: m\nstages: {Production: 14}\n",
            ["+versions:", '+  14: {run_id: 0f3c, source: "models:/m-1"}'],
        ),
        (
            "name: m\nstages:\n    Production: 14\naliases: {a: 14}\n# the end\n",
            ["+versions:", '+    14: {run_id: 0f3c, source: "models:/m-1"}'],
        ),
        (
            "name: m\nstages: {}\nversions:\n  12:\n     run_id: aa\n  15: {}\n",
            ["+  14:", "+     run_id: 0f3c", '+     source: "models:/m-1"'],
        ),
        (
            "name: m\nstages: {}\nversions: {12: {run_id: aa}}\n",
            [
                "-versions: {12: {run_id: aa}}",
                '+versions: {12: {run_id: aa}, 14: {run_id: 0f3c, source: "models:/m-1"}}',
            ],
        ),
        (
            (
                "name: m\nstages: {}\nversions:\n  14:\n    source: 's3://old'   # moved\n    tags:"
                " {a: b}\n"
            ),
            [
                "-    source: 's3://old'   # moved",
                "+    run_id: 0f3c",
                "+    source: 'models:/m-1'   # moved",
            ],
        ),
        ("name: m\nstages: {}\nversions: {14: {source: models:/m-1, run_id: 0f3c}}\n", []),
    ],
)
def test_a_pin_is_written_in_the_style_of_the_file(text: str, expected: list[str]) -> None:
    assert diff(text, PIN) == expected


def test_a_pin_that_no_longer_holds_is_taken_out() -> None:
    text = "name: m\nstages: {}\nversions:\n  14: {run_id: aa, source: b, tags: {a: b}}\n"
    edit = Edit({}, {14: {"run_id": None, "source": "c"}})
    assert diff(text, edit) == [
        "-  14: {run_id: aa, source: b, tags: {a: b}}",
        "+  14: {source: c, tags: {a: b}}",
    ]


@pytest.mark.parametrize(
    "run_id", ["12345678901234567890123456789012", "1e5", "0x1f", "no", "0f3c"]
)
def test_a_run_id_is_quoted_where_it_reads_as_something_else(run_id: str) -> None:
    assert apply_edit(
        b"name: m\nstages: {}\n", FILE, Edit({}, {1: {"run_id": run_id}})
    )  # it reads itself back


def test_what_cannot_be_edited_safely_is_left_alone() -> None:
    with pytest.raises(Failure, match=r"cannot be edited safely.*by hand: Staging: 14\."):
        apply_edit(
            b"? name\n: m\n? stages\n: Production: 12\n", FILE, Edit({"Staging": (14,)}), ORDER
        )
