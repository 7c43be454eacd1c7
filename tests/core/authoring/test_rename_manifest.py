"""The text of a renamed manifest: comments and layout stay."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.authoring.rename_manifest import renamed_text
from mlflow_gitops.core.manifests.manifest import read_manifest


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("name: a # c\nstages: {}\n", "name: b # c\nformerly: [a]\nstages: {}\n"),
        ("stages: {}\nname: 'a'\n", "stages: {}\nname: 'b'\nformerly: [a]\n"),
        ("stages: {}\nname: a", "stages: {}\nname: b\nformerly: [a]\n"),
        ("name: a\r\nstages: {}\r\n", "name: b\r\nformerly: [a]\r\nstages: {}\r\n"),
        ("{name: a, stages: {}}\n", "{name: b, formerly: [a], stages: {}}\n"),
        ("name: a\nformerly: [z]\nstages: {}\n", "name: b\nformerly: [z, a]\nstages: {}\n"),
        ("name: a\nformerly:\n  - z\nstages: {}\n", "name: b\nformerly: [z, a]\nstages: {}\n"),
        ("name: a\nformerly: [b]\nstages: {}\n", "name: b\nformerly: [a]\nstages: {}\n"),
    ],
)
def test_the_text(before: str, after: str) -> None:
    manifest, _ = read_manifest(before.encode(), "a.yaml")
    assert manifest is not None and renamed_text(before, manifest, "b") == after
    again, document = read_manifest(after.encode(), "b.yaml")
    assert again is not None and again.formerly[-1] == "a", document.problems
