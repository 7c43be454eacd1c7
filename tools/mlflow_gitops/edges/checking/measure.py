"""Loads a model and measures it. Runs in the model's own environment, which has MLflow and not
this package: `measure.py FOLDER RESULT_FD [FEATURES.csv]`.

What it writes is the word of a process in which the model's code ran, and is read as such
(`core/recorded/check_result.py`).
"""

import contextlib
import importlib.util
import json
import os
import sys
import time
import types
from collections.abc import Iterator
from typing import Any
from unittest import mock

_CALLS, _SECONDS = 50, 10.0
"""The most predictions that are timed, and how long all of them may take."""


def main(folder: str, target: int, features: str) -> None:
    """Measure the model in `folder`, and write one JSON object to the file descriptor `target`."""
    result: dict[str, Any] = {"python": sys.version.split()[0]}
    try:
        _measure(folder, features, result)
    except BaseException as error:  # the model's code may raise anything
        result["error"] = f"{type(error).__name__}: {error}"[:1500]
    with os.fdopen(target, "w", encoding="utf-8") as stream:
        json.dump(result, stream, default=_plain)


def _measure(folder: str, features: str, result: dict[str, Any]) -> None:
    import mlflow.pyfunc
    from mlflow.models import Model, infer_signature

    result["mlflow"] = mlflow.__version__
    description = Model.load(folder)
    result["step"] = "load"
    began = time.perf_counter()
    model = mlflow.pyfunc.load_model(folder)
    result["load_seconds"] = time.perf_counter() - began

    result["step"] = "example"
    example = description.load_input_example(folder)
    if example is None:
        return

    result["step"] = "predict"
    answer = model.predict(example)
    with _scipy_or_stand_in():
        signature = infer_signature(None, _as_logged(answer, description))
    result["outputs"] = signature.to_dict().get("outputs")
    result["latencies_ms"] = list(_latencies(model, example))
    if features:
        result["step"] = "data"
        result["answers"] = _answers(model.predict(_read(features, description)))
    result["step"] = "done"


def _as_logged(answer: Any, description: Any) -> Any:
    """An answer as MLflow looked at it when it inferred the signature: one array for a model of
    columns is one column (`_infer_signature_from_input_example`, 3.17)."""
    import pandas  # type: ignore[import-untyped]

    inputs = description.signature.inputs if description.signature else None
    is_tensor = inputs is not None and inputs.is_tensor_spec()
    is_array = type(answer).__module__ == "numpy" and getattr(answer, "ndim", 0) == 1
    return pandas.Series(answer) if is_array and not is_tensor else answer


@contextlib.contextmanager
def _scipy_or_stand_in() -> Iterator[None]:
    """MLflow's inference compares types with SciPy's, and takes any answer for one of unknown type
    if the environment has no SciPy (3.17)."""
    if importlib.util.find_spec("scipy") is not None:
        yield
        return
    scipy, sparse = types.ModuleType("scipy"), types.ModuleType("scipy.sparse")
    for name in ("csr_matrix", "csc_matrix"):
        setattr(sparse, name, type(name, (), {}))
    with mock.patch.dict(sys.modules, {"scipy": scipy, "scipy.sparse": sparse}):
        yield


def _latencies(model: Any, example: Any) -> Any:
    """Milliseconds of each prediction after the first."""
    until = time.perf_counter() + _SECONDS
    for _ in range(_CALLS):
        began = time.perf_counter()
        model.predict(example)
        ended = time.perf_counter()
        yield (ended - began) * 1000
        if ended > until:
            return


def _read(features: str, description: Any) -> Any:
    """The rows of the policy's dataset, with numbers as the signature wants them."""
    import pandas

    rows = pandas.read_csv(features)
    inputs = description.signature.inputs if description.signature else None
    for column in inputs.inputs if inputs is not None and inputs.has_input_names() else ():
        kind = getattr(getattr(column, "type", None), "name", "")
        if kind in ("double", "float", "integer", "long") and column.name in rows:
            rows[column.name] = rows[column.name].astype(column.type.to_numpy())
    return rows


def _answers(predicted: Any) -> list[Any]:
    """One value a row: of a table, its first column."""
    if hasattr(predicted, "iloc") and getattr(predicted, "ndim", 1) == 2:
        predicted = predicted.iloc[:, 0]
    return [_plain(value) for value in predicted]


def _plain(value: Any) -> Any:
    """A value of NumPy as JSON has it; text of anything else."""
    if hasattr(value, "item"):
        return value.item()
    return value if isinstance(value, (str, int, float, bool)) else str(value)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
