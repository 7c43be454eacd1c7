"""A run that says of itself how it was made, to somebody who makes it again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.attacks.company import MODEL, Company
from tests.support.attacks.trainer import Trainer

HOSTILE = "x'; touch pwned; $(touch pwned) `touch pwned` \"\n#\n touch pwned \x1b[2J\u202e"
STUB = '#!/bin/sh\nprintf "%s\\n" "$0" "$@" >>"$LOG"\n'


def test_recipe_that_runs_what_a_run_names(company: Company, tmp_path: Path) -> None:
    """Every text that MLflow takes has commands in it. The programs that the script calls write
    down their arguments; `git`, `python` and `mlflow` are stubs."""
    trainer = Trainer(company)
    logged = trainer.register("fourth", "good")
    client = company.client
    experiment = client.create_experiment("made", (company.folder / "made").as_uri())
    head = company.team.git("rev-parse", "HEAD")
    tags = {
        "mlflow.source.git.commit": head,
        "mlflow.source.git.repoURL": "ext::sh -c 'touch pwned'",
        "mlflow.source.type": "PROJECT",
        "mlflow.source.name": HOSTILE,
        "mlflow.project.entryPoint": "main",
    }
    run = client.create_run(experiment, tags=tags)
    client.log_param(run.info.run_id, "depth", HOSTILE)
    client.log_param(run.info.run_id, "dvc.data/a.csv", "0" * 32)
    client.log_param(run.info.run_id, "dvc.../up", "0" * 32)
    client.log_param(run.info.run_id, "db_password", "hunter2")
    client.log_artifacts(run.info.run_id, str(trainer.folder_of(logged)))
    client.create_model_version(MODEL, run.info.artifact_uri, run.info.run_id, await_creation_for=0)

    out = tmp_path / "again"
    ran = company.team.run("reproduce", MODEL, "latest", "--out", str(out))
    assert ran.code == 0 and "\x1b" not in ran.out and "hunter2" not in ran.out, ran.err

    script = (out / "reproduce.sh").read_text()
    assert "\x1b" not in script and "\u202e" not in script and "ext::" not in script
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "uv", "python", "mlflow", "dvc", "grep"):
        (programs / name).write_text(STUB)
        (programs / name).chmod(0o755)
    (out / "code").mkdir()
    (out / "environment/bin").mkdir(parents=True)
    (out / "environment/bin/activate").write_text("")
    log = tmp_path / "log"
    done = subprocess.run(
        ["bash", str(out / "reproduce.sh")],
        cwd=tmp_path,
        env={
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "LOG": str(log),
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("pwned")) and not list(company.folder.rglob("pwned"))
    assert f"depth={HOSTILE}\n" in log.read_text(), "the parameter arrives as it is, as one word"
    assert head in log.read_text()
