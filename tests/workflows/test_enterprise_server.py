"""Receipts on a GitHub Enterprise Server, which has no artifacts of the pinned version: one job
hands them to the next as an output. The scripts of reconcile.yml, run by bash alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.act import ROOT, read
from tests.support.team import GIT_ENVIRONMENT

JOBS = read(ROOT / ".github/workflows/reconcile.yml")["jobs"]
BRANCH = "refs/heads/mlflow-gitops/receipts"
ENTERPRISE = "https://github.example.org"


def step(job: str, name: str) -> dict[str, Any]:
    [found] = [one for one in JOBS[job]["steps"] if one.get("name") == name]
    return dict(found)


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *args],
        env=os.environ | GIT_ENVIRONMENT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def handed_over(folder: Path, server: str, size: int) -> tuple[int, dict[str, str]]:
    """Run the step that hands receipts of some bytes over: its exit code and outputs."""
    receipts = folder / "receipts.git"
    subprocess.run(["git", "init", "-q", "--bare", str(receipts)], check=True)
    (folder / "receipt").write_bytes(os.urandom(size))
    blob = git(receipts, "hash-object", "-w", str(folder / "receipt"))
    tree = subprocess.run(
        ["git", "-C", str(receipts), "mktree"],
        input=f"100644 blob {blob}\treceipt.json\n",
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    git(receipts, "update-ref", BRANCH, git(receipts, "commit-tree", tree, "-m", "Receipt"))
    output = folder / "output"
    output.touch()
    told = {"RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(output), "SERVER": server}
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step("reconcile", "Hand over the receipts")["run"]],
        env=os.environ | GIT_ENVIRONMENT | told | {"BEFORE": ""},
        capture_output=True,
        text=True,
    )
    return done.returncode, outputs_in(output.read_text())


def outputs_in(text: str) -> dict[str, str]:
    """The outputs of a step, in the two forms that a runner reads."""
    lines, outputs = iter(text.splitlines()), {}
    for line in lines:
        name, is_long, end = line.partition("<<")
        if is_long:
            outputs[name] = "\n".join(iter(lines.__next__, end))
        else:
            name, _, outputs[name] = line.partition("=")
    return outputs


def test_receipts_travel_as_an_output(tmp_path: Path) -> None:
    code, outputs = handed_over(tmp_path, ENTERPRISE, 45_000)
    assert code == 0 and outputs["receipts"] == "true"
    # One variable of the next job holds it.
    assert len(f"BUNDLE={outputs['bundle']}") < 128 << 10
    made = (tmp_path / "receipts.bundle").read_bytes()
    (tmp_path / "receipts.bundle").unlink()
    # The next job has the output as a variable, and begins with this line.
    push = step("receipts", "Push the receipts")
    assert push["env"]["BUNDLE"] == "${{ needs.reconcile.outputs.bundle }}"
    told = {"RUNNER_TEMP": str(tmp_path), "BUNDLE": outputs["bundle"]}
    first = push["run"].splitlines()[0]
    subprocess.run(["bash", "-e", "-c", first], env=os.environ | told, check=True)
    assert (tmp_path / "receipts.bundle").read_bytes() == made


@pytest.mark.parametrize("size", [1, 100, 2_000])
def test_no_secret_is_part_of_the_output(tmp_path: Path, size: int) -> None:
    """A runner withholds an output that contains a secret, or a line of one."""
    code, outputs = handed_over(tmp_path, ENTERPRISE, size)
    assert code == 0 and {len(line) for line in outputs["bundle"].split("\n")} == {1}


@pytest.mark.parametrize("server", ["https://github.com", "https://acme.ghe.com"])
def test_they_travel_as_an_artifact_where_there_are_any(tmp_path: Path, server: str) -> None:
    assert handed_over(tmp_path, server, 100) == (0, {"receipts": "true"})
    uploads = [one for one in JOBS["reconcile"]["steps"] if "upload-artifact" in str(one)]
    downloads = [one for one in JOBS["receipts"]["steps"] if "download-artifact" in str(one)]
    assert "steps.receipts.outputs.bundle == ''" in uploads[0]["if"]
    assert "needs.reconcile.outputs.bundle == ''" in downloads[0]["if"]


def test_what_is_too_large_is_reported(tmp_path: Path) -> None:
    code, outputs = handed_over(tmp_path, ENTERPRISE, 50_000)
    assert code == 1 and outputs == {}
