"""What `rights` grants on a real server with MLflow's basic-auth app is enough for each account and
no more, and a second run has nothing to do (SECURITY.md)."""

from __future__ import annotations

from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tests.support.registries.basic_auth import ADMIN, acting_as, create_user
from tests.support.team import Ran, Team

PASSWORD = "a long password 7"
POLICY = """\
accounts: {reconciler: robot, readers: [serving], trainers: {train: ["fraud*"]}}
models:
- {match: "fraud", stages: {Production: {alias: production}}}
"""


def rights(team: Team, *arguments: str) -> Ran:
    with acting_as(*ADMIN.values()):
        return team.run("rights", *arguments)


def check_least_rights(address: str, folder: Path, *, grants_on_versions: bool) -> None:
    """A trainer made two managed models and one of its own; then `rights --apply`."""
    team = Team(folder, address)
    with acting_as(*ADMIN.values()):
        for user in ("robot", "serving", "train"):
            create_user(address, user, PASSWORD)
    with acting_as("train", PASSWORD):  # the creator of a model has MANAGE on it
        client = MlflowClient(address)
        for model in ("fraud", "fraud-new", "churn"):
            client.create_registered_model(model)
            client.create_model_version(model, "s3://models/1", await_creation_for=0)
    team.write("policy.yaml", POLICY)
    team.commit("Begin", **{name: "stages: {Staging: 1}\n" for name in ("fraud", "fraud-new")})

    before = rights(team, "--format", "json", "--detailed-exitcode")
    assert before.code == 2 and before.json["missing_accounts"] == [], before.err
    ran = rights(team, "--apply", "--yes")
    assert ran.code == 0, ran.out + ran.err
    assert rights(team, "--detailed-exitcode").code == 0, "nothing is left to do"

    assert _allowed("serving", address, "fraud") == {"read"}
    assert _allowed("train", address, "fraud") == {"read"}
    allowed = {"read", "register", "alias"} if grants_on_versions else {"read"}
    assert _allowed("train", address, "fraud-new") == allowed
    assert _allowed("train", address, "churn") >= {"register", "alias"}, "has no manifest"
    with acting_as("robot", PASSWORD):
        ran = team.run("reconcile", "--yes")
        assert ran.code == 0, ran.out + ran.err


def _allowed(user: str, address: str, model: str) -> set[str]:
    """What an account may do with a model, tried."""
    done = set()
    with acting_as(user, PASSWORD):
        client = MlflowClient(address)
        for write, call in {
            "read": lambda: client.get_registered_model(model),
            "register": lambda: client.create_model_version(
                model, "s3://models/2", await_creation_for=0
            ),
            "stage": lambda: client.transition_model_version_stage(model, "1", "Staging"),
            "alias": lambda: client.set_registered_model_alias(model, "mine", "1"),
        }.items():
            try:
                call()
                done.add(write)
            except MlflowException as error:
                assert "403" in str(error) or "ermission" in str(error), error
    return done
