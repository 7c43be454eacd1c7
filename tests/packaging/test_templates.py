"""The shipped templates give what Kubernetes and KServe take, by their own schemas; whatever a
model is called."""

from __future__ import annotations

import copy
import json
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mlflow_gitops.cli import main
from mlflow_gitops.core.observed.resolved import Resolved
from mlflow_gitops.render.serving.filled_template import FilledTemplate

DEPLOY = Path(__file__).parent.parent.parent / "tools" / "deploy"
SCHEMAS = json.loads((Path(__file__).parent / "kubernetes-schemas.json").read_text())
KSERVE = "serving.kserve.io/v1beta1"
KINDS = {
    ("apps/v1", "Deployment"): "apps.v1.Deployment",
    ("v1", "Service"): "core.v1.Service",
    (KSERVE, "InferenceService"): f"{KSERVE.replace('/', '.')}.InferenceService",
}
TEMPLATES = {
    "deployment.yaml.j2": ["Deployment", "Service"],
    "kserve.yaml.j2": ["InferenceService"],
}
NAMES = ["fraud-detector", "Fraud Detector #1: x", 'a"\nkind: Secret\n---', "ünïcode" * 20]


def filled(file: str, model: str) -> list[dict[str, Any]]:
    digest, uri, at = "sha256:" + "ab" * 32, f"models:/{model}/12", "2026-01-02T03:04:05Z"
    resolved = Resolved(model, "Production", 12, uri, digest, None, "c" * 40, at)
    text = (DEPLOY / file).read_text(encoding="utf-8")
    return list(yaml.safe_load_all(FilledTemplate(file, text, "x", None).fill(resolved)))


def errors(document: dict[str, Any]) -> list[str]:
    name = KINDS[document["apiVersion"], document["kind"]]
    schema = {**SCHEMAS, "$ref": f"#/definitions/{name}"}
    validator = jsonschema.Draft7Validator(schema)
    return [error.message for error in validator.iter_errors(document)]


def pod(document: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = document["spec"]
    return spec["predictor"] if "predictor" in spec else spec["template"]["spec"]


@pytest.mark.parametrize("model", NAMES)
@pytest.mark.parametrize("file", TEMPLATES)
def test_templates_fit_the_schemas(file: str, model: str) -> None:
    documents = filled(file, model)
    assert [document["kind"] for document in documents] == TEMPLATES[file]
    for document in documents:
        assert errors(document) == []
    assert documents[0]["metadata"]["annotations"]["mlflow-gitops/model"] == model


@pytest.mark.parametrize("file", TEMPLATES)
def test_the_schemas_refuse_mistakes(file: str) -> None:
    [document, *_] = filled(file, "m")
    for break_it in (
        lambda made: made.pop("metadata"),
        lambda made: pod(made).update(initContainer=[]),
        lambda made: pod(made)["initContainers"][0].update(args="fetch"),
        lambda made: pod(made)["initContainers"][0].pop("name"),
        lambda made: pod(made)["volumes"][0].update(emptyDirectory={}),
    ):
        broken = copy.deepcopy(document)
        break_it(broken)
        assert errors(broken), broken


@pytest.mark.parametrize("file", TEMPLATES)
def test_the_init_container_fetches_what_is_pinned(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its command is one that this command line understands."""
    [document, *_] = filled(file, "fraud-detector")
    [container] = pod(document)["initContainers"]
    args = container["args"]
    assert shlex.join(args).startswith("fetch --version 12 --digest sha256:abab")
    assert args[-2:] == ["--", "fraud-detector"]
    target = args[args.index("--to") + 1]
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert any(target.startswith(f"{mount}/") for mount in mounts)
    args[args.index("--to") + 1] = str(tmp_path / "model")
    nowhere = ["--tracking-uri", f"sqlite:///{tmp_path}/none.db"]
    assert main([*nowhere, *args]) == 1, "understood, and then there is no registry"
    assert "none.db" in capsys.readouterr().err
