"""`import` on a registry that others' code filled, in the ways that MLflow's documentation shows:
autologging, flavours, models of one's own, aliases, copies, prompts. No line of it knows of this
tool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.registries.documented import train_and_register
from tests.support.registries.manual import ManualRegistry
from tests.support.team import Team


@pytest.fixture
def elsewhere(
    tmp_path: Path, blank_registry: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A tracking store, a registry and a working folder, as a person with a notebook has them."""
    import mlflow

    uri = blank_registry(tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    # What a flavour writes into requirements.txt is found out by loading the model in another
    # process, which takes seconds.
    monkeypatch.setattr(
        mlflow.models, "infer_pip_requirements", lambda *_, fallback=None, **__: fallback or []
    )
    mlflow.set_tracking_uri(uri)
    yield uri
    mlflow.sklearn.autolog(disable=True)


@pytest.mark.filterwarnings("ignore:`y_pred` was renamed:FutureWarning")
def test_nothing_is_to_change_after_the_import(elsewhere: str, tmp_path: Path) -> None:
    train_and_register(elsewhere)
    before = seen(elsewhere)
    team = Team(tmp_path / "repo", elsewhere)
    ran = team.run("import", "--format", "json", "--descriptions", "--tags")
    told = {one["model"]: one for one in ran.json["models"]}
    assert ran.code == 0 and set(told) == set(before) == {
        "iris classifier", "sk-learn-ridge-reg-model", "add_n", "prod.ml_team.regressor",
        "by place",
    }  # fmt: skip
    assert ran.json["prompts"] == ["summarization-prompt"]
    assert all(
        (one["result"], one["notes"], one["pending"]) == ("created", [], [])
        for one in told.values()
    ), told
    text = (team.folder / "registry/models/sk-learn-ridge-reg-model.yaml").read_text()
    assert "description: |-\n  Predicts progression.\n  See **the notebook**.\n" in text
    assert (
        "aliases:\n  Challenger: 2\n  champion: 1\n" in text
        and "      validation_status: approved\n" in text
    )

    plan = team.run("plan", "--detailed-exitcode")
    assert plan.code == 0 and "Plan: 5 models, nothing to change." in plan.out, plan.out
    team.commit("What we have")
    # Every pin names what is there, and the first reconcile leaves its stamps alone.
    assert {one["result"] for one in team.reconcile().json["models"]} == {"applied"}
    assert seen(elsewhere) == before
    assert team.run("status", "--exit-code").code == 0 and team.run("verify").code == 0
    again = team.run("import", "--format", "json", "--descriptions", "--tags").json
    assert again["summary"]["unchanged"] == 5
    served(elsewhere)

    # From here on git leads.
    assert team.run("promote", "sk-learn-ridge-reg-model", "2", "Production", "--commit").code == 0
    team.reconcile()
    assert ManualRegistry(elsewhere).stages("sk-learn-ridge-reg-model") == {
        1: "Archived",
        2: "Production",
    }


def seen(uri: str) -> dict[str, Any]:
    """What people see of each model, without this tool's stamps."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)

    def tags(found: dict[str, str]) -> dict[str, str]:
        return {key: value for key, value in found.items() if not key.startswith("gitops.")}

    def version(one: Any) -> tuple[Any, ...]:
        return (
            int(one.version), one.current_stage, one.run_id, one.source, one.description or "",
            sorted(tags(one.tags).items())
        )  # fmt: skip

    return {
        model.name: (
            model.description or "",
            tags(model.tags),
            dict(model.aliases),
            sorted(version(one) for one in client.search_model_versions(f"name = '{model.name}'")),
        )
        for model in client.search_registered_models()
    }


def served(uri: str) -> None:
    """What loads a model by its stage or alias needs no change."""
    import mlflow
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(return_X_y=True, as_frame=True)[0].head(3)
    name = "sk-learn-ridge-reg-model"
    answers = [
        list(mlflow.sklearn.load_model(f"models:/{name}{at}").predict(frame))
        for at in ("/Production", "@champion")
    ]
    assert answers[0] == answers[1]
