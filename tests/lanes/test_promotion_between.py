"""A version promoted from one environment's registry to another's: copied with its lineage, pinned
to its origin."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from mlflow_gitops.core.manifests.environments import Environment
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.edges.mlflow.other_environments import origins
from mlflow_gitops.edges.mlflow.other_environments.lineage_writer import LineageWriter
from mlflow_gitops.edges.mlflow.other_environments.origins import OtherEnvironments
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.errors import RegistryFailure
from tests.support.environments import Teams
from tests.support.models import Signed, log_model
from tests.support.registries.origin_readers import OriginReaders, origin_readers
from tests.support.servers import mlflow_server
from tests.support.team import GIT_ENVIRONMENT

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("environments")]
"""One worker trains what they promote."""

PLACES = ("Copies._check_equal", "LineageWriter.write", "Registry.register")
"""Where the process dies; the first alone unless MLFLOW_GITOPS_FAULTS asks for all, since each
takes half a minute."""

POLICY = """\
stages:
  Production:
    require:
      status: READY
      pinned: true
      tags: {validation: passed}
      metrics: {accuracy: {min: 0.9}}
      signature: compatible
      no_worse_than: {stage: Production, metrics: {accuracy: {}}}
"""


@dataclass(frozen=True)
class Origin:
    """Staging's registry with two really logged versions of one model, which nobody changes."""

    uri: str
    model: str
    run_ids: tuple[str, str]
    digests: tuple[str, str]


