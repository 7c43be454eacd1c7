"""The script of the one job that may write to the repository: it takes receipts from the other job,
and nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mlflow_gitops.edges.git.repository import Git
from tests.support.act import ROOT, read
from tests.support.git_histories import ISOLATED, Repo
from tests.support.receipts import (
    RECEIPTS_REF,
    add_receipt,
    delete_receipt,
    edit_receipt,
    receipts_in,
    record,
)

JOBS = read(ROOT / ".github/workflows/reconcile.yml")["jobs"]
PUSH = JOBS["receipts"]["steps"][-1]["run"]
HAND_OVER = next(step["run"] for step in JOBS["reconcile"]["steps"] if step.get("id") == "receipts")


class Job:
    """The two jobs' checkouts, the remote, and what passes from one to the other."""

    def __init__(self, folder: Path) -> None:
        self.temp = folder / "temp"
        self.temp.mkdir()
        self.hub, self.made = Repo(folder / "hub.git", "--bare"), Repo(folder / "made")
        self.made.git("remote", "add", "origin", str(self.hub.folder))
        self.commit = self.made.commit("One", {"a": "1"})
        self.made.git("push", "-q", "origin", "main")
        self.pushing = folder / "pushing"
        self.made.git("clone", "-q", "--depth=1", f"file://{self.hub.folder}", str(self.pushing))

    def record(self, repo: Repo, second: int) -> None:
        text = f'{{"at": "2026-01-01T00:00:{second:02}Z", "commit": "{self.commit}"}}'
        record(Git(repo.folder), self.commit, text)

    def run(self, script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | ISOLATED | {"RUNNER_TEMP": str(self.temp)} | variables
        environment["GITHUB_OUTPUT"] = str(self.temp / "output")
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

    def hand_over(self) -> None:
        """As the job that reconciles does, after its push beside itself."""
        beside = self.temp / "receipts.git"
        self.made.git("init", "-q", "--bare", str(beside))
        self.made.git("push", "-q", str(beside), RECEIPTS_REF)
        before = Git(self.hub.folder).ref(RECEIPTS_REF) or ""
        ran = self.run(HAND_OVER, self.made.folder, BEFORE=before, SERVER="https://github.com")
        assert ran.returncode == 0, ran.stderr
        assert (self.temp / "output").read_text() == "receipts=true\n"

    def push(self) -> subprocess.CompletedProcess[str]:
        return self.run(PUSH, self.pushing)

    def seconds(self) -> list[str]:
        return [receipt.at[-3:-1] for receipt in receipts_in(self.hub.folder)]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


@pytest.mark.parametrize("earlier", [0, 2])
def test_receipts_are_pushed_as_they_are(job: Job, earlier: int) -> None:
    for second in range(earlier):
        job.record(job.made, second)
        job.made.git("push", "-q", "origin", RECEIPTS_REF)
    job.record(job.made, 9)
    job.hand_over()
    assert job.push().returncode == 0
    assert Git(job.hub.folder).ref(RECEIPTS_REF) == Git(job.made.folder).ref(RECEIPTS_REF)
    assert len(job.seconds()) == earlier + 1


@pytest.mark.parametrize("earlier", [0, 1])
def test_receipts_that_others_pushed_meanwhile_stay(job: Job, tmp_path: Path, earlier: int) -> None:
    for second in range(earlier):
        job.record(job.made, second)
        job.made.git("push", "-q", "origin", RECEIPTS_REF)
    rival = Repo(tmp_path / "rival")
    rival.git("remote", "add", "origin", str(job.hub.folder))
    rival.git("fetch", "-q", "origin")
    if earlier:
        rival.git("update-ref", RECEIPTS_REF, "refs/remotes/origin/mlflow-gitops/receipts")
    job.record(job.made, 8)
    job.hand_over()
    job.record(rival, 7)
    rival.git("push", "-q", "origin", RECEIPTS_REF)
    assert job.push().returncode == 0
    assert job.seconds() == [f"{second:02}" for second in (*range(earlier), 7, 8)]
    own = job.made.git("rev-parse", RECEIPTS_REF)
    assert Git(job.hub.folder).contains(RECEIPTS_REF, own), "its signature stays as it is"


@pytest.mark.parametrize("forge", ["a workflow", "another file", "an edit", "a deletion"])
def test_commits_that_do_more_are_not_pushed(job: Job, forge: str) -> None:
    job.record(job.made, 1)
    job.made.git("push", "-q", "origin", RECEIPTS_REF)
    before = Git(job.hub.folder).ref(RECEIPTS_REF)
    repo = job.made.folder
    [receipt] = receipts_in(repo)
    if forge == "an edit":
        edit_receipt(repo, receipt, '"at"', '"AT"')
    elif forge == "a deletion":
        delete_receipt(repo, receipt)
    else:
        path = ".github/workflows/x.yml" if forge == "a workflow" else "default/x.json"
        add_receipt(repo, "on: push", path=path)
    job.record(job.made, 2)
    job.hand_over()
    ran = job.push()
    assert ran.returncode == 1 and "do more than add receipts" in ran.stdout
    assert Git(job.hub.folder).ref(RECEIPTS_REF) == before
