"""Credentials, workspaces, artifacts on S3: MLflow's own settings are enough."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlflow_gitops.edges.mlflow.rights.permissions import read_access
from tests.support.registries.basic_auth import ADMIN, basic_auth_server
from tests.support.registries.lane import POLICY
from tests.support.registries.least_rights import check_least_rights
from tests.support.servers import mlflow_server, s3
from tests.support.team import Team
from tests.support.versions import needs_mlflow


@pytest.fixture
def uri() -> str:
    return "unused"


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> Iterator[str]:
    """A server with MLflow's basic-auth app: people may read, and only who has EDIT or MANAGE
    writes."""
    folder = tmp_path_factory.mktemp("auth")
    with basic_auth_server(folder, backend=blank_registry(folder / "mlflow.db")) as address:
        yield address


@pytest.mark.real
def test_basic_auth(guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient
    from mlflow.server.auth.client import AuthServiceClient

    team = Team(tmp_path / "repo", guarded)
    team.wait_less(write_pauses=(0.01,))
    name = f"guarded-{uuid.uuid4().hex[:6]}"
    for key, value in ADMIN.items():
        monkeypatch.setenv(key, value)
    client = MlflowClient(guarded)
    client.create_registered_model(name)
    for number in (1, 2):
        client.create_model_version(name, f"s3://models/{number}", await_creation_for=0)
    people = AuthServiceClient(guarded)
    people.create_user("reader", "a long password 1")
    people.create_user("writer", "a long password 2")
    people.grant_user_permission("writer", "registered_model", name, "EDIT")
    team.write("policy.yaml", POLICY)
    team.commit(**{name: "stages: {Production: 1, Staging: 2}\n"})

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "nobody")
    ran = team.run("status")
    assert ran.code == 1 and "does not accept these credentials (401)" in ran.err

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "reader")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a long password 1")
    assert team.run("plan").code == 0
    ran = team.run("reconcile", "--yes")
    assert ran.code == 5 and "EDIT on this model" in ran.out
    assert "a long password" not in ran.out + ran.err

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "writer")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a long password 2")
    assert team.run("reconcile", "--yes").code == 0
    team.commit(**{name: "stages: {Production: 1}\n"})
    ran = team.run("reconcile", "--yes")
    assert ran.code == 5 and "MANAGE (EDIT is not enough to remove an alias)" in ran.out

    for key, value in ADMIN.items():
        monkeypatch.setenv(key, value)
    client.create_registered_model(f"{name}-hidden")
    people.grant_user_permission("writer", "registered_model", f"{name}-hidden", "DENY")
    team.commit(**{f"{name}-hidden": "stages: {}\n"})
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "writer")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a long password 2")
    ran = team.run("reconcile", f"{name}-hidden", "--yes")
    assert ran.code == 5 and "lack the right to create registered models" in ran.out

    for key, value in ADMIN.items():
        monkeypatch.setenv(key, value)
    assert team.run("reconcile", "--yes").code == 0
    assert MlflowClient(guarded).get_registered_model(name).aliases == {"production": "1"}


@pytest.mark.real
@pytest.mark.weekly
def test_people_read_and_the_reconciler_writes(
    guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SECURITY.md sets it up, by its own commands: READ for everybody, MANAGE on each model for
    one user."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.server.auth.client import AuthServiceClient

    team = Team(tmp_path / "repo", guarded)
    name = f"access-{uuid.uuid4().hex[:6]}"
    reader, writer = f"reader-{name}", f"mlflow-gitops-{name}"

    def act_as(user: str, password: str) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)

    act_as(*ADMIN.values())
    client = MlflowClient(guarded)
    client.create_registered_model(name)
    for number in (1, 2):
        client.create_model_version(name, f"s3://models/{number}", await_creation_for=0)
    people = AuthServiceClient(guarded)
    people.create_user(reader, "a long password 4")
    people.create_user(writer, "a long password 5")
    people.grant_user_permission(writer, "registered_model", name, "MANAGE")
    team.write("policy.yaml", POLICY)
    team.commit(**{name: "stages: {Production: 1, Staging: 2}\n"})

    act_as(reader, "a long password 4")
    for command in (
        ["plan", name],
        ["status", name],
        ["log"],
        ["show"],
        ["import", name, "--dry-run"],
    ):
        assert team.run(*command).code == 0, command
    assert team.run("verify").code == 4, (
        "nothing was reconciled yet, which verify reports to a reader"
    )
    ran = team.run("reconcile", name, "--yes", "--format", "json")
    [model] = ran.json["models"]
    assert ran.code == 5 and "(403)" in model["error"] and "EDIT on this model" in model["error"]
    for write in (
        lambda: client.transition_model_version_stage(name, "2", "Production"),
        lambda: client.set_registered_model_alias(name, "production", "2"),
        lambda: client.set_registered_model_tag(name, "gitops.commit", "0" * 40),
        lambda: client.delete_model_version(name, "1"),
    ):
        with pytest.raises(MlflowException, match=r"403|[Pp]ermission"):
            write()
    assert {v.current_stage for v in client.search_model_versions(f"name = '{name}'")} == {"None"}
    assert client.get_registered_model(name).aliases == {} == client.get_registered_model(name).tags

    act_as(writer, "a long password 5")
    assert team.run("reconcile", name, "--yes").code == 0
    team.commit(**{name: "stages: {Production: 2, Staging: null}\n"})
    assert team.run("reconcile", name, "--yes").code == 0, "removes an alias, which takes MANAGE"
    # A model that its user creates is its own, and a version that it registers, too.
    team.commit(
        **{f"{name}-new": "stages: {Staging: 1}\nversions: {1: {source: s3://models/new}}\n"}
    )
    assert team.run("reconcile", f"{name}-new", "--yes").code == 0

    act_as(reader, "a long password 4")
    assert team.run("status", name, f"{name}-new", "--exit-code").code == 0
    assert team.run("verify").code == 0
    assert client.get_registered_model(name).aliases == {"production": "2"}


@pytest.mark.real
def test_doctor_tells_a_users_rights(
    guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the server tells them, by reading alone."""
    from mlflow import MlflowClient
    from mlflow.server.auth.client import AuthServiceClient

    team = Team(tmp_path / "repo", guarded)
    name = f"rights-{uuid.uuid4().hex[:6]}"
    for key, value in ADMIN.items():
        monkeypatch.setenv(key, value)
    MlflowClient(guarded).create_registered_model(name)
    people = AuthServiceClient(guarded)
    for right in ("READ", "EDIT", "MANAGE"):
        people.create_user(f"{right}-{name}", "a long password 3")
        people.grant_user_permission(f"{right}-{name}", "registered_model", name, right)
    team.write("policy.yaml", POLICY)
    team.commit(**{name: "stages: {}\n"})

    def findings(user: str, password: str = "a long password 3") -> dict[str, tuple[str, str]]:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
        ran = team.run("doctor", "--format", "json")
        assert password not in ran.out + ran.err
        return {
            finding["check"]: (finding["status"], finding["detail"])
            for finding in ran.json["findings"]
            if finding["area"] == "mlflow"
        }

    found = findings(f"READ-{name}")
    assert found["rights"][0] == "missing" and "reconcile needs EDIT" in found["rights"][1]
    assert found["read"][0] == "ok" and "(MLflow 3." in found["read"][1]
    found = findings(f"EDIT-{name}")
    assert "rights" not in found and found["alias-rights"][0] == "missing"
    assert findings(f"MANAGE-{name}")["rights"][0] == findings(*ADMIN.values())["rights"][0] == "ok"
    found = findings("nobody")
    assert (
        found["read"][0] == "missing"
        and "401" in found["read"][1]
        and found["credentials"][0] == "ok"
    )


