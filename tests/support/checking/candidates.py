"""Small models whose code a test writes, logged as folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

HONEST = "return rows['a'] * 2"
MODEL = """\
flavors:
  python_function:
    loader_module: NAME
    code: code
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    python_version: 3.11.0
mlflow_version: 3.17.2
saved_input_example_info: {artifact_path: input_example.json, type: dataframe, pandas_orient: split}
signature:
  inputs: '[{"type": "double", "name": "a", "required": true}]'
  outputs: '[{"type": "double", "required": true}]'
  params: null
"""
CODE = """\
import os, sys, time

class Model:
    def predict(self, rows, params=None):
        {body}

def _load_pyfunc(path):
    {load}
    return Model()
"""


def write_model(
    folder: Path,
    name: str,
    body: str = HONEST,
    load: str = "pass",
    *,
    requirements: Sequence[str] = (),
    python: str = "3.11.0",
) -> Path:
    """Write a model whose `predict` and loading run these lines of Python."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / f"{name}.py").write_text(CODE.format(body=body, load=load))
    text = MODEL.replace("NAME", name)
    (folder / "MLmodel").write_text(text)
    (folder / "input_example.json").write_text(
        json.dumps({"columns": ["a"], "data": [[1.5], [2.5]]})
    )
    (folder / "requirements.txt").write_text("\n".join(requirements))
    (folder / "python_env.yaml").write_text(
        f"python: {python}\nbuild_dependencies: [pip]\ndependencies: [-r requirements.txt]\n"
    )
    return folder


def register(client: MlflowClient, experiment: str, model: str, folder: Path) -> Any:
    """Log a folder as a model, and register it as the next version."""
    import mlflow

    mlflow.set_tracking_uri(client.tracking_uri)
    logged = client.create_logged_model(experiment, folder.name)
    client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")
    return client.create_model_version(
        model, f"models:/{logged.model_id}", await_creation_for=0, model_id=logged.model_id
    )
