"""What is read of really logged models, over SQLite and over HTTP, and what the signature gate says
of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest

from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.signatures import breaks
from mlflow_gitops.core.recorded.values import ModelFile
from mlflow_gitops.edges.mlflow.artifacts import model_file
from mlflow_gitops.edges.mlflow.artifacts.model_file import libraries
from mlflow_gitops.edges.mlflow.artifacts.reader import Artifacts
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.errors import RegistryFailure
from tests.support.models import Signed, log_model, register
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team
from tests.support.versions import needs_mlflow

POLICY = "stages:\n  Production: {alias: production, require: {signature: compatible}}\n"


def read(uri: str, name: str, number: int = 1) -> ModelFile | None:
    registry = Registry(uri)
    seen = registry.read(name)
    assert seen is not None
    return registry.model_file(name, seen.versions[number])


def test_all_that_a_logged_model_says_of_itself(uri: str, shelf: LaneRegistry) -> None:
    name = shelf.model(0)
    log_model(
        uri,
        name,
        Signed().output("double"),
        requirements=["scikit-learn==1.4.2", "NumPy>=2", "six"],
    )
    file = read(uri, name)
    assert file is not None and file.signature is not None
    assert file.signature.inputs == ({"type": "double", "name": "amount", "required": True},)
    assert file.signature.outputs == ({"type": "double", "required": True},)
    assert file.signature.params is None
    assert file.size is not None and 100 < file.size < 1_000_000
    assert file.python is not None and file.python.startswith("3.")
    assert file.libraries["scikit-learn"] == "1.4.2" and file.libraries["numpy"] == "NumPy>=2"
    assert file.libraries["six"] == "six" and "mlflow" in file.libraries


CHANGES: list[tuple[str, Signed, Signed, list[str]]] = [
    ("nothing", Signed(), Signed(), []),
    (
        "a new required column",
        Signed(),
        Signed().column("hour", "long"),
        ["input hour: new and required"],
    ),
    ("a new optional column", Signed(), Signed().column("hour", "long", required=False), []),
    (
        "a narrowed type",
        Signed().column("hour", "double"),
        Signed().column("hour", "long"),
        ["input hour: double → long"],
    ),
    ("a widened type", Signed().column("hour", "integer"), Signed().column("hour", "long"), []),
    (
        "another tensor",
        Signed().tensor((-1, 1), "float64"),
        Signed().tensor((-1, 2), "float64"),
        ["input #0: tensor float64 (-1, 1) → tensor float64 (-1, 2)"],
    ),
    ("a parameter more", Signed(), Signed().param("threshold", "double", 0.5), []),
    (
        "another parameter",
        Signed().param("threshold", "double", 0.5),
        Signed().param("threshold", "string", "0.5"),
        ["parameter threshold: double → string"],
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "broken"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_signatures_as_mlflow_keeps_them(
    sqlite_uri: str, tmp_path: Path, old: Signed, new: Signed, broken: list[str]
) -> None:
    shelf = LaneRegistry(sqlite_uri)
    name = shelf.model(0)
    for signed in (old, new):
        log_model(sqlite_uri, name, signed)
    before, after = (read(sqlite_uri, name, number) for number in (1, 2))
    assert before and after and before.signature and after.signature
    assert list(breaks(after.signature, before.signature)) == broken


def test_the_gate_names_the_column(uri: str, team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(0)
    for signed in (
        Signed(),
        Signed().column("hour", "long"),
        Signed().column("hour", "long", required=False),
    ):
        log_model(uri, name, signed)
    team.write("policy.yaml", POLICY)
    team.commit("First", **{name: "stages: {Production: 1}\n"})
    team.reconcile()
    team.commit("A version that asks for more", **{name: "stages: {Production: 2}\n"})
    ran = team.run("plan", "--format", "json")
    [model] = ran.json["models"]
    assert ran.code == 4 and "input hour: new and required" in model["refusals"][0]["detail"]
    assert team.run("reconcile", "--yes").code == 4 and shelf.stages(name)[1] == "Production"
    team.commit("One that does not", **{name: "stages: {Production: 3}\n"})
    team.reconcile()
    assert shelf.stages(name)[3] == "Production"


def test_every_kind_of_source(uri: str, shelf: LaneRegistry, tmp_path: Path) -> None:
    name = shelf.model(0)
    logged = log_model(uri, name, Signed())
    place = str(shelf.client.get_run(logged.run_id).info.artifact_uri)
    mlflow.set_tracking_uri(uri)
    mlflow.artifacts.download_artifacts(f"models:/{logged.model_id}", dst_path=str(tmp_path))
    shelf.client.log_artifacts(logged.run_id, str(tmp_path), "copy")
    for source in (
        f"models:/{logged.model_id}",
        f"runs:/{logged.run_id}/model",
        f"runs:/{logged.run_id}/copy",
        f"{place}/copy",
    ):
        number = register(uri, name, source, logged.run_id)
        assert read(uri, name, number) == read(uri, name, 1), source
    # Of a version that its manifest shall register, MLflow's own addresses are read and no other.
    registry = Registry(uri)
    for source in (f"models:/{logged.model_id}", f"runs:/{logged.run_id}/model"):
        pinned = ObservedVersion(9, source=source, run_id=logged.run_id, status="")
        assert registry.model_file(name, pinned) == read(uri, name, 1)
    for source in ("models:/m-" + "0" * 32, "runs:/" + "0" * 32 + "/model", None):
        assert registry.model_file(name, ObservedVersion(9, source=source, status="")) is None
    with pytest.raises(RegistryFailure, match="is not read before it is registered"):
        registry.model_file(name, ObservedVersion(9, source="s3://somewhere/else", status=""))


def test_no_artifacts(uri: str, shelf: LaneRegistry) -> None:
    name = shelf.model(0)
    shelf.logged(name, accuracy=1.0)
    assert read(uri, name) is None
    registry = Registry(uri)
    assert registry.model_file(name, ObservedVersion(99)) is None


def test_what_is_there_and_is_not_mlflows(sqlite_uri: str, tmp_path: Path) -> None:
    artifacts = Artifacts(sqlite_uri, sqlite_uri)
    assert artifacts.read(str(tmp_path / "gone")) is None
    (tmp_path / "MLmodel").write_text("flavors: [unclosed")
    with pytest.raises(RegistryFailure, match="was not written by MLflow"):
        artifacts.read(str(tmp_path))
    (tmp_path / "MLmodel").write_text("- a list")
    with pytest.raises(RegistryFailure, match="was not written by MLflow"):
        artifacts.read(tmp_path.as_uri())
    (tmp_path / "MLmodel").write_text("signature: {inputs: 'no list'}")
    with pytest.raises(RegistryFailure, match="was not written by MLflow"):
        artifacts.read(str(tmp_path))
    (tmp_path / "MLmodel").write_text("#" * (model_file.MAX_BYTES + 1))
    with pytest.raises(RegistryFailure, match="larger than 4 MiB"):
        artifacts.read(str(tmp_path))
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    assert artifacts.read(str(tmp_path)) == ModelFile()
    # No other file that it may name is opened.
    (tmp_path / "secret.yaml").write_text("- not for you")
    (tmp_path / "MLmodel").write_text(f"resources: {tmp_path / 'secret.yaml'}\n")
    assert artifacts.read(str(tmp_path)) == ModelFile()


def test_nothing_is_unpickled_or_left_behind(
    uri: str, shelf: LaneRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pickle
    import tempfile

    name = shelf.model(0)
    log_model(uri, name, Signed())

    def forbidden(*args: Any, **options: Any) -> Any:
        raise AssertionError("a model was loaded")

    for module, call in ((pickle, "load"), (pickle, "loads"), (np, "load")):
        monkeypatch.setattr(module, call, forbidden)
    fetched: list[str] = []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    real = shutil.rmtree
    monkeypatch.setattr(
        shutil,
        "rmtree",
        lambda path, *rest, **more: (
            fetched.extend(p.name for p in Path(path).rglob("*"))
            if "mlflow-gitops" in str(path)
            else None,
            real(path, *rest, **more),
        )[1],
    )
    assert read(uri, name) is not None
    assert set(fetched) == {"MLmodel", "requirements.txt"} and not list(
        tmp_path.glob("mlflow-gitops-*")
    )


def test_credentials_go_to_no_other_server(http_uri: str) -> None:
    artifacts = Artifacts(http_uri.replace("://", "://me:secret@"), http_uri)
    for place in (
        "http://elsewhere.example/api/2.0/mlflow-artifacts/artifacts/1",
        "mlflow-artifacts://elsewhere.example:80/1",
        f"https{http_uri.removeprefix('http')}/api/2.0/mlflow-artifacts/artifacts/1",
    ):
        with pytest.raises(RegistryFailure, match="credentials would be sent there") as raised:
            artifacts.read(place)
        assert "secret" not in str(raised.value)
    assert artifacts.read(f"{http_uri}/api/2.0/mlflow-artifacts/artifacts/1/nothing") is None


def test_a_folder_of_the_servers(http_uri: str) -> None:
    with pytest.raises(RegistryFailure, match="is not on this machine"):
        Artifacts(http_uri, http_uri).read("/srv/of/another/machine")
    with pytest.raises(RegistryFailure, match="is not on this machine"):
        Artifacts(http_uri, http_uri).read("file:///srv/of/another%20machine")


def test_a_storage_that_does_not_answer_is_asked_once(
    sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    never = threading.Event()
    asked: list[str] = []

    def silent(location: str, **uris: str) -> None:
        asked.append(location)
        never.wait(20)

    monkeypatch.setattr("mlflow.artifacts.list_artifacts", silent)
    artifacts = Artifacts(sqlite_uri, sqlite_uri, seconds=0.2)
    for key in ("one", "two"):
        with pytest.raises(RegistryFailure):
            artifacts.read(f"s3://bucket/{key}")
    never.set()
    assert asked == ["s3://bucket/one"]


def test_a_version_by_its_name_alone(
    uri: str, shelf: LaneRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a Unity Catalog is asked."""
    name = shelf.model(0)
    log_model(uri, name, Signed())
    expected = read(uri, name)
    monkeypatch.setattr(Registry, "stageless", True)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", uri)
    assert Registry(uri).model_file(name, ObservedVersion(1)) == expected is not None
    with pytest.raises(RegistryFailure):
        Registry(uri).model_file(name, ObservedVersion(9))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("scikit-learn==1.4.2", {"scikit-learn": "1.4.2"}),
        ("Scikit_Learn == 1.4.2  # why", {"scikit-learn": "1.4.2"}),
        ("mlflow[extras]==3.17.2", {"mlflow": "3.17.2"}),
        ("numpy>=2,<3", {"numpy": "numpy>=2,<3"}),
        ("numpy==2.*", {"numpy": "numpy==2.*"}),
        (
            'numpy==1.26; python_version < "3.10"\nnumpy==2.0',
            {"numpy": 'numpy==1.26; python_version < "3.10", 2.0'},
        ),
        ("six", {"six": "six"}),
        ("-r other.txt\n--index-url https://u:p@x/simple\n\n# nothing", {}),
        (
            "ours @ https://user:token@example.org/ours.whl",
            {"ours": "ours @ https://example.org/ours.whl"},
        ),
        (
            "git+https://token@example.org/a.git",
            {"git+https://example.org/a.git": "git+https://example.org/a.git"},
        ),
    ],
)
def test_requirements(line: str, found: dict[str, str]) -> None:
    assert libraries(line) == found


