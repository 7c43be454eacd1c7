"""The files that the trainer of a model writes beside it: `MLmodel` and `requirements.txt`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_gitops.core.recorded.values import ModelFile
from mlflow_gitops.edges.mlflow.artifacts.model_file import libraries
from mlflow_gitops.edges.mlflow.artifacts.model_yaml import (
    UnreadableModel,
    read_scalars,
    read_values,
)
from mlflow_gitops.edges.mlflow.artifacts.reader import Artifacts
from mlflow_gitops.errors import RegistryFailure
from tests.hostile.measured import cost_of

LARGEST = 4 << 20
SECONDS, MEGABYTES = 5.0, 300.0


def bomb(end: str) -> str:
    """Aliases that refer to lists of aliases: 10**10 words if one of them becomes text."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    return "\n".join([*lines, end]) + "\n"


def filled(piece: str, start: str = "", end: str = "") -> str:
    return start + piece * ((LARGEST - len(start) - len(end)) // len(piece)) + end


COLUMN = json.dumps({"type": "double", "name": "a", "required": True})
MODELS = {
    "aliases as the version of Python": bomb("flavors: {python_function: {python_version: *a9}}"),
    "aliases as the size": bomb("model_size_bytes: *a9"),
    "aliases as the signature": bomb("signature: {inputs: *a9}"),
    "an alias of itself": "flavors: &a {python_function: *a}\n",
    "a merge of aliases": "a: &a {<<: [{x: y}, {x: y}]}\nflavors: {<<: [*a, *a, *a]}\n",
    "deep lists": filled("[", "flavors: "),
    "deep mappings": filled("{a: ", "signature: "),
    "many lists": filled("[],", "x: [", "]\n"),
    "many dashes": filled("- \n", "x:\n"),
    "a list in a flavor": filled("a,", "flavors: {a: {b: [", "a]}}\n"),
    "many keys": filled("a: b\n"),
    "a long version of Python": filled("3", "flavors: {python_function: {python_version: ", "}}\n"),
    "a long size": filled("9", "model_size_bytes: "),
    "a long word": filled("a", "x: "),
    "spaces": filled(" ", "x: ", "\n"),
    "comments": filled("# a\n"),
    "a deep signature": filled("[", "signature: {inputs: '", "'}\n"),
    "a signature of half pairs": filled('"\\ud800",', "signature: {inputs: '[", "1]'}\n"),
    "a signature of many columns": filled(
        COLUMN + ",", "signature: {inputs: '[", COLUMN + "]', outputs: null, params: null}\n"
    ),
    "a signature of many lists": filled("[],", "signature: {inputs: '[", "1]'}\n"),
}


@pytest.mark.parametrize("case", MODELS)
def test_a_model_file_made_to_cost(case: str, tmp_path: Path) -> None:
    import mlflow.artifacts
    import mlflow.models  # noqa: F401  loaded before the fork, so that it is not measured

    (tmp_path / "MLmodel").write_text(MODELS[case])
    seconds, megabytes = cost_of(lambda: Artifacts("sqlite://", "sqlite://").read(str(tmp_path)))
    assert seconds < SECONDS and megabytes < MEGABYTES, (seconds, megabytes)


@pytest.mark.parametrize("case", [case for case in MODELS if "alias" in case])
def test_aliases_are_refused_with_a_sentence(case: str, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(MODELS[case])
    with pytest.raises(RegistryFailure, match="not written by MLflow: it has YAML aliases"):
        Artifacts("sqlite://", "sqlite://").read(str(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "flavors: {python_function: {python_version: [3]}}",
        "flavors: {python_function: 3}",
        "flavors: [a]",
        "signature: {inputs: {a: b}}",
        "model_size_bytes: {}",
        "? [a]\n: b",
        "- a",
        "text",
        "a: [",
        "a: \x00",
    ],
)
def test_other_types_are_refused(text: str) -> None:
    with pytest.raises(UnreadableModel):
        read_scalars(text)


@pytest.mark.parametrize(
    ("text", "python", "size"),
    [
        ("flavors: {python_function: {python_version: 3.10}}", "3.10", None),
        ("flavors: {python_function: {python_version: '3.11.7', x: {y: [1]}}}", "3.11.7", None),
        ("flavors: {sklearn: {code: null}}\nmodel_size_bytes: 12", None, "12"),
        ("a: &anchor b\nmodel_size_bytes: 12\nflavors: null\nsignature: ~", None, "12"),
    ],
)
def test_what_is_read(text: str, python: str | None, size: str | None) -> None:
    values = read_scalars(text)
    assert values.get(("flavors", "python_function", "python_version")) == python
    assert values.get(("model_size_bytes",)) == size


REQUIREMENTS: dict[str, str] = {
    "addresses": filled("a://"),
    "addresses with a user": filled("a://a@") + " x",
    "addresses with a port": filled("a://b:1"),
    "many lines": filled("a\n"),
    "many names": "".join(f"name{i}==1\n" for i in range(300_000)),
    "one name": filled("a"),
    "dots": filled("a."),
    "spaces": filled(" ", "a", "b"),
    "brackets": filled("[", "a"),
    "hashes": filled(" #"),
    "passwords": filled("token="),
    "line separators": filled("\u2028"),
}


@pytest.mark.parametrize("case", REQUIREMENTS)
def test_requirements_made_to_cost(case: str) -> None:
    call: Callable[[], object] = lambda: libraries(REQUIREMENTS[case])  # noqa: E731
    seconds, megabytes = cost_of(call)
    assert seconds < SECONDS and megabytes < MEGABYTES, (seconds, megabytes)


@pytest.mark.parametrize("text", ["a" * 4_001, "ok==1\n" + "b " * 3_000, "a\n" * 50_001])
def test_too_long_requirements_are_refused(text: str) -> None:
    with pytest.raises(RegistryFailure, match="requirements"):
        libraries(text)


def test_honest_requirements_pass(tmp_path: Path) -> None:
    hashes = "".join(f"    --hash=sha256:{i:064x} \\\n" for i in range(30))
    text = "".join(f"package-{i}==1.{i} \\\n{hashes}\n" for i in range(300))
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    (tmp_path / "requirements.txt").write_text(text)
    file = Artifacts("sqlite://", "sqlite://").read(str(tmp_path))
    assert isinstance(file, ModelFile) and len(file.libraries) == 300


@pytest.mark.parametrize(
    ("text", "flavors"),
    [
        ("flavors: {sklearn: {a: b, c: null, d: [e, f], g: {h: i}}}",
         {"sklearn": {"a": ("b",), "c": (), "d": ("e", "f"), "g": ("{}",)}}),
        ("flavors: {pytorch: null, onnx: {}}", {"pytorch": {}, "onnx": {}}),
        ("flavors: {<<: {pytorch: {a: b}}}", {"<<": {"pytorch": ("{}",)}}),
        ("flavors: null", {}),
    ],
)  # fmt: skip
def test_the_settings_of_flavors(text: str, flavors: object) -> None:
    assert read_values(text)[1] == flavors


@pytest.mark.parametrize(
    "text",
    [
        "flavors: {a: {b: c}}\nflavors: {a: {b: d}}",
        "flavors: {a: {b: c}, a: {b: d}}",
        "flavors: {a: {b: c, b: d}}",
    ],
)
def test_flavors_that_are_written_twice_are_refused(text: str) -> None:
    """MLflow takes the last of two, so that what was read might not be what is loaded."""
    with pytest.raises(UnreadableModel, match="a key twice"):
        read_values(text)
