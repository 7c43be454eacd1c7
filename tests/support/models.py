"""Really trained and logged models, with the signature that a test asks for."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Signed:
    """A signature in the making: one required column `amount`, and what is added. Equal calls give
    equal signatures."""

    columns: tuple[tuple[str, str, bool], ...] = (("amount", "double", True),)
    tensors: tuple[tuple[tuple[int, ...], str], ...] = ()
    outputs: tuple[str, ...] = ("long",)
    params: tuple[tuple[str, str, Any], ...] = ()

    def column(self, name: str, kind: str, *, required: bool = True) -> Signed:
        return replace(self, columns=(*self.columns, (name, kind, required)))

    def tensor(self, shape: tuple[int, ...], kind: str) -> Signed:
        """A tensor instead of the columns."""
        return replace(self, columns=(), tensors=(*self.tensors, (shape, kind)))

    def output(self, kind: str) -> Signed:
        return replace(self, outputs=(kind,))

    def param(self, name: str, kind: str, default: Any) -> Signed:
        return replace(self, params=(*self.params, (name, kind, default)))

    def made(self) -> Any:
        import numpy as np
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

        inputs = [ColSpec(kind, name, required=needed) for name, kind, needed in self.columns]
        inputs += [TensorSpec(np.dtype(kind), shape) for shape, kind in self.tensors]
        params = [ParamSpec(name, kind, default) for name, kind, default in self.params]
        outputs = Schema([ColSpec(kind) for kind in self.outputs])
        return ModelSignature(Schema(inputs), outputs, ParamSchema(params) if params else None)


@dataclass(frozen=True)
class Logged:
    """What MLflow called it."""

    model_id: str
    run_id: str


EXPERIMENT = f"logged-models-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
"""One for each worker: of two that log the same dataset in one experiment at once, MLflow (3.17)
refuses one."""

_logged: dict[str, Logged] = {}


def log_model(uri: str, name: str, signed: Signed, **about: Any) -> Logged:
    """Log a model and register it as the next version. Models of which the same is said are logged
    once a session: that takes a second, and a version more is cheap. See `_log` for what may be
    said."""
    key = f"{uri} {signed} {sorted(about.items())}"
    if key not in _logged:
        _logged[key] = _log(uri, signed, **about)
    register(uri, name, f"models:/{_logged[key].model_id}", _logged[key].run_id)
    return _logged[key]


def _log(
    uri: str,
    signed: Signed,
    *,
    requirements: list[str] | None = None,
    metrics: dict[str, float] | None = None,
    params: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    data: list[tuple[str, list[int]]] | None = None,
) -> Logged:
    """Log a model in a run of its own. `metrics` are measured on the first dataset of `data` (name
    and rows; the digest follows from the rows), or on nothing in particular."""
    import mlflow
    import pandas as pd

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(tags=tags) as run:
        inputs = [
            mlflow.data.from_pandas(pd.DataFrame({"amount": rows}), name=kind)
            for kind, rows in data or []
        ]
        for dataset in inputs:
            mlflow.log_input(dataset)
        mlflow.log_params(params or {})
        info = mlflow.sklearn.log_model(
            _fitted(),
            name="model",
            signature=signed.made(),
            pip_requirements=requirements or ["scikit-learn==1.4.2"],
        )
        for key, value in (metrics or {}).items():
            mlflow.log_metric(
                key, value, model_id=info.model_id, dataset=inputs[0] if inputs else None
            )
    return Logged(info.model_id, run.info.run_id)


def register(uri: str, name: str, source: str, run_id: str) -> int:
    """Register a version from any source."""
    import mlflow
    from mlflow import MlflowClient

    mlflow.set_tracking_uri(uri)
    model_id = source.removeprefix("models:/") if source.startswith("models:/m-") else None
    version = MlflowClient(uri).create_model_version(
        name, source, run_id, await_creation_for=0, model_id=model_id
    )
    return int(version.version)


@cache
def _fitted() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit([[1.0], [2.0], [3.0]], [0, 1, 1])
