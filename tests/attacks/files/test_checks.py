"""Checks that were not made, or not of these files: the policy asks for one by `checker`, who alone
may write to the experiment of checks. And models whose code does more than predict."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.app.checking.candidate import read_candidate
from mlflow_gitops.core.recorded.check_result import VersionCheck
from mlflow_gitops.edges.mlflow.registry import Registry
from tests.support.attacks.company import MODEL, POLICY, Company
from tests.support.attacks.trainer import Trainer, promote
from tests.support.checking.candidates import register, write_model
from tests.support.receipts import receipts_in

EXPERIMENT = "mlflow-gitops/checks"
CHECKED = "validation: passed}, checked: {by: checker, load: 30s, within: 7d}"
AT = "2026-01-01T00:00:00Z"


@pytest.fixture
def trainer(company: Company) -> Trainer:
    """The company asks for checks, and that is reconciled."""
    company.team.write("policy.yaml", POLICY.replace("validation: passed}", CHECKED))
    company.commit("Checks")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0
    return Trainer(company)


def digest_of(company: Company, version: int) -> str:
    registry = Registry(company.uri)
    observed = registry.read(MODEL)
    assert observed is not None
    return registry.files(MODEL, observed.versions[version]).digest


def record(company: Company, digest: str, user: str = "checker", **changes: Any) -> str:
    result = VersionCheck(MODEL, 4, digest, AT, "uv", "3.12.1", "3.17.2", 2.0, 1.0, 2.0, 50, 10**8)
    return Registry(company.uri).check_runs.write(
        EXPERIMENT, replace(result, **changes), user, None
    )


def test_honest_promotion_of_a_checked_version(company: Company, trainer: Trainer) -> None:
    trainer.register("fourth", "good")
    run_id = record(company, digest_of(company, 4))
    company.merge(promote(company, 4))
    ran = company.reconcile()
    assert ran.code == 0 and company.production() == {4}, ran.out + ran.err
    assert run_id in receipts_in(company.team.folder)[-1].text, "the receipt names the record"


def test_promotion_without_a_check(company: Company, trainer: Trainer) -> None:
    trainer.register("fourth", "good")
    company.merge(promote(company, 4))
    assert f"no check of the files of 4 is recorded in {EXPERIMENT}" in company.refused()


def test_check_of_other_files(company: Company, trainer: Trainer) -> None:
    """Another version passed, and the run calls itself one of version 4."""
    trainer.register("fourth", "evil")
    trainer.register("fifth", "good")
    record(company, digest_of(company, 5))
    company.merge(promote(company, 4))
    assert f"no check of the files of 4 is recorded in {EXPERIMENT}" in company.refused()


def test_check_by_another_user(company: Company, trainer: Trainer) -> None:
    trainer.register("fourth", "good")
    for user in ("mallory", "Checker", "checker "):
        record(company, digest_of(company, 4), user)
    company.merge(promote(company, 4))
    assert "were recorded by Checker, checker , mallory, not by checker" in company.refused()


def test_check_in_another_experiment(company: Company, trainer: Trainer) -> None:
    """Mallory's own experiment, where nobody keeps him from calling himself checker."""
    trainer.register("fourth", "good")
    digest = digest_of(company, 4)
    result = VersionCheck(MODEL, 4, digest, AT, "uv", None, None, 2.0, 1.0, 2.0, 50, 10**8)
    Registry(company.uri).check_runs.write("training", result, "checker", None)
    company.merge(promote(company, 4))
    assert f"no check of the files of 4 is recorded in {EXPERIMENT}" in company.refused()


def test_check_from_the_future(company: Company, trainer: Trainer) -> None:
    """A record that would never be too old."""
    trainer.register("fourth", "good")
    run_id = record(company, digest_of(company, 4))
    later = int((time.time() + 86_400) * 1000)
    company.client.set_terminated(run_id, end_time=later)
    company.merge(promote(company, 4))
    assert "the checks of 4 by checker are from the future" in company.refused()


def test_failed_check_covered_by_an_older_one(company: Company, trainer: Trainer) -> None:
    trainer.register("fourth", "good")
    digest = digest_of(company, 4)
    old = record(company, digest)
    company.client.set_terminated(old, end_time=int((time.time() - 60) * 1000))
    record(company, digest, faults=("it cannot be loaded",))
    company.merge(promote(company, 4))
    assert "its check failed: it cannot be loaded" in company.refused()


def test_checked_files_swapped(company: Company, trainer: Trainer) -> None:
    logged = trainer.register("fourth", "good")
    record(company, digest_of(company, 4))
    company.merge(promote(company, 4))
    trainer.log("evil", "evil", logged)
    assert "digest: the files of version 4 have the digest" in company.refused()


def test_result_of_another_candidate(company: Company, trainer: Trainer) -> None:
    """The job that ran the model does not decide which files it was about."""
    trainer.register("fourth", "good")
    digest = digest_of(company, 4)
    result = VersionCheck(MODEL, 4, digest, AT, "uv", None, None, 2.0, 1.0, 2.0, 50, 10**8)
    file = company.folder / "result.json"
    line = ("check", MODEL, "4", "--result", str(file), "--digest", digest, "--record")
    for change in ({"digest": "sha256:" + "0" * 64}, {"version": 3}, {"model": "x"}, {"more": 1}):
        file.write_text(json.dumps({**result.document(), **change}))
        assert company.team.run(*line).code in (1, 4)
    assert company.client.get_experiment_by_name(EXPERIMENT) is None


def test_candidate_swapped_between_jobs(company: Company, trainer: Trainer) -> None:
    trainer.register("fourth", "good")
    folder = company.folder / "candidate"
    assert company.team.run("check", MODEL, "4", "--to", str(folder)).code == 0
    assert read_candidate(folder).version == 4
    (folder / "files" / "model.pkl").write_text("evil")
    ran = company.team.run("check", MODEL, "4", "--from", str(folder), "--env-manager", "local")
    assert ran.code == 4 and "have the digest" in ran.err


@pytest.mark.real
def test_checked_model_that_takes_credentials_and_stays(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes down its variables, and leaves a process of a session of its own."""
    for name in ("MLFLOW_TRACKING_TOKEN", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a-secret-value")
    loot = company.folder / "loot"
    load = (
        f"open({str(loot)!r}, 'w').write(repr(dict(os.environ)))\n"
        f"    if not os.fork():\n"
        f"        os.setsid()\n"
        f"        open({str(loot) + '.pid'!r}, 'w').write(str(os.getpid()))\n"
        f"        time.sleep(600)"
    )
    folder = write_model(company.folder / "evil", "evil_model", load=load)
    experiment = company.client.create_experiment("x", (company.folder / "x").as_uri())
    register(company.client, experiment, MODEL, folder)
    ran = company.team.run("check", MODEL, "latest", "--env-manager", "local")
    assert ran.code in (0, 4) and "PATH" in loot.read_text()
    assert "a-secret-value" not in loot.read_text() + ran.out
    pid = Path(f"{loot}.pid").read_text()
    assert not Path(f"/proc/{pid}").exists()