@needs_mlflow("3.17")  # older ones keep a pickle beside the other format
def test_a_pickle_does_not_pass_the_gate_of_safe_files(
    uri: str, shelf: LaneRegistry, team: Team
) -> None:
    """MLflow logs scikit-learn's models in both formats; the names and MLmodel decide."""
    from sklearn.linear_model import LinearRegression

    name = shelf.model(0)
    mlflow.set_tracking_uri(uri)
    # MLflow remembers the experiment of an earlier test, which this registry may not have.
    mlflow.set_experiment("formats")
    for stored in ("cloudpickle", "skops"):
        with mlflow.start_run():
            mlflow.sklearn.log_model(
                LinearRegression().fit([[0], [1]], [0, 1]),
                name="model",
                serialization_format=stored,
                pip_requirements=["scikit-learn"],
                registered_model_name=name,
            )
    team.write("policy.yaml", "stages: {Production: {require: {safe_files: true}}}\n")
    team.commit("Rules")
    team.commit("First", **{name: "stages: {Production: 1}\n"})
    ran = team.run("plan", "--format", "json")
    detail = ran.json["models"][0]["refusals"][0]["detail"]
    assert ran.code == 4 and "sklearn is stored as cloudpickle; model.pkl is a pickle" in detail
    team.commit("Second", **{name: "stages: {Production: 2}\n"})
    team.reconcile()
    assert shelf.stages(name)[2] == "Production"