@pytest.fixture(scope="module")
def origin(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> Iterator[Origin]:
    folder = tmp_path_factory.mktemp("staging")
    uri = blank_registry(folder / "staging.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where a SQL store keeps artifacts
        yield made(uri)


def made(uri: str) -> Origin:
    client, model = MlflowClient(uri), f"churn-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(model)
    runs = []
    for number, accuracy in ((1, 0.92), (2, 0.95)):
        about: dict[str, Any] = {
            "params": {"depth": str(number)},
            "tags": {"dvc.data/train.csv": "9d22" * 8},
        }
        logged = log_model(
            uri,
            model,
            Signed(),
            metrics={"accuracy": accuracy},
            data=[("holdout", [1, 2, 3])],
            **about,
        )
        client.log_metric(logged.run_id, "loss", 0.5, step=0)
        client.log_metric(logged.run_id, "loss", 0.25, step=1)
        client.set_model_version_tag(model, str(number), "validation", "passed")
        runs.append(logged.run_id)
    place = Environment(
        "staging", RegistryFolder("staging"), uri, workspace=os.environ.get("MLFLOW_WORKSPACE")
    )
    one, two = (
        OtherEnvironments({"staging": place}).make_pin("staging", model, number)
        for number in (1, 2)
    )
    assert [one.run_id, two.run_id] == runs
    return Origin(uri, model, (runs[0], runs[1]), (one.digest, two.digest))


@pytest.fixture(scope="module")
def readers() -> Iterator[OriginReaders]:
    with origin_readers() as made:
        yield made


@pytest.fixture(autouse=True)
def read_by_forks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but one read staging by forks of one process."""
    if request.function is not test_a_version_is_promoted_with_all_that_gates_judge_by:
        monkeypatch.setattr(origins, "subprocess", request.getfixturevalue("readers"))


@pytest.fixture
def teams(
    tmp_path: Path,
    origin: Origin,
    blank_registry: Callable[[Path], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Teams:
    return team_of(
        tmp_path,
        {"staging": origin.uri, "prod": blank_registry(tmp_path / "prod.db")},
        origin,
        monkeypatch,
    )


def team_of(
    folder: Path, uris: Mapping[str, str], origin: Origin, patch: pytest.MonkeyPatch, **more: str
) -> Teams:
    patch.chdir(folder)
    team = Teams(folder / "repo", uris, more)
    team.write("prod/policy.yaml", POLICY)
    team.put("staging", origin.model, "stages: {Production: 1}\n")
    team.put("prod", origin.model, "stages: {}\n")
    team.commit("Nothing in prod yet")
    return team


def promoted(teams: Teams, origin: Origin, version: int = 1, number: int = 1) -> None:
    """What `promote --from` writes."""
    digest, run = origin.digests[version - 1], origin.run_ids[version - 1]
    said = f'{{environment: staging, version: {version}, run_id: {run}, digest: "{digest}"}}'
    text = f"stages: {{Production: {number}}}\nversions:\n  {number}: {{origin: {said}}}\n"
    teams.put("prod", origin.model, text)
    teams.commit(f"Promote {version} of staging")


def copies(teams: Teams) -> list[Any]:
    client = MlflowClient(teams.uris["prod"])
    experiment = client.get_experiment_by_name("mlflow-gitops")
    return list(client.search_logged_models([experiment.experiment_id])) if experiment else []


def versions(teams: Teams, model: str) -> dict[int, Any]:
    found = MlflowClient(teams.uris["prod"]).search_model_versions(f"name = '{model}'")
    return {int(version.version): version for version in found}


def test_a_version_is_promoted_with_all_that_gates_judge_by(teams: Teams, origin: Origin) -> None:
    promote = ("promote", origin.model, "1", "Production", "--from", "staging")
    ran = teams.on("prod", *promote, "--commit")
    assert ran.code == 0, ran.err
    diff = teams.git("show", "--format=", "--unified=0").splitlines()
    added = [line for line in diff if line.startswith("+") and not line.startswith("+++")]
    assert [line.strip("+ ").partition(" {")[0] for line in added] == ["stages:", "versions:", "1:"]
    assert f"run_id: {origin.run_ids[0]}" in added[2] and 'digest: "sha256:' in added[2]
    plan = teams.on("prod", "plan", "--format", "json")
    assert plan.code == 0, plan.out
    [planned] = plan.json["models"]
    assert {gate["gate"]: gate["status"] for gate in planned["gates"]} == {
        "status": "passed", "pinned": "passed", "tags": "passed", "metrics": "passed",
        "signature": "exempt", "no_worse_than": "exempt",
    }  # fmt: skip
    assert copies(teams) == [], "a plan copies nothing"
    teams.apply("prod")
    [copy] = copies(teams)
    version = versions(teams, origin.model)[1]
    assert (version.current_stage, version.source) == ("Production", f"models:/{copy.model_id}")
    assert version.tags["validation"] == "passed" and version.tags["gitops.origin"].startswith(
        "staging/1@sha256:"
    )
    assert {(metric.key, metric.value, metric.dataset_name) for metric in copy.metrics} == {
        ("accuracy", 0.92, "holdout")
    }
    run = MlflowClient(teams.uris["prod"]).get_run(version.run_id)
    assert (run.data.params, run.data.metrics["loss"], run.info.status) == (
        {"depth": "1"},
        0.25,
        "FINISHED",
    )
    assert (
        run.data.tags["dvc.data/train.csv"]
        and run.inputs.dataset_inputs[0].dataset.name == "holdout"
    )
    again = teams.on("prod", "reconcile", "--yes", "--format", "json").json
    assert again["summary"]["unchanged"] == 1 and len(copies(teams)) == 1
    assert [teams.on("prod", *args).code for args in (("verify",), ("status", "--exit-code"))] == [
        0,
        0,
    ]
    assert "Nothing to change" in teams.on("prod", *promote).err
    [event] = [
        one for one in teams.on("prod", "log", "--format", "json").json if one["type"] == "stage"
    ]
    assert event["to"] == [1] and event["effect"]


def test_a_store_written_to_behind_a_copy_is_shown_and_refused(
    teams: Teams, origin: Origin, tmp_path: Path
) -> None:
    """A copy has the digest of its original, so it is compared like any other version."""
    promoted(teams, origin)
    teams.apply("prod")
    checked = ("verify", "--artifacts", "--format", "json")
    ran = teams.on("prod", *checked)
    assert ran.code == 0 and ran.json["artifacts"] == {"compared": 1, "not_checkable": []}, ran.out

    client, [copy] = MlflowClient(teams.uris["prod"]), copies(teams)
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "more.pkl").write_text("evil")
    client.log_model_artifacts(copy.model_id, str(tmp_path / "evil"))
    ran = teams.on("prod", *checked)
    assert ran.code == 4
    assert [finding["field"] for finding in ran.json["unexplained"]] == ["files 1"]

    client.transition_model_version_stage(origin.model, "1", "Archived")
    ran = teams.on("prod", "reconcile", "--yes", "--format", "json")
    assert ran.code == 4, ran.out
    assert [one["code"] for one in ran.json["models"][0]["refusals"]] == ["digest"]
    assert versions(teams, origin.model)[1].current_stage == "Archived"


def test_the_copy_is_served_and_judges_the_next_one(teams: Teams, origin: Origin) -> None:
    import mlflow
    import pandas as pd

    promoted(teams, origin, 2)
    teams.apply("prod")
    amounts = pd.DataFrame({"amount": [-9.0, 3.0]})
    served = []
    for uri, version in ((teams.uris["prod"], "Production"), (origin.uri, "2")):
        mlflow.set_tracking_uri(uri)
        served.append(
            list(mlflow.pyfunc.load_model(f"models:/{origin.model}/{version}").predict(amounts))
        )
    assert served == [[0, 1], [0, 1]]
    manifest = (teams.folder / f"registry/prod/models/{origin.model}.yaml").read_text()
    promoted(teams, origin, 1, number=2)
    file = teams.folder / f"registry/prod/models/{origin.model}.yaml"
    file.write_text(
        manifest.replace("Production: 1", "Production: 2")
        + file.read_text().splitlines()[-1]
        + "\n"
    )
    teams.commit("Both are pinned")
    worse = teams.on("prod", "plan")
    assert worse.code == 4 and "accuracy" in worse.out and "-0.03" in worse.out


def test_gates_judge_the_origin_before_anything_is_copied(teams: Teams, origin: Origin) -> None:
    teams.write("prod/policy.yaml", POLICY.replace("{min: 0.9}", "{min: 0.99}"))
    teams.commit("Only the best")
    promoted(teams, origin)
    refused = teams.on("prod", "reconcile", "--yes")
    assert refused.code == 4 and "accuracy 0.92 < 0.99" in refused.out
    assert copies(teams) == [] and versions(teams, origin.model) == {}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("run_id: ", "run_id: x", "is pinned to run_id x"),
        ("version: 1,", "version: 7,", "staging has no version 7"),
        ("environment: staging", "environment: test", "lists no other environment 'test'"),
    ],
)
def test_what_is_not_what_was_reviewed_is_refused(
    teams: Teams, origin: Origin, old: str, new: str, said: str
) -> None:
    promoted(teams, origin)
    file = teams.folder / f"registry/prod/models/{origin.model}.yaml"
    file.write_text(file.read_text().replace(old, new))
    teams.commit("Edited by hand")
    for command in (("plan",), ("reconcile", "--yes")):
        refused = teams.on("prod", *command)
        assert refused.code == 4 and said in refused.out, refused.out + refused.err
    assert copies(teams) == [] and versions(teams, origin.model) == {}


def test_artifacts_that_changed_since_are_not_copied(teams: Teams, origin: Origin) -> None:
    promoted(teams, origin)
    client = MlflowClient(origin.uri)
    place = client.get_logged_model(
        client.get_model_version(origin.model, "1").source.removeprefix("models:/")
    )
    file = Path(place.artifact_location.removeprefix("file://")) / "requirements.txt"
    before = file.read_bytes()
    try:
        file.write_bytes(before + b"evil==1.0\n")
        refused = teams.on("prod", "reconcile", "--yes")
    finally:
        file.write_bytes(before)
    assert refused.code == 4 and "is pinned to digest sha256:" in refused.out, refused.out
    assert copies(teams) == [] and versions(teams, origin.model) == {}
    with pytest.raises(Exception, match="not found"):
        MlflowClient(teams.uris["prod"]).get_registered_model(origin.model)


def test_an_origin_that_cannot_be_asked_fails_closed(teams: Teams, origin: Origin) -> None:
    promoted(teams, origin)
    listing = (teams.folder / "registry/environments.yaml").read_text()
    teams.write("environments.yaml", listing.replace("staging.db", "gone.db"))
    refused = teams.on("prod", "plan")
    assert refused.code == 4 and "cannot be read" in refused.out and "gone.db" in refused.out


@pytest.mark.weekly
@pytest.mark.parametrize("place", PLACES if os.environ.get("MLFLOW_GITOPS_FAULTS") else PLACES[:1])
def test_a_crash_on_the_way_leaves_one_copy_and_one_version(
    teams: Teams, origin: Origin, place: str
) -> None:
    """The process dies before it is where it was going: while copying, before the copy is whole,
    before it registers."""
    promoted(teams, origin)
    name, method = place.split(".")
    modules = {
        "Copies": "other_environments.copies",
        "LineageWriter": "other_environments.lineage_writer",
        "Registry": "registry",
    }
    script = (
        f"import os, mlflow_gitops.edges.mlflow.{modules[name]} as"
        f" room\nroom.{name}.{method} = lambda *args: os._exit(9)\nfrom mlflow_gitops.cli import"
        f" main\nmain(['--repo', {str(teams.folder)!r}, '--env', 'prod', 'reconcile', '--yes'])"
    )
    died = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | GIT_ENVIRONMENT, capture_output=True
    )
    assert died.returncode == 9, died.stderr
    [half] = copies(teams)
    assert versions(teams, origin.model) == {}
    teams.apply("prod")
    [whole] = copies(teams)
    assert (whole.model_id, str(whole.status)) == (half.model_id, "READY")
    assert [version.source for version in versions(teams, origin.model).values()] == [
        f"models:/{half.model_id}"
    ]
    assert {(metric.key, metric.value) for metric in whole.metrics} == {("accuracy", 0.92)}


def test_a_lost_answer_registers_nothing_twice(
    teams: Teams, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(teams, origin)
    register = Registry.register

    def lost(self: Registry, *args: Any) -> int:
        register(self, *args)
        raise RegistryFailure("no answer", transient=True)

    monkeypatch.setattr(Registry, "register", lost)
    teams.apply("prod")
    assert list(versions(teams, origin.model)) == [1] and len(copies(teams)) == 1


def test_a_dataset_that_another_copy_logs_meanwhile_is_no_failure(
    teams: Teams, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run has the dataset in before this one, and MLflow refuses to insert it once more."""
    promoted(teams, origin)
    log_inputs = MlflowClient.log_inputs

    def too_late(self: MlflowClient, run_id: str, inputs: Any) -> None:
        monkeypatch.setattr(MlflowClient, "log_inputs", log_inputs)
        experiment = self.get_run(run_id).info.experiment_id
        log_inputs(self, self.create_run(experiment).info.run_id, inputs)
        raise MlflowException(
            "(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.experiment_id"
        )

    monkeypatch.setattr(MlflowClient, "log_inputs", too_late)
    teams.apply("prod")
    run = MlflowClient(teams.uris["prod"]).get_run(versions(teams, origin.model)[1].run_id)
    assert [dataset_input.dataset.name for dataset_input in run.inputs.dataset_inputs] == [
        "holdout"
    ]


def test_a_copy_that_lost_its_lineage_is_not_registered(
    teams: Teams, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(teams, origin)
    monkeypatch.setattr(LineageWriter, "write", lambda *args: None)
    failed = teams.on("prod", "reconcile", "--yes")
    assert failed.code == 5 and "has other metrics" in failed.out + failed.err
    assert versions(teams, origin.model) == {}


@pytest.mark.parametrize(
    ("environment", "source", "code", "said"),
    [
        ("prod", "prod", 64, "is where the copy would go"),
        ("prod", "uat", 64, "There is no other environment 'uat'; there are: staging"),
    ],
)
def test_where_from_is_asked_clearly(
    teams: Teams, origin: Origin, environment: str, source: str, code: int, said: str
) -> None:
    ran = teams.on(environment, "promote", origin.model, "1", "Production", "--from", source)
    assert (ran.code, said in ran.err) == (code, True), ran.err


def test_a_version_that_the_origin_lacks_is_not_written(teams: Teams, origin: Origin) -> None:
    ran = teams.on("prod", "promote", origin.model, "9", "Production", "--from", "staging")
    assert ran.code == 4 and "staging has no version 9" in ran.err
    assert teams.git("status", "--porcelain") == ""


def test_a_copy_goes_to_a_server_over_http(
    tmp_path: Path, origin: Origin, http_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    teams = team_of(tmp_path, {"staging": origin.uri, "prod": http_uri}, origin, monkeypatch)
    promoted(teams, origin)
    teams.apply("prod")
    version = versions(teams, origin.model)[1]
    assert version.current_stage == "Production"
    copy = MlflowClient(http_uri).get_logged_model(version.source.removeprefix("models:/"))
    assert {(metric.key, metric.value, metric.dataset_digest) for metric in copy.metrics} != set()
    assert teams.on("prod", "verify").code == 0


def test_workspaces_of_one_server_are_environments(
    tmp_path: Path, blank_registry: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow 3.17: `mlflow server --enable-workspaces`; a copy goes from one workspace to the other
    over HTTP."""
    extra = ("--enable-workspaces",)
    with mlflow_server(
        tmp_path / "server", blank_registry(tmp_path / "w.db"), extra=extra
    ) as address:
        for name in ("risk-staging", "risk"):
            MlflowClient(address).create_workspace(name)
        with monkeypatch.context() as patch:
            patch.setenv("MLFLOW_WORKSPACE", "risk-staging")
            patch.setenv("MLFLOW_TRACKING_URI", address)
            origin = made(address)
        more = {"staging": ", workspace: risk-staging", "prod": ", workspace: risk"}
        teams = team_of(
            tmp_path, {"staging": address, "prod": address}, origin, monkeypatch, **more
        )
        promoted(teams, origin, 2)
        teams.apply("prod")
        teams.apply("staging")
        for workspace, source in (("risk", 1), ("risk-staging", 1)):
            monkeypatch.setenv("MLFLOW_WORKSPACE", workspace)
            found = {
                int(v.version): v
                for v in MlflowClient(address).search_model_versions(f"name = '{origin.model}'")
            }
            assert found[source].current_stage == "Production", workspace
        monkeypatch.delenv("MLFLOW_WORKSPACE")
        assert [teams.on(name, "verify").code for name in ("staging", "prod")] == [0, 0]
