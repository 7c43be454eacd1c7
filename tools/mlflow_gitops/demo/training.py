"""Train the demo's models for real, on the data that scikit-learn brings, and register each version
in MLflow."""

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
    """One version: its model, what is said of it, and how freely it may fit (the inverse of its
    regularisation)."""

    model: str
    about: str
    freedom: float


RECIPES = tuple(
    Recipe(model, about, freedom)
    for model in ("iris-species", "wine-cultivar", "digit-reader")
    for about, freedom in (
        ("tightly regularised", 0.0005),
        ("a little freer", 0.02),
        ("as scikit-learn has it", 1.0),
    )
)


def environment(folder: Path) -> dict[str, str]:
    """The user's environment without its MLflow settings, and with those of the demo's own MLflow."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "GIT_"))}
    return kept | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def quieten() -> None:
    """Keep MLflow's chatter out of the story."""
    warnings.filterwarnings("ignore")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def data_of(model: str) -> tuple[Any, Any, Any, Any]:
    """Training and held-out data of a model, as pandas objects: x, x held out, y, y held out."""
    from sklearn import datasets  # type: ignore[import-untyped]
    from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]

    load = {
        "iris-species": datasets.load_iris,
        "wine-cultivar": datasets.load_wine,
        "digit-reader": datasets.load_digits,
    }[model]
    found = load(as_frame=True)
    parts: tuple[Any, Any, Any, Any] = train_test_split(
        found.data.astype(float), found.target, test_size=0.4, random_state=7, stratify=found.target
    )
    return parts


def train(
    folder: Path, recipes: Sequence[Recipe] = RECIPES
) -> Iterator[tuple[str, int, str, float]]:
    """Train and register every recipe; yield model, version, what it is, and its accuracy on
    held-out data."""
    import mlflow
    import sklearn

    quieten()
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
            mlflow.start_run(experiment_id=experiments[recipe.model], run_name=recipe.about),
        ):
            version, accuracy = _log(mlflow, sklearn.__version__, recipe)
        yield recipe.model, version, recipe.about, accuracy


def _log(mlflow: Any, sklearn_version: str, recipe: Recipe) -> tuple[int, float]:
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from sklearn.metrics import accuracy_score, log_loss  # type: ignore[import-untyped]
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

    x, x_held, y, y_held = data_of(recipe.model)
    settings = {"C": recipe.freedom, "max_iter": 500}
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
        pip_requirements=[
            f"scikit-learn=={sklearn_version}"
        ],  # inferring them would load the model once more
        registered_model_name=recipe.model,
    )
    mlflow.log_metrics(
        {"accuracy": accuracy, "log_loss": loss}, model_id=logged.model_id, dataset=held_out
    )
    return int(logged.registered_model_version), accuracy


def click(folder: Path, model: str, version: int, stage: str) -> None:
    """What a person does in MLflow's user interface: move a version to a stage."""
    _client(folder).transition_model_version_stage(model, str(version), stage)


def served(folder: Path, address: str) -> tuple[int, list[Any], list[Any]]:
    """Load `models:/…` as a service would: the version that answers, its answers to five held-out
    rows, and the truth."""
    import mlflow

    mlflow.set_tracking_uri(environment(folder)["MLFLOW_TRACKING_URI"])
    name, stage, alias = _parts(address)
    _, x_held, _, y_held = data_of(name)
    client = _client(folder)
    found = (
        client.get_model_version_by_alias(name, alias)
        if alias
        else client.get_latest_versions(name, [stage])[0]
    )
    model = mlflow.pyfunc.load_model(address)
    return (
        int(found.version),
        [int(one) for one in model.predict(x_held[:5])],
        [int(one) for one in y_held[:5]],
    )


def _parts(address: str) -> tuple[str, str, str]:
    name, _, alias = address.removeprefix("models:/").partition("@")
    name, _, stage = name.partition("/")
    return name, stage, alias


def _client(folder: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(environment(folder)["MLFLOW_TRACKING_URI"])
