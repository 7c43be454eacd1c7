"""Compares predictions with a dataset's labels, by `mlflow.models.evaluate`. No model is loaded:
`python -m mlflow_gitops.edges.checking.evaluate KIND` reads `{"labels": […], "answers": […]}` from
standard input, and writes the metrics as JSON to standard output.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from typing import Any

_NO_EXPLANATIONS = {"log_model_explainability": False, "log_explainer": False}


def main(kind: str) -> None:
    """Evaluate, with MLflow's own words kept from standard output."""
    columns = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        metrics = _evaluate(kind, columns)
    values = {name: float(value) for name, value in metrics.items()}
    json.dump({name: value for name, value in values.items() if math.isfinite(value)}, sys.stdout)


def _evaluate(kind: str, columns: dict[str, Any]) -> dict[str, Any]:
    import mlflow
    import pandas  # type: ignore[import-untyped]

    mlflow.set_experiment("check")
    result = mlflow.models.evaluate(  # type: ignore[no-untyped-call]
        data=pandas.DataFrame(columns),
        targets="labels",
        predictions="answers",
        model_type=kind,
        evaluators="default",
        evaluator_config=_NO_EXPLANATIONS,
    )
    return dict(result.metrics)


if __name__ == "__main__":
    main(sys.argv[1])
