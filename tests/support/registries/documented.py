"""Models trained and registered in the ways that MLflow's documentation shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def train_and_register(uri: str, place: str = "") -> None:
    """One after the other, as the pages on tracking, flavours and the registry have it. `place` is
    where models lie that are of no run: by default in the folder at hand, which a server does not
    take."""
    import mlflow
    from mlflow import MlflowClient
    from sklearn.datasets import load_diabetes, load_iris
    from sklearn.linear_model import LogisticRegression, Ridge

    client = MlflowClient(uri)
    mlflow.set_experiment("Quickstart")

    # Autologging, and what it logged registered by the run.
    mlflow.sklearn.autolog()
    x, y = load_iris(return_X_y=True)
    with mlflow.start_run() as run:
        LogisticRegression(max_iter=200).fit(x, y)
    mlflow.sklearn.autolog(disable=True)
    mlflow.register_model(
        f"runs:/{run.info.run_id}/model", "iris classifier", tags={"trained_by": "autolog"}
    )

    # A flavour that registers as it logs; again, for a second version.
    x, y = load_diabetes(return_X_y=True, as_frame=True)
    for alpha in (0.5, 1.0):
        with mlflow.start_run(run_name=f"alpha {alpha}"):
            mlflow.log_params({"alpha": alpha})
            ridge = Ridge(alpha=alpha).fit(x, y)
            mlflow.sklearn.log_model(
                ridge,
                name="model",
                input_example=x.head(2),
                registered_model_name="sk-learn-ridge-reg-model",
            )
    client.update_registered_model(
        "sk-learn-ridge-reg-model", "Predicts progression.\nSee **the notebook**."
    )
    client.set_registered_model_tag("sk-learn-ridge-reg-model", "task", "regression")
    client.set_model_version_tag("sk-learn-ridge-reg-model", "1", "validation_status", "approved")
    client.set_registered_model_alias("sk-learn-ridge-reg-model", "champion", "1")
    client.set_registered_model_alias("sk-learn-ridge-reg-model", "Challenger", "2")
    client.transition_model_version_stage("sk-learn-ridge-reg-model", "1", "Production")
    client.transition_model_version_stage("sk-learn-ridge-reg-model", "2", "Staging")

    # A model of one's own.
    class AddN(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def __init__(self, n: int) -> None:
            self.n = n

        def predict(
            self, context: Any, model_input: list[float], params: Any = None
        ) -> list[float]:
            return [value + self.n for value in model_input]

    with mlflow.start_run():
        mlflow.pyfunc.log_model(
            name="add_n", python_model=AddN(5), registered_model_name="add_n", pip_requirements=[]
        )

    # A copy into another model, a version by its place alone, and one that was deleted.
    client.copy_model_version("models:/sk-learn-ridge-reg-model@champion", "prod.ml_team.regressor")
    client.create_registered_model(
        "by place", tags={"framework": "sklearn"}, description="Not from a run."
    )
    for number in range(3):
        client.create_model_version(
            "by place", f"{place or Path.cwd()}/models/{number}", await_creation_for=0
        )
    client.transition_model_version_stage("by place", "3", "Production")
    client.delete_model_version("by place", "1")

    # Prompts are in the same table.
    client.register_prompt(
        "summarization-prompt", "Summarize in {{num_sentences}} sentences: {{sentences}}"
    )
    client.set_prompt_alias("summarization-prompt", "production", 1)
