"""`safe_files`: what is not known to load without pickle fails and is named (RULES R3)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mlflow_gitops.core.gates import Finding
from mlflow_gitops.core.gates.files import safe_files
from mlflow_gitops.core.recorded.values import Unreadable
from tests.support.core.subjects import subject

Flavors = Mapping[str, Mapping[str, tuple[str, ...]]]

BESIDE = ("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "input_example.json")


def pyfunc(loader: str, **settings: str) -> Mapping[str, tuple[str, ...]]:
    return {"loader_module": (loader,), **{key: (text,) for key, text in settings.items()}}


SKOPS: Flavors = {
    "python_function": pyfunc("mlflow.sklearn", model_path="model.skops"),
    "sklearn": {
        "pickled_model": ("model.skops",),
        "serialization_format": ("skops",),
        "skops_trusted_types": ("numpy.dtype", "sklearn.tree._tree.Tree"),
        "code": (),
    },
}
ONNX: Flavors = {
    "python_function": pyfunc("mlflow.onnx", data="model.onnx"),
    "onnx": {"data": ("model.onnx",)},
}
TRANSFORMERS: Flavors = {
    "python_function": pyfunc("mlflow.transformers"),
    "transformers": {"model_binary": ("model",), "task": ("text-classification",)},
}


def judge(flavors: Flavors, *paths: str) -> Finding:
    return safe_files.ask(subject(flavors=flavors, paths=(*BESIDE, *paths)), True)


def test_classes_that_a_text_names_are_not_known_to_be_safe() -> None:
    """modules.json of sentence-transformers may name joblib, which unpickles any file."""
    flavors: Flavors = {
        "python_function": pyfunc("mlflow.sentence_transformers", data="model"),
        "sentence_transformers": {},
    }
    found = judge(flavors, "model/modules.json", "model/model.safetensors", "model/x.txt")
    assert found.status == "failed" and "classes that its file modules.json names" in found.detail


@pytest.mark.parametrize(
    ("flavors", "paths"),
    [
        (SKOPS, ["model.skops"]),
        (ONNX, ["model.onnx", "model.onnx_data"]),
        (TRANSFORMERS, ["model/model.safetensors", "model/config.json", "LICENSE.txt"]),
        ({"xgboost": {"model_class": ("xgboost.sklearn.XGBClassifier",)}}, ["model.xgb"]),
        ({"lightgbm": {"model_class": ("lightgbm.basic.Booster",)}}, ["model.lgb"]),
        ({"catboost": {}}, ["model.cb"]),
    ],
)
def test_formats_without_pickle_pass(flavors: Flavors, paths: list[str]) -> None:
    found = judge(flavors, *paths)
    assert found == Finding("passed", f"no pickle among {len(BESIDE) + len(paths)} files")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("model.pkl", "is a pickle"),
        ("MODEL.PKL", "is a pickle"),
        ("artifacts/scaler.joblib", "is a pickle"),
        ("python_model.cloudpickle", "is a pickle"),
        ("data/state_dict.pth", "is a pickle inside"),
        ("model/pytorch_model.bin", "is a pickle inside"),
        ("lookup.npy", "may hold pickled objects"),
        ("data/model.keras", "may hold code"),
        ("code/helper.py", "is code"),
        ("model.zip", "is an archive"),
        ("sub/MLmodel", "is of no format"),
        ("model", "is of no format"),
        ("model.json.bak", "is of no format"),
    ],
)
def test_a_file_of_another_format_fails_whatever_the_flavors_are(path: str, reason: str) -> None:
    found = judge(SKOPS, "model.skops", path)
    assert found.status == "failed" and f"{path} {reason}" in found.detail


def changed(flavor: str, **settings: tuple[str, ...]) -> Flavors:
    return {**SKOPS, flavor: {**SKOPS.get(flavor, {}), **settings}}


@pytest.mark.parametrize(
    ("flavors", "part"),
    [
        ({}, "names no flavor"),
        (changed("sklearn", serialization_format=("cloudpickle",)), "stored as cloudpickle"),
        ({"sklearn": {}}, "stored as pickle"),
        ({"lightgbm": {"model_class": ("lightgbm.sklearn.LGBMClassifier",)}}, "stored as pickle"),
        (changed("sklearn", skops_trusted_types=("os.system",)), "the type os.system"),
        (changed("sklearn", skops_trusted_types=("numpy.testing.x",)), "the type numpy.testing.x"),
        (changed("pytorch"), "the flavor pytorch is not known"),
        (changed("python_function", python_model=("model.json",)), "has python_model"),
        (changed("python_function", model_code_path=("model.txt",)), "has model_code_path"),
        (changed("python_function", code=("code",)), "has code"),
        (changed("python_function", loader_module=("mlflow.pyfunc.model",)), "is loaded by"),
        (changed("python_function", loader_module=("mine",)), "is loaded by mine"),
        (changed("python_function", loader_module=("mlflow.onnx",)), "is loaded by mlflow.onnx"),
        (changed("python_function", loader_module=("sklearn",)), "is loaded by sklearn"),
        (changed("python_function", data=("sub/model.json",)), "leads to another folder"),
        (changed("sklearn", pickled_model=("../x.json",)), "leads to another folder"),
        (changed("sklearn", **{"<<": ("{}",)}), "merges into it"),
        ({"xgboost": {"model_class": ("mine.Model",)}}, "of the class mine.Model"),
        ({"transformers": {"source_model_revision": ()}}, "are not among its files"),
        ({"transformers": {"model_binary": ("model",), "model_local_base": ("x",)}}, "not among"),
    ],
)
def test_a_flavor_that_may_unpickle_fails_whatever_the_files_are_called(
    flavors: Flavors, part: str
) -> None:
    found = judge(flavors, "model.skops")
    assert found.status == "failed" and part in found.detail


def test_a_version_without_a_model_file_or_a_listing_fails() -> None:
    for version in (subject(has_file=False, paths=("model.skops",)), subject(flavors=SKOPS)):
        found = safe_files.ask(version, True)
        assert found.status == "failed" and "has no file MLmodel" in found.detail


def test_files_that_cannot_be_read_are_left_to_the_judge() -> None:
    with pytest.raises(Unreadable, match="403"):
        safe_files.ask(subject(unreadable="403"), True)
