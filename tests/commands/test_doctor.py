"""`doctor` on real repositories, a real SQLite MLflow and a GitHub API with state: what it reads,
what it prints and how it exits."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.core.yaml.schema_check import schema_text
from tests.support.doctor import WORKFLOWS, sound_settings
from tests.support.environments import Teams
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.receipts import add_receipt
from tests.support.team import Ran, Team

ROOT = Path(__file__).parents[2]
TOKEN = "actions/permissions/workflow"
POLICY = """\
owners: ["@acme/ml-platform"]
aliases: {only: [Production]}
stages:
  Staging: {alias: staging}
  Production: {alias: production, approvals: 1}
"""


class Clinic:
    """A team whose repository, registry and GitHub have everything."""

    def __init__(self, folder: Path, uri: str, api: GitHubAPI) -> None:
        self.team = Team(folder / "repo", uri)
        self.api = api

    def file(self, path: str, text: str | None) -> None:
        file = self.team.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            file.unlink()
        else:
            file.write_text(text, encoding="utf-8")

    def doctor(self, *args: str) -> Ran:
        return self.team.run("doctor", "--format", "json", *args)


def found(ran: Ran, status: str) -> dict[str, Any]:
    """The findings of a status, `area check` to the finding."""
    return {
        f"{one['area']} {one['check']}": one
        for one in ran.json["findings"]
        if one["status"] == status
    }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubAPI]:
    with GitHubAPI(Repository(tmp_path_factory.mktemp("github"))).serving() as api:
        yield api


@pytest.fixture
def api(served: GitHubAPI) -> GitHubAPI:
    """GitHub with the settings of a repository where nothing is missing."""
    served.repository.settings = sound_settings()
    served.requests.clear()
    return served


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]) -> Path:
    """A repository and a registry where nothing is missing; each test has a copy."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("sound")
    uri = blank_registry(folder / "mlflow.db")
    MlflowClient(uri).create_registered_model("fraud")
    team = Team(folder / "repo", uri)
    team.write("policy.yaml", POLICY)
    team.write("models/fraud.yaml", "name: fraud\nowners: ['@acme/risk-ml']\nstages: {}\n")
    for name in ("schemas", ".github/workflows"):
        (team.folder / name).mkdir(parents=True)
    for name in ("model", "policy"):
        (team.folder / f"schemas/{name}.schema.json").write_text(
            schema_text(name), encoding="utf-8"
        )
    for name, text in WORKFLOWS.items():
        (team.folder / f".github/workflows/{name}.yml").write_text(text, encoding="utf-8")
    assert team.run("codeowners").code == 0
    team.commit("Everything")
    return folder