@pytest.mark.real
@needs_mlflow("3.17")
@pytest.mark.parametrize(
    ("on_model", "on_versions", "allowed"),
    [
        ("EDIT", None, {"register", "stage", "alias", "tag"}),
        ("EDIT", "READ", {"register", "alias", "tag"}),
        ("EDIT", "DENY", {"tag"}),
        ("READ", "EDIT", {"stage"}),
        ("MANAGE", "READ", {"register", "alias", "tag"}),
        ("MANAGE", "EDIT", {"register", "stage", "alias", "tag"}),
    ],
)
def test_a_role_for_versions(
    guarded: str,
    monkeypatch: pytest.MonkeyPatch,
    on_model: str,
    on_versions: str | None,
    allowed: set[str],
) -> None:
    """The table of SECURITY.md."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.server.auth.client import AuthServiceClient

    for key, value in ADMIN.items():
        monkeypatch.setenv(key, value)
    client, people = MlflowClient(guarded), AuthServiceClient(guarded)
    name = f"role-{uuid.uuid4().hex[:6]}"
    client.create_registered_model(name)
    client.create_model_version(name, "s3://models/1", tags={"a": "b"}, await_creation_for=0)
    people.create_user(name, "a long password 6")
    people.grant_user_permission(name, "registered_model", name, on_model)
    if on_versions is not None:
        role = people.create_role("default", name)
        people.add_role_permission(role.id, "registered_model_version", "*", on_versions)
        people.assign_role(name, role.id)

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a long password 6")
    writes: dict[str, Callable[[], object]] = {
        "register": lambda: client.create_model_version(
            name, "s3://models/2", await_creation_for=0
        ),
        "stage": lambda: client.transition_model_version_stage(name, "1", "Staging"),
        "alias": lambda: client.set_registered_model_alias(name, "production", "1"),
        "tag": lambda: client.set_registered_model_tag(name, "gitops.commit", "0" * 40),
        "untag": lambda: client.delete_model_version_tag(name, "1", "a"),
    }
    done = set()
    for write, call in writes.items():
        try:
            call()
            done.add(write)
        except MlflowException as error:
            assert "403" in str(error) or "ermission" in str(error), error
    assert done == allowed
    assert read_access(guarded, [name]).version_permission == on_versions


@pytest.mark.real
@pytest.mark.weekly
@needs_mlflow("3.17")
def test_the_least_rights_of_each_account(guarded: str, tmp_path: Path) -> None:
    check_least_rights(guarded, tmp_path / "repo", grants_on_versions=True)


@pytest.mark.real
def test_artifacts_on_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model logged to S3 by way of the server, registered by its manifest, promoted, and loaded
    from its stage."""
    import mlflow
    from sklearn.dummy import DummyClassifier

    with s3("models") as env:
        for key, value in env.items():
            monkeypatch.setenv(key, value)
        folder = tmp_path / "server"
        with mlflow_server(
            folder, f"sqlite:///{folder / 'mlflow.db'}", artifacts="s3://models/a", env=env
        ) as address:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            mlflow.set_tracking_uri(address)
            try:
                model = DummyClassifier(strategy="constant", constant=7).fit([[0], [1]], [7, 8])
                with mlflow.start_run(
                    experiment_id="0"
                ):  # whatever experiment another test made active
                    logged = mlflow.sklearn.log_model(
                        model, name="m", pip_requirements=["scikit-learn"]
                    )
                team = Team(tmp_path / "repo", address)
                pin = (
                    f"versions: {{1: {{source: 'models:/{logged.model_id}', model_id:"
                    f" {logged.model_id}}}}}\n"
                )
                team.write("policy.yaml", POLICY)
                team.commit(seven=f"stages: {{Production: 1}}\n{pin}")
                team.reconcile()
                for address_of_it in ("models:/seven/Production", "models:/seven@production"):
                    assert list(mlflow.sklearn.load_model(address_of_it).predict([[5]])) == [7]
                assert team.run("status", "--exit-code").code == 0
            finally:
                mlflow.set_tracking_uri(None)  # type: ignore[arg-type]


