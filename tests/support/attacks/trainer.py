"""Mallory's training job, which may write to the experiment of its logged models and has no right
on the registered model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.attacks.company import MODEL, Company


class Trainer:
    """Logs models with files, and overwrites them."""

    def __init__(self, company: Company) -> None:
        self._client, self._folder = company.client, company.folder / "trained"
        self._experiment = self._client.create_experiment(
            "training", (company.folder / "artifacts").as_uri()
        )

    def log(self, name: str, text: str, logged: Any = None) -> Any:
        """Write `model.pkl` with this text into a logged model, a new one by default."""
        files = self._folder / name
        files.mkdir(parents=True, exist_ok=True)
        (files / "MLmodel").write_text("flavors: {}\n")
        (files / "model.pkl").write_text(text)
        logged = logged or self._client.create_logged_model(self._experiment, name)
        self._client.log_model_artifacts(logged.model_id, str(files))
        if logged.status != "READY":
            logged = self._client.finalize_logged_model(logged.model_id, "READY")
        return logged

    def folder_of(self, logged: Any) -> Path:
        """The folder with the files of a logged model."""
        return Path(str(logged.artifact_location).removeprefix("file://"))

    def register(self, name: str, text: str) -> Any:
        """Log a model and register it, validated, under the next number."""
        import mlflow

        logged = self.log(name, text)
        mlflow.set_tracking_uri(self._client.tracking_uri)
        self._client.create_model_version(
            MODEL,
            f"models:/{logged.model_id}",
            tags={"validation": "passed"},
            await_creation_for=0,
            model_id=logged.model_id,
        )
        return logged


def promote(company: Company, version: int) -> int:
    """Alice promotes a version as she always does, and bob approves it."""
    company.branch("promote")
    ran = company.team.run("promote", MODEL, str(version), "Production")
    assert ran.code == 0, ran.err
    company.commit("Promote")
    company.push("promote")
    number = company.github.open_pull("promote", "Promote", user="alice").number
    company.github.review(number, "bob")
    return number