@pytest.fixture
def clinic(sound: Path, tmp_path: Path, api: GitHubAPI, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    made = Clinic(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}", api)
    git = made.team.git
    git("remote", "add", "origin", str(api.repository.path))
    git("push", "-q", "-f", "origin", "main")
    git("fetch", "-q", "origin")
    for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL", "MLFLOW_TRACKING_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    for key, value in api.environment(api.token("ada")).items():
        monkeypatch.setenv(key, value)
    return made


# -- all checks -----------------------------------------------------------------------------


def written(path: str, *change: str) -> Callable[[Clinic], None]:
    """A file with one text for another, or without the file."""

    def do(clinic: Clinic) -> None:
        file = clinic.team.folder / path
        old, new = change or ("", "")
        assert old in file.read_text()
        clinic.file(path, file.read_text().replace(old, new) if change else None)

    return do


def git(*args: str) -> Callable[[Clinic], None]:
    return lambda clinic: clinic.team.git(*args) and None


def at(uri: str) -> Callable[[Clinic], None]:
    return lambda clinic: setattr(clinic.team, "uri", uri)


ONLY = "aliases: {only: [Production]}\n"
APPROVED = "  Production: {alias: production, approvals: 1}\n"


def free_aliases(gates: str) -> tuple[Callable[[Clinic], None], set[str]]:
    """A policy whose Production has these gates, and which leaves other aliases free."""
    stages = POLICY[POLICY.index("stages:") :]
    gated = stages.replace(APPROVED, f"  Production: {{alias: production, {gates}}}\n")
    return written("registry/policy.yaml", ONLY + stages, gated), {"policy aliases"}


def stray_notify(clinic: Clinic) -> None:
    clinic.file("notify.yaml", "channels: {}\nrules: []\n")


def checks_by_workflow(clinic: Clinic) -> None:
    """The policy asks for checks, and a workflow records them."""
    text = (ROOT / ".github/workflows/check.yml").read_text(encoding="utf-8")
    clinic.file(".github/workflows/check.yml", text)
    rule = "Production: {require: {checked: {by: me}}, "
    clinic.file("registry/policy.yaml", POLICY.replace("Production: {", rule))


CASES: dict[str, tuple[Callable[[Clinic], None], set[str]]] = {
    "aliases without approvals": free_aliases("approvals: 1"),
    "aliases of any status": free_aliases("require: {status: READY}"),
    "aliases without pins, and nobody looks whether files are overwritten": (
        free_aliases("require: {pinned: {digest: true}}")[0],
        {"policy aliases", "workflows verify"},
    ),
    "who is notified is in a file that nothing reads": (stray_notify, {"policy places"}),
    "no workflow plans": (written(".github/workflows/plan.yml"), {"workflows plan"}),
    "CODEOWNERS is stale": (
        written("registry/models/fraud.yaml", "risk-ml", "fraud-ml"),
        {"policy codeowners"},
    ),
    "no CODEOWNERS": (written(".github/CODEOWNERS"), {"policy codeowners"}),
    "no platform team": (
        written("registry/policy.yaml", 'owners: ["@acme/ml-platform"]\n', ""),
        {"policy owners", "policy codeowners"},
    ),
    "an invalid manifest": (
        written("registry/models/fraud.yaml", "stages: {}", "stages: 1"),
        {"policy files"},
    ),
    "another schema": (
        written("schemas/model.schema.json", "minimum", "maximum"),
        {"policy schemas"},
    ),
    "no schema": (written("schemas/model.schema.json"), {"policy schemas"}),
    "nothing proposes what the policy proposes": (
        written("registry/policy.yaml", "stages:", "propose: Staging\nstages:"),
        {"workflows propose"},
    ),
    "nothing looks at the health that the policy asks for": (
        written(
            "registry/policy.yaml",
            "Production: {",
            "Production: {health: {checks: {drift: {metric: d, max: 1, newer_than: 2h}}}, ",
        ),
        {"workflows health"},
    ),
    "an environment of checks": (checks_by_workflow, {"github environment mlflow-check"}),
    "no fetch of receipts": (
        git("config", "remote.origin.fetch", "+refs/heads/main:refs/remotes/origin/main"),
        {"git receipts"},
    ),
    "an MLflow that is not there": (at("sqlite:///nowhere.db"), {"mlflow read"}),
    "a dead server": (at("http://127.0.0.1:9"), {"mlflow read"}),
}


def test_nothing_is_missing(clinic: Clinic) -> None:
    ran = clinic.doctor()
    assert ran.code == 0 and ran.json["summary"]["missing"] == 0, ran.out
    assert ran.json["summary"]["unknown"] == 0, found(ran, "unknown")
    shown = clinic.team.run("doctor")
    assert shown.code == 0 and "0 missing, 0 cannot be checked" in shown.out
    assert "→" not in shown.out
    assert ran.json["versions"]["mlflow-gitops"] in shown.out


def test_nothing_is_missing_where_there_are_several_environments(
    clinic: Clinic, tmp_path: Path, blank_registry: Callable[[Path], str]
) -> None:
    """As `init` makes it: it asks for no right that no workflow uses, and for nothing that there is
    not."""
    team = Teams(
        tmp_path / "several",
        {name: blank_registry(tmp_path / f"{name}.db") for name in ("dev", "eu")},
    )
    for name in team.uris:
        assert team.on(name, "init", "--yes", "--owner", "@acme/ml-platform").code == 0
    assert team.on(None, "init", "--yes").code == 0 and team.on(None, "codeowners").code == 0
    team.commit("Two")
    team.git("remote", "add", "origin", str(clinic.api.repository.path))
    team.git("push", "-q", "-f", "-u", "origin", "main")
    known = clinic.api.repository.settings
    for path in [path for path in known if path.startswith("environments/")]:
        for name in team.uris:
            known[
                path.replace("mlflow-read", f"mlflow-read-{name}").replace(
                    "-write", f"-write-{name}"
                )
            ] = known[path]
        del known[path]
    known[TOKEN]["can_approve_pull_request_reviews"] = False
    for name in team.uris:
        ran = team.on(name, "doctor", "--format", "json")
        assert found(ran, "missing") == found(ran, "unknown") == {} and ran.code == 0
    # What none of its workflows does, it does not ask for.
    team.write(
        "eu/policy.yaml",
        f"propose: Staging\n{(team.folder / 'registry/eu/policy.yaml').read_text()}",
    )
    [missing] = found(team.on("eu", "doctor", "--format", "json"), "missing").values()
    assert missing["check"] == "propose" and "mlflow-gitops init" not in missing["fix"]


@pytest.mark.parametrize("case", CASES)
def test_missing(case: str, clinic: Clinic) -> None:
    change, expected = CASES[case]
    change(clinic)
    ran = clinic.doctor()
    missing = found(ran, "missing")
    assert set(missing) == expected, ran.out
    assert ran.code == 1 and all(one["fix"] and one["detail"] for one in missing.values())


def test_without_a_token(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub cannot be asked: that is no fault, but what needs GitHub then is."""
    monkeypatch.delenv("GITHUB_TOKEN")
    ran = clinic.doctor()
    assert set(found(ran, "missing")) == {"policy approvals"}
    assert "GITHUB_TOKEN" in found(ran, "unknown")["github access"]["fix"]
    assert not clinic.api.requests
    clinic.team.write(
        "policy.yaml", POLICY.replace("approvals: 1", "approvals: {count: 1, from: message}")
    )
    assert clinic.doctor().code == 0


@pytest.mark.parametrize("fault", ["blind", "wrong", "dead"])
def test_a_github_that_does_not_answer(
    fault: str, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "dead":
        monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    else:
        monkeypatch.setenv(
            "GITHUB_TOKEN", clinic.api.token("x", blind=True) if fault == "blind" else "wrong-token"
        )
    ran = clinic.doctor()
    assert ran.code == 0 and "github access" in found(ran, "unknown")
    assert "wrong-token" not in ran.out + ran.err


def test_a_shallow_clone_and_no_repository(clinic: Clinic, tmp_path: Path) -> None:
    clinic.team.commit("Second")
    clinic.team.git("push", "-q", "origin", "main")
    clinic.team.git(
        "clone",
        "-q",
        "--depth",
        "1",
        clinic.api.repository.path.as_uri(),
        str(tmp_path / "shallow"),
    )
    clinic.team.folder = tmp_path / "shallow"
    missing = found(clinic.doctor(), "missing")
    assert {"git depth", "git receipts"} == set(missing) and "--unshallow" in missing["git depth"][
        "fix"
    ]
    clinic.team.folder = tmp_path / "nothing"
    clinic.team.folder.mkdir()
    ran = clinic.doctor()
    assert ran.code == 1 and {"git repository", "policy files", "workflows present"} <= set(
        found(ran, "missing")
    )


def test_nothing_is_written(clinic: Clinic, tmp_path: Path) -> None:
    """Neither to the repository, nor to MLflow, nor to GitHub."""
    database = (tmp_path / "mlflow.db").read_bytes()
    clinic.doctor()
    assert (tmp_path / "mlflow.db").read_bytes() == database
    assert (
        clinic.team.git("status", "--porcelain") == ""
        and clinic.team.git("for-each-ref", "refs/heads/mlflow-gitops") == ""
    )
    assert {method for method, path in clinic.api.requests if path != "/graphql"} == {"GET"}


def test_hostile_text_is_harmless(clinic: Clinic) -> None:
    clinic.file(
        ".github/workflows/evil\x1b[31m.yml",
        'on: push\njobs: {x: {steps: [{uses: "a/b@\\e[2J"}]}}\n',
    )
    shown = clinic.team.run("doctor")
    assert shown.code == 1 and "\x1b" not in shown.out and "evil\\u001b" in shown.out


def test_receipts_that_are_not_on_the_remote_are_listed(clinic: Clinic, tmp_path: Path) -> None:
    team = clinic.team
    head = team.git("rev-parse", "HEAD")
    text = f'{{"at": "2026-01-02T03:04:05Z", "commit": "{head}"}}'
    path = add_receipt(team.folder, text)
    [result] = [r for r in clinic.doctor().json["findings"] if r["check"] == "pushed-receipts"]
    assert result["status"] == "missing" and path in result["detail"]
    assert "git push origin mlflow-gitops/receipts" in result["fix"]
    team.git("push", "-q", "origin", "mlflow-gitops/receipts")
    [result] = [r for r in clinic.doctor().json["findings"] if r["check"] == "pushed-receipts"]
    assert result["status"] == "ok"
    team.git("remote", "set-url", "origin", str(tmp_path / "nowhere"))
    [result] = [r for r in clinic.doctor().json["findings"] if r["check"] == "pushed-receipts"]
    assert result["status"] == "unknown"
