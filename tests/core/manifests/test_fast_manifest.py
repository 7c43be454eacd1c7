"""What the quick reading of a changed manifest says, the full reading says too; where it says
nothing it was unsure."""

from __future__ import annotations

import os
import random

import pytest

from mlflow_gitops.core.manifests.fast_manifest import ManifestTemplate, packed
from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.yaml.document import Document

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "40"))
FILE = "registry/models/alpha.yaml"
LAYOUTS = (
    "name: alpha\nstages: {Production: 12, Staging: 14}\n",
    "name: alpha\nstages:\n  Production: 12\n  Staging: [14, 15]\n",
    "stages:\n  Production:\n    - 12\n    - 3   # kept\n  Archived: [1,2]\nname: alpha\n",
    "name: alpha\nstages: {Production: 12}\naliases: {champion: 12, challenger: 3}\n",
    (
        "# 12 is the one\nname: alpha\ndescription: version 12 of 14\ntags: {a: '12'}\nstages:\n "
        " Production: 12\nversions:\n  12: {run_id: abc12, tags: {nr: '12'}}\n"
    ),
    "name: alpha\r\nstages:\r\n  Production: 12\r\n  Staging: null\r\n",
    '\ufeff"name": alpha\n"stages": {"Production": 12, \'Staging\': 14}\n',
    "{name: alpha, stages: {Production: 12,\n  Staging: 14}}",
    "name: alpha\nstages:\n  Production: 12",
    "name: alpha\nstages:\n  Production:\n    12\n  Staging:   14  # why\naliases:\n  e_1: 1\n",
    "name: alpha\nstages: {}\n",
)
NUMBERS = ("1", "2", "7", "12", "14", "15", "99", "2147483647", "1000000000")
ODD = (
    *(
        "0",
        "010",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "1_0",
        "0x1",
        "2147483648",
        "12345678901",
        "null",
        "~",
        "",
        "'1'",
        '"1"',
        "true",
    ),
    *(
        "[1, 2]",
        "[1, 1]",
        "1 # so",
        "1#so",
        "1:2",
        "1: 2",
        "1, 2",
        "1]",
        "1}",
        "1\n",
        "1\n  Production: 2",
        "&a 1",
        "!!int 1",
    ),
    *("1 2", "1\u2028", "1\x07", "x1", "1x", "é"),
)


def whole(text: str) -> Manifest | None:
    return read_manifest(text.encode("utf-8", "surrogatepass"), FILE)[0]


def template_of(manifest: Manifest, document: Document) -> ManifestTemplate:
    shape, numbers = packed(manifest, document)
    assert shape.with_numbers(numbers) == manifest
    return ManifestTemplate(shape, document)


def quickly(template: ManifestTemplate, data: bytes) -> Manifest | None:
    found = template.read(data)
    if found is None:
        return None
    shape, numbers = found
    return shape.with_numbers(numbers)


def changed(rng: random.Random, text: str) -> str:
    """The text with one number, or a stretch of it, made something else."""
    digits = [i for i, one in enumerate(text) if one.isdigit()]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        start = (
            rng.choice(digits) if digits and rng.random() < 0.9 else rng.randrange(len(text) + 1)
        )
        end = start
        while end < len(text) and text[end].isdigit():
            end += 1
        new = rng.choice(NUMBERS) if rng.random() < 0.7 else rng.choice(ODD)
        text = text[:start] + new + text[end:]
        digits = [i for i, one in enumerate(text) if one.isdigit()]
    return text


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_read_quickly_is_what_the_whole_says(layout: str) -> None:
    rng = random.Random(layout)
    manifest, document = read_manifest(layout.encode(), FILE)
    assert manifest is not None, document.problems
    template = template_of(manifest, document)
    assert quickly(template, layout.encode()) == manifest
    quick = 0
    for _ in range(EXAMPLES * 2):
        text = changed(rng, layout)
        found = quickly(template, text.encode("utf-8", "surrogatepass"))
        if found is not None:
            quick += 1
            assert found == whole(text), text
    assert quick or "{}" in layout, "it must be of use"


def test_a_promotion_is_read_quickly() -> None:
    before = (
        b"name: alpha\nstages:\n  Production: 12 # now\n  Staging: [13, 14]\naliases: {a: 12}\n"
    )
    after = (
        before.replace(b"12 # now", b"14 # now")
        .replace(b"[13, 14]", b"[15, 13]")
        .replace(b"a: 12", b"a: 9")
    )
    manifest, document = read_manifest(before, FILE)
    assert manifest is not None
    found = quickly(template_of(manifest, document), after)
    assert found is not None and found == read_manifest(after, FILE)[0]
    assert found.stages == {"Production": (14,), "Staging": (13, 15)} and found.aliases == {"a": 9}


@pytest.mark.parametrize("odd", ["\ud800", "é" * 600_000])
def test_what_is_no_fair_file_is_left_to_the_whole(odd: str) -> None:
    manifest, document = read_manifest(b"name: alpha\nstages: {Production: 1}\n", FILE)
    assert manifest is not None
    text = f"name: alpha\nstages: {{Production: 1}}\n# {odd}"
    data = text.encode("utf-8", "surrogatepass")
    assert template_of(manifest, document).read(data) is None
