"""A registry that does not show what receipts record: empty, another one, or one that hides models
from these credentials. Nothing is created there (RULES R1)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.edges.mlflow.registry import Registry
from tests.support.team import Ran, Team

NAMES = ("churn", "fraud", "pricing")
STAGES = "stages: {Production: 1}\n"


@pytest.fixture
def uri(tmp_path: Path, blank_registry: Callable[[Path], str]) -> str:
    address = blank_registry(tmp_path / "mlflow.db")
    fill(address, NAMES)
    return address


def fill(uri: str, names: Collection[str]) -> None:
    client = MlflowClient(uri)
    for name in names:
        client.create_registered_model(name)
        client.create_model_version(name, f"s3://models/{name}", await_creation_for=0)


@pytest.fixture
def reconciled(team: Team) -> Team:
    """Three models that were reconciled, and one that git asks for since."""
    team.commit(**dict.fromkeys(NAMES, STAGES))
    team.reconcile()
    team.commit(newcomer="stages: {}\n")
    return team


def hide(monkeypatch: pytest.MonkeyPatch, hidden: Collection[str]) -> None:
    """Let MLflow leave models out, as a server does for users without READ."""
    whole = Registry.observe

    def observe(
        self: Registry, names: Collection[str], *, only: bool = False, prompts: Collection[str] = ()
    ) -> dict[str, ObservedModel]:
        observed = whole(self, names, only=only, prompts=prompts)
        return {name: model for name, model in observed.items() if name not in hidden}

    monkeypatch.setattr(Registry, "observe", observe)


def refused(ran: Ran) -> dict[str, list[str]]:
    return {
        model["model"]: [refusal["code"] for refusal in model["refusals"]]
        for model in ran.json["models"]
    }


@pytest.mark.parametrize("others", [(), ("somebody-elses",), ("churn", "fraud", "pricing")])
def test_another_registry_gets_no_models(
    reconciled: Team, others: tuple[str, ...], tmp_path: Path, blank_registry: Callable[[Path], str]
) -> None:
    other = blank_registry(tmp_path / "other.db")
    fill(other, set(others) - {"churn"})  # models of the same names, without our stamps
    for command in ("plan", "status"):
        ran = reconciled.run(command, "--format", "json", uri=other)
        [notice] = ran.json["notices"]
        assert "READ on registered models" in notice and "mlflow.db" in notice, notice
    ran = reconciled.run("reconcile", "--yes", "--format", "json", uri=other)
    assert ran.code == 4
    assert refused(ran)["churn"] == ["deleted"] and refused(ran)["newcomer"] == ["hidden"]
    names = {model.name for model in MlflowClient(other).search_registered_models()}
    assert names == set(others) - {"churn"}
    ran = reconciled.run("verify", uri=other)
    assert ran.code == 4 and "hides it from these credentials" in ran.out


def test_hidden_models_are_not_created_and_shown_ones_are_reconciled(
    reconciled: Team, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, {"fraud"})
    ran = reconciled.run("status", "--exit-code")
    assert ran.code == 2 and "does not show 1 of the 3 models" in ran.out
    ran = reconciled.run("reconcile", "--yes", "--format", "json")
    assert refused(ran) == {"churn": [], "fraud": ["deleted"], "newcomer": [], "pricing": []}
    assert MlflowClient(uri).get_registered_model("newcomer").name == "newcomer"
    assert reconciled.run("verify").code == 4


def test_a_registry_that_hides_everything(
    reconciled: Team, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, {*NAMES, "newcomer"})
    ran = reconciled.run("plan")
    assert ran.code == 4 and "shows none of the 3 models" in ran.out
    assert "create the registered model" not in ran.out
    assert reconciled.run("reconcile", "--yes").code == 4
    assert {model.name for model in MlflowClient(uri).search_registered_models()} == set(NAMES)


def test_a_new_model_that_is_named_alone_is_not_created_on_the_wrong_server(
    reconciled: Team, uri: str, tmp_path: Path, blank_registry: Callable[[Path], str]
) -> None:
    other = blank_registry(tmp_path / "other.db")
    for command in (["plan"], ["reconcile", "--yes"]):
        ran = reconciled.run(*command, "newcomer", "--format", "json", uri=other)
        assert ran.code == 4 and refused(ran) == {"newcomer": ["hidden"]}, ran.out
    assert MlflowClient(other).search_registered_models() == []
    assert reconciled.run("reconcile", "newcomer", "--yes").code == 0, "the right server"
    assert MlflowClient(uri).get_registered_model("newcomer")


def test_a_new_registry_is_begun_with_adopt(
    reconciled: Team, tmp_path: Path, blank_registry: Callable[[Path], str]
) -> None:
    other = blank_registry(tmp_path / "other.db")
    ran = reconciled.run("reconcile", "newcomer", "--adopt", "--yes", uri=other)
    assert ran.code == 0 and MlflowClient(other).get_registered_model("newcomer")