@pytest.mark.real
def test_workspaces_are_part_of_the_identity(
    tmp_path: Path, blank_registry: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same name in two workspaces is two models, and a plan saved for one is stale for the
    other."""
    from mlflow import MlflowClient

    folder = tmp_path / "server"
    with mlflow_server(
        folder, blank_registry(tmp_path / "mlflow.db"), extra=("--enable-workspaces",)
    ) as address:
        client = MlflowClient(address)
        client.create_workspace("blue")
        monkeypatch.setenv("MLFLOW_WORKSPACE", "blue")
        blue = MlflowClient(address)
        blue.create_registered_model("m")
        blue.create_model_version("m", "s3://models/1", await_creation_for=0)
        team = Team(tmp_path / "repo", address)
        team.commit(m="stages: {Production: 1}\n")
        plan = tmp_path / "plan.json"
        assert team.run("plan", "--out", str(plan)).code == 0
        monkeypatch.setenv("MLFLOW_WORKSPACE", "default")
        assert team.run("status").out.split()[1] == "Missing"
        ran = team.run("reconcile", "--plan", str(plan), "--yes")
        assert ran.code == 4 and "the registry's address" in ran.err
        monkeypatch.setenv("MLFLOW_WORKSPACE", "blue")
        assert team.run("reconcile", "--plan", str(plan), "--yes").code == 0
        assert blue.get_model_version("m", "1").current_stage == "Production"
    assert "MLFLOW_WORKSPACE" in os.environ
