"""A model as its owner lives with it: trained, registered by training, promoted by one changed
line, loaded, rolled back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.team import Team

POLICY = "stages: {Staging: {alias: staging}, Production: {alias: production}}\n"


@pytest.fixture
def tracking(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Any:
    """MLflow on a SQLite file of this test's own."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(blank_registry(tmp_path / "mlflow.db"))
    mlflow.create_experiment("digits", artifact_location=(tmp_path / "artifacts").as_uri())
    mlflow.set_experiment("digits")
    yield mlflow
    mlflow.set_tracking_uri(before)


def train(mlflow: Any, freedom: float) -> str:
    """Train a classifier of digits and register it; its model id."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    x, y = load_digits(return_X_y=True)
    x = x / 16.0
    with mlflow.start_run():
        fitted = LogisticRegression(C=freedom, max_iter=300).fit(x[:900], y[:900])
        mlflow.log_metric("accuracy", fitted.score(x[900:], y[900:]))
        logged = mlflow.sklearn.log_model(fitted, name="digits", pip_requirements=["scikit-learn"])
    mlflow.register_model(logged.model_uri, "digits")
    return str(logged.model_id)


def loaded(mlflow: Any, address: str) -> str:
    """The id of the logged model that an address leads to."""
    return str(mlflow.pyfunc.load_model(address).metadata.model_id)


def test_trained_promoted_by_one_line_and_rolled_back(tracking: Any, tmp_path: Path) -> None:
    first, second = train(tracking, 0.00001), train(tracking, 0.1)
    team = Team(tmp_path / "repo", tracking.get_tracking_uri())
    team.write("policy.yaml", POLICY)
    pins = f"versions:\n  1: {{model_id: {first}}}\n  2: {{model_id: {second}}}\n"
    team.commit("The first digits", digits=f"stages:\n  Production: 1\n{pins}")
    team.reconcile()
    for address in ("models:/digits/Production", "models:/digits@production"):
        assert loaded(tracking, address) == first

    file = team.folder / "registry" / "models" / "digits.yaml"
    file.write_text(file.read_text().replace("Production: 1", "Production: 2"))
    assert team.git("diff", "--numstat").split()[:2] == ["1", "1"], "a promotion is a one-line diff"
    plan = team.run("plan")
    assert "Production  1 → 2" in plan.out and "not committed yet" in plan.out
    promotion = team.commit("Promote 2 (#7)")
    team.reconcile()
    for address in ("models:/digits/Production", "models:/digits@production"):
        assert loaded(tracking, address) == second

    team.git("revert", "--no-edit", promotion)
    team.reconcile()
    for address in ("models:/digits/Production", "models:/digits@production"):
        assert loaded(tracking, address) == first
    assert team.run("status", "--exit-code").code == 0


def test_another_model_under_the_number_is_refused(tracking: Any, tmp_path: Path) -> None:
    """Deleted and made again, a model starts at 1: the number is no identity, the pin is."""
    first = train(tracking, 0.1)
    team = Team(tmp_path / "repo", tracking.get_tracking_uri())
    team.commit(digits=f"stages: {{Production: 1}}\nversions: {{1: {{model_id: {first}}}}}\n")
    team.reconcile()
    tracking.MlflowClient().delete_registered_model("digits")
    second = train(tracking, 0.001)
    plan = team.run("plan", "--format", "json")
    [model] = plan.json["models"]
    assert plan.code == 4 and model["refusals"][0]["code"] == "pin"
    assert first in model["refusals"][0]["detail"] and second in model["refusals"][0]["detail"]
    assert team.run("reconcile", "--yes").code == 4
    assert tracking.MlflowClient().get_model_version("digits", "1").current_stage == "None"


def test_the_data_that_a_version_was_trained_on_is_part_of_its_identity(
    tracking: Any, tmp_path: Path
) -> None:
    import pandas as pd

    md5, other = "d8e8fca2dc0f896fd7cb4cb0031ba249", "0" * 31 + "a"
    with tracking.start_run() as run:
        dataset = tracking.data.from_pandas(pd.DataFrame({"x": [1, 2]}), name="two rows")
        tracking.log_input(dataset, context="training")
        tracking.set_tag("dvc.data/reviews.csv", md5)
    client = tracking.MlflowClient()
    client.create_registered_model("reviews")
    client.create_model_version(
        "reviews", "s3://models/reviews", run_id=run.info.run_id, await_creation_for=0
    )
    team = Team(tmp_path / "repo", tracking.get_tracking_uri())
    pin = (
        "stages: {Staging: 1}\nversions: {1: {dataset_digest: '%s', data: {path: data/reviews.csv,"
        " md5: '%s'}}}\n"
    )
    for digest, sum_, said in ((dataset.digest, other, md5), ("5b6f8a1c", md5, dataset.digest)):
        team.commit(reviews=pin % (digest, sum_))
        plan = team.run("plan", "--format", "json")
        [refusal] = plan.json["models"][0]["refusals"]
        assert plan.code == 4 and refusal["code"] == "pin" and said in refusal["detail"]
    team.commit(reviews=pin % (dataset.digest, md5))
    team.reconcile()
    assert client.get_model_version("reviews", "1").current_stage == "Staging"
