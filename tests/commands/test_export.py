"""`export`: the evidence pack can be checked with git, sha256sum and ssh-keygen alone, and the same
history gives the same bytes."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team

POLICY = "stages: {Production: {require: {tags: {ok: 'yes'}}}}\noverrides: [tags]\n"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """`churn` goes from 1 to 2 with an override; receipts are signed with an SSH key."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    shelf = LaneRegistry(uri)
    shelf.client.create_registered_model("churn")
    for number in (1, 2):
        shelf.client.create_model_version("churn", f"s3://m/{number}", await_creation_for=0)
    shelf.client.set_model_version_tag("churn", "1", "ok", "yes")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    team = Team(tmp_path / "repo", uri)
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    team.write("allowed_signers", f"ci@example.org {public}\n")
    team.git("config", "gpg.format", "ssh")
    team.git("config", "user.signingkey", str(key.with_suffix(".pub")))
    team.write("policy.yaml", POLICY)
    team.commit("Begin", churn="stages: {Production: 1}\n", other="stages: {}\n")
    team.reconcile()
    team.commit("Promote 2\n\nGate-Override: tags: INC-7", churn="stages: {Production: 2}\n")
    team.reconcile()
    return team


def exported(
    team: Team, tmp_path: Path, name: str, *arguments: str, settings: Sequence[str] = ()
) -> Path:
    file = tmp_path / f"{name}.tar"
    ran = team.run(*settings, "export", "churn", "--out", str(file), *arguments)
    assert ran.code == 0, ran
    with tarfile.open(file) as tar:
        tar.extractall(tmp_path / name, filter="data")
    return tmp_path / name / "evidence-churn"


def printed(folder: Path, command: str) -> str:
    ran = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran
    return ran.stdout.strip()


def test_it_is_checked_with_other_programs(team: Team, tmp_path: Path) -> None:
    folder = exported(team, tmp_path, "pack")
    assert "FAILED" not in printed(folder, "sha256sum -c SHA256SUMS")
    events = json.loads((folder / "events.json").read_text())
    assert [event["to"] for event in events] == [[1], [2]]
    for event in events:
        for part in ("manifest", "policy"):
            blob = event[part]["blob"]
            assert printed(folder, f"git hash-object {event[part]['file']}") == blob
            assert event["commit"] == printed(
                folder, f"git hash-object -t commit commits/{event['commit']}"
            )
    for file in (folder / "receipts").iterdir():
        assert printed(folder, f"sha256sum {file}").split()[0] == file.stem

    signatures = sorted((folder / "receipt-commits").glob("*.sig"))
    assert len(signatures) == 2
    for signature in signatures:
        verify = (
            f"ssh-keygen -Y verify -f allowed_signers -I ci@example.org -n git -s {signature}"
            f" < {signature.with_suffix('.payload')}"
        )
        assert "Good" in printed(folder, verify)
        assert printed(folder, f"git hash-object -t commit {signature.with_suffix('')}") == (
            signature.stem
        )
    gates = [
        gate for run in json.loads((folder / "gates.json").read_text()) for gate in run["gates"]
    ]
    assert {(gate["gate"], gate["status"]) for gate in gates} >= {("tags", "overridden")}
    approvals = json.loads((folder / "approvals.json").read_text())
    assert [entry["commit"] for entry in approvals] == [event["commit"] for event in events]
    readme = (folder / "README.md").read_text()
    assert "2 of 2 receipts are in signed commits" in readme and "sha256sum -c" in readme


def test_the_same_history_gives_the_same_bytes(team: Team, tmp_path: Path) -> None:
    exported(team, tmp_path, "one")
    clone = Team.__new__(Team)
    clone.folder, clone.uri, clone.settings = tmp_path / "clone", team.uri, team.settings
    subprocess.run(["git", "clone", "-q", team.folder, clone.folder], check=True)
    exported(clone, tmp_path, "two")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        entries = tar.getmembers()
    assert {(e.mtime, e.uid, e.gid, e.uname, e.gname) for e in entries} == {(0, 0, 0, "", "")}
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)


def test_the_readme_names_the_branches_as_the_remote_has_them(team: Team, tmp_path: Path) -> None:
    team.git("branch", "-m", "trunk's")
    team.git("branch", "-m", "mlflow-gitops/receipts", "audit/receipts")
    settings = ("--main", "trunk's", "--receipts-branch", "audit/receipts")
    pack = exported(team, tmp_path, "one", settings=settings)
    commands = [text for text in (pack / "README.md").read_text().split("`") if "origin/" in text]
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", team.folder, clone], check=True)
    [commit, *_] = [file.name for file in (pack / "commits").iterdir()]
    for command in commands:
        printed(clone, command.replace("ID", commit))
    assert len(commands) == 2


def test_a_part_of_the_time(team: Team, tmp_path: Path) -> None:
    folder = exported(team, tmp_path, "late", "--from", "HEAD~1")
    [event] = json.loads((folder / "events.json").read_text())
    assert event["to"] == [2] and len(list((folder / "receipts").iterdir())) == 1
    folder = exported(team, tmp_path, "early", "--to", "HEAD~1")
    [event] = json.loads((folder / "events.json").read_text())
    assert event["to"] == [1] and len(list((folder / "receipts").iterdir())) == 1
    none = exported(team, tmp_path, "none", "--to", "2020-01-01")
    assert json.loads((none / "events.json").read_text()) == []
    assert team.run("export", "none", "--out", str(tmp_path / "x")).code == 1
    assert team.run("export", "churn", "--out", str(tmp_path / "no" / "x")).code == 1
