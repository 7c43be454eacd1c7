"""`formerly`: a name that is in use, or that two manifests list, is an error."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import SourceFile, build

REGISTRY = RegistryFolder("registry")


@pytest.mark.parametrize(
    ("manifests", "places"),
    [
        ({"b": "[a]"}, []),
        ({"b": "[a]", "a": ""}, [("b", 3, 12, "'a' is in use")]),
        ({"b": "[z, a]", "c": "[a]"}, [("b", 3, 15, "also a former name"), ("c", 3, 12, "in")]),
        ({"b": "[b]"}, [("b", 3, 12, "the present name")]),
        ({"b": "[a, a]"}, [("b", 3, 11, "")]),
        ({"b": "['a/b']"}, [("b", 3, 12, "MLflow refuses names with /")]),
        ({"b": "[]"}, [("b", 3, 11, "")]),
    ],
)
def test_faults(manifests: dict[str, str], places: list[tuple[str, int, int, str]]) -> None:
    files = [
        SourceFile(
            f"registry/models/{name}.yaml",
            f"name: {name}\nstages: {{}}\n{f'formerly: {former}' if former else ''}\n".encode(),
        )
        for name, former in manifests.items()
    ]
    snapshot = build(files, REGISTRY)
    found = [(error.file[16:-5], error.line, error.column) for error in snapshot.errors]
    assert found == [place[:3] for place in places], snapshot.errors
    for error, (*_, words) in zip(snapshot.errors, places, strict=True):
        assert words in error.message
    assert snapshot.manifests.keys() == manifests.keys() - {place[0] for place in places}


def test_a_name_of_a_manifest_that_is_not_read_is_in_use() -> None:
    data = b"name: b\nstages: {}\nformerly: [a]\n"
    files = [SourceFile("registry/models/b.yaml", data)]
    assert [error.code for error in build(files, REGISTRY, other_stems={"a"}).errors] == [
        "former-name"
    ]
