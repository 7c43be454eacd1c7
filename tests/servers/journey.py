"""What a team does with one server, step by step. Each step fails alone, and the next goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlflow_gitops.core.observed.server_version import ALIASES, ServerVersion
from tests.support.team import Ran, Team

WITH_ALIAS = "stages: {Production: {alias: production}}\n"
Step = tuple[str, Callable[[], object]]


class Journey:
    """A new team in `folder`, on a server whose registry has nothing else."""

    def __init__(self, folder: Path, uri: str, version: str) -> None:
        from mlflow import MlflowClient

        self.team = Team(folder, uri)
        self.client = MlflowClient(uri)
        self.has_aliases = ServerVersion(version).has(ALIASES)
        self.is_named = version[:2] != "1."
        """Whether the server states its version: MLflow before 2.0 does not."""

    def steps(self) -> Iterator[Step]:
        """The steps, in order."""
        yield "train two models", self._train
        yield "import", lambda: self._import()
        yield "validate", lambda: self._run("validate")
        yield "a plan after import is empty", lambda: self._run("plan", "--detailed-exitcode")
        yield "status before", lambda: self._count("status", "Synced", 2)
        yield "adopt", lambda: self._run("reconcile", "--yes")
        yield "verify what was adopted", lambda: self._run("verify")
        yield "promote", lambda: self._promote(2)
        yield "plan of two names", lambda: self._run("plan", "churn", "fraud")
        yield "reconcile", lambda: self._run("reconcile", "--yes")
        yield "the stage in MLflow", lambda: self._holds("fraud", 2)
        yield "status", lambda: self._count("status", "Synced", 2)
        yield "verify", lambda: self._run("verify")
        yield "nothing more to do", lambda: self._run("plan", "--detailed-exitcode")
        yield "somebody clicks", self._click
        yield "drift is shown", lambda: self._run("status", "--exit-code", code=2)
        yield "verify is red", lambda: self._run("verify", code=4)
        yield "drift is healed", lambda: self._heal()
        yield "roll back", lambda: self._run("rollback", "fraud", "--no-digest", "--commit")
        yield "reconcile the rollback", lambda: self._run("reconcile", "--yes")
        yield "the stage after it", lambda: self._holds("fraud", 1)
        yield "a new model", self._create
        yield "tags and description", self._tags
        yield "a model that is gone", self._delete
        yield "aliases, or why not", self._aliases
        yield "log", lambda: self._run("log", "fraud")
        yield "show", lambda: self._run("show", "fraud")
        yield "resolve", lambda: self._run("resolve", "fraud", "Production")
        yield "report", lambda: self._run("report", "--out", str(self.team.folder / "page"))
        yield "doctor", self._doctor

    def _run(self, *args: str, code: int = 0) -> Ran:
        ran = self.team.run(*args)
        assert ran.code == code, f"{args[0]}: exit code {ran.code}: {ran.err}{ran.out}"
        return ran

    def _count(self, command: str, word: str, count: int) -> None:
        models = self._run(command, "--format", "json").json["models"]
        assert sum(model["sync"] == word for model in models) == count, models

    def _train(self) -> None:
        for name in ("churn", "fraud"):
            self.client.create_registered_model(name)
            for number in (1, 2):
                source = f"s3://models/{name}/{number}"
                self.client.create_model_version(name, source, await_creation_for=0)
            self.client.transition_model_version_stage(name, "1", "Production")

    def _import(self) -> None:
        self._run("import")
        files = sorted(path.stem for path in self.team.folder.glob("registry/models/*.yaml"))
        assert files == ["churn", "fraud"], files
        self.team.commit("Import")

    def _promote(self, number: int) -> None:
        self._run(
            "promote", "fraud", str(number), "Production", "--no-digest", "--no-pin", "--commit"
        )

    def _holds(self, name: str, number: int) -> None:
        stage = self.client.get_model_version(name, str(number)).current_stage
        assert stage == "Production", stage

    def _click(self) -> None:
        self.client.transition_model_version_stage("fraud", "2", "Archived")

    def _heal(self) -> None:
        self._run("reconcile", "--yes")
        self._holds("fraud", 2)

    def _create(self) -> None:
        pin = 'versions: {1: {source: "s3://models/new/1"}}'
        self.team.commit("New", new=f"stages: {{Production: 1}}\n{pin}\n")
        self._run("reconcile", "--yes")
        self._holds("new", 1)

    def _tags(self) -> None:
        self.team.commit(
            "Tags", churn="stages: {Production: 1}\ntags: {team: risk}\ndescription: Ours.\n"
        )
        self._run("reconcile", "--yes")
        model: Any = self.client.get_registered_model("churn")
        assert model.tags["team"] == "risk" and model.description == "Ours."

    def _delete(self) -> None:
        self.client.delete_registered_model("new")
        ran = self._run("reconcile", "--yes", code=4)
        assert "deleted" in ran.out, ran.out
        (self.team.folder / "registry/models/new.yaml").unlink()
        self.team.commit("Gone")
        self._run("reconcile", "--yes")

    def _aliases(self) -> None:
        self.team.write("policy.yaml", WITH_ALIAS)
        self.team.commit("Keep Production as an alias, too")
        if self.has_aliases:
            self._run("reconcile", "--yes")
            assert dict(self.client.get_registered_model("fraud").aliases) == {"production": "1"}
            return
        ran = self._run("reconcile", "--yes", code=4 if self.is_named else 5)
        assert "aliases" in ran.out + ran.err and "2.3" in ran.out + ran.err, ran.out

    def _doctor(self) -> None:
        findings = self.team.run("doctor", "--format", "json").json["findings"]
        assert any(entry["check"] == "features" for entry in findings), findings
