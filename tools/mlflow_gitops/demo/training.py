"""Training of the demo's models, on datasets that scikit-learn ships, and their registration."""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """One version to train. `inverse_regularization` is `C` of a logistic regression: a larger
    value fits the data more closely."""

    model: str
    description: str
    inverse_regularization: float


RECIPES = tuple(
    Recipe(model, description, inverse_regularization)
    for model in ("iris-species", "wine-cultivar", "digit-reader")
    for description, inverse_regularization in (
        ("tightly regularised", 0.0005),
        ("a little freer", 0.02),
        ("as scikit-learn has it", 1.0),
    )
)


def environment(folder: Path) -> dict[str, str]:
    """The user's environment variables, with the demo's MLflow in place of the user's."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "GIT_"))
    }
    return inherited | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def silence_mlflow() -> None:
    """Keep MLflow's warnings and logs out of the demo's output."""
    warnings.filterwarnings("ignore")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def load_data(model: str) -> tuple[Any, Any, Any, Any]:
    """The data of a model as pandas objects: x and held-out x, y and held-out y."""
    from sklearn import datasets  # type: ignore[import-untyped]
    from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]

    load = {
        "iris-species": datasets.load_iris,
        "wine-cultivar": datasets.load_wine,
        "digit-reader": datasets.load_digits,
    }[model]
    dataset = load(as_frame=True)
    parts: tuple[Any, Any, Any, Any] = train_test_split(
        dataset.data.astype(float),
        dataset.target,
        test_size=0.4,
        random_state=7,
        stratify=dataset.target,
    )
    return parts


def train(
    folder: Path, recipes: Sequence[Recipe] = RECIPES
) -> Iterator[tuple[str, int, str, float]]:
    """Train and register every recipe. Yields for each the model, the version number, its
    description, and its accuracy on held-out data."""
    import mlflow
    import sklearn

    silence_mlflow()
    mlflow.set_tracking_uri(environment(folder)["MLFLOW_TRACKING_URI"])
    home = (folder / "artifacts").as_uri()
    experiments: dict[str, str] = {}
    for recipe in recipes:
        if recipe.model not in experiments:
            experiments[recipe.model] = mlflow.create_experiment(
                recipe.model, artifact_location=f"{home}/{recipe.model}"
            )
        # MLflow announces each registration on stderr.
        silence = redirect_stderr(io.StringIO())
        with (
            silence,
            mlflow.start_run(experiment_id=experiments[recipe.model], run_name=recipe.description),
        ):
            version, accuracy = _log(mlflow, sklearn.__version__, recipe)
        yield recipe.model, version, recipe.description, accuracy


def _log(mlflow: Any, sklearn_version: str, recipe: Recipe) -> tuple[int, float]:
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from sklearn.metrics import accuracy_score, log_loss  # type: ignore[import-untyped]
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

    x, x_held, y, y_held = load_data(recipe.model)
    settings = {"C": recipe.inverse_regularization, "max_iter": 500}
    fitted = make_pipeline(StandardScaler(), LogisticRegression(**settings)).fit(x, y)
    accuracy = float(accuracy_score(y_held, fitted.predict(x_held)))
    loss = float(log_loss(y_held, fitted.predict_proba(x_held)))
    mlflow.log_params(settings)
    training = mlflow.data.from_pandas(
        x.assign(target=y), name=f"{recipe.model}-training", targets="target"
    )
    held_out = mlflow.data.from_pandas(
        x_held.assign(target=y_held), name=f"{recipe.model}-held-out", targets="target"
    )
    mlflow.log_input(training, context="training")
    logged = mlflow.sklearn.log_model(
        fitted,
        name="model",
        signature=mlflow.models.infer_signature(x, fitted.predict(x)),
        # MLflow would load the model once more to infer them.
        pip_requirements=[f"scikit-learn=={sklearn_version}"],
        registered_model_name=recipe.model,
    )
    mlflow.log_metrics(
        {"accuracy": accuracy, "log_loss": loss}, model_id=logged.model_id, dataset=held_out
    )
    return int(logged.registered_model_version), accuracy


def move_by_hand(folder: Path, model: str, version: int, stage: str) -> None:
    """Move a version to a stage, as a person does in MLflow's user interface."""
    _client(folder).transition_model_version_stage(model, str(version), stage)


def load_and_predict(folder: Path, address: str) -> tuple[int, list[Any], list[Any]]:
    """Load `models:/…` as a service would. Returns the version number, its predictions for five
    held-out rows, and the true values."""
    import mlflow

    mlflow.set_tracking_uri(environment(folder)["MLFLOW_TRACKING_URI"])
    name, stage, alias = _parse_address(address)
    _, x_held, _, y_held = load_data(name)
    client = _client(folder)
    if alias:
        version = client.get_model_version_by_alias(name, alias)
    else:
        [version] = client.get_latest_versions(name, [stage])

    model = mlflow.pyfunc.load_model(address)
    return (
        int(version.version),
        [int(value) for value in model.predict(x_held[:5])],
        [int(value) for value in y_held[:5]],
    )


def _parse_address(address: str) -> tuple[str, str, str]:
    name, _, alias = address.removeprefix("models:/").partition("@")
    name, _, stage = name.partition("/")
    return name, stage, alias


def _client(folder: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(environment(folder)["MLFLOW_TRACKING_URI"])
