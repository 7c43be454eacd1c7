"""`doctor` on real repositories, a real SQLite MLflow and a GitHub API with state: all that can be
missing, one by one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.core.setup.doctor_git import GitFacts, check_git
from mlflow_gitops.core.setup.doctor_workflows import (
    EnvironmentPair,
    WorkflowFacts,
    check_workflows,
)
from mlflow_gitops.core.setup.workflow_files import App, app_needs, read_workflows
from mlflow_gitops.core.yaml.schema_check import schema_text
from mlflow_gitops.edges.github.connection import Connection
from mlflow_gitops.edges.github.protection import strictest
from mlflow_gitops.edges.github.settings import read_settings
from mlflow_gitops.edges.github.settings_checks import check
from tests.support.environments import Teams
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.team import Ran, Team

POLICY = """\
owners: ["@acme/ml-platform"]
stages:
  Staging: {alias: staging}
  Production: {alias: production, approvals: 1}
"""
SHA = "0123456789abcdef0123456789abcdef01234567"
VALIDATE = f"""\
on: {{pull_request: null, merge_group: null, workflow_dispatch: null}}
permissions: {{}}
jobs:
  validate:
    permissions: {{contents: read}}
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@{SHA} # v7
      - uses: ./.github/actions/mlflow-gitops
      - run: mlflow-gitops validate --format github
"""
PLAN = f"""\
on: {{workflow_run: {{workflows: [validate], types: [completed]}}}}
jobs:
  plan:
    permissions: {{contents: read, statuses: write}}
    environment: mlflow-read
    steps:
      - uses: actions/checkout@{SHA}
        with: {{fetch-depth: 0}}
      - env: {{MLFLOW_TRACKING_PASSWORD: "${{{{ secrets.MLFLOW_TRACKING_PASSWORD }}}}"}}
        run: |
          mlflow-gitops --main origin/main plan --rev "$HEAD" --onto origin/main
"""
RECONCILE = f"""\
on: {{push: {{branches: [main]}}}}
permissions: {{contents: read}}
jobs:
  reconcile:
    environment: {{name: mlflow-write}}
    steps:
      - uses: actions/checkout@{SHA}
        with: {{fetch-depth: 0, persist-credentials: false}}
      - uses: acme/mlflow-gitops/.github/actions/mlflow-gitops@{SHA}
        with: {{args: reconcile --yes}}
"""
PROMOTE = f"""\
on: workflow_dispatch
permissions: {{contents: write}}
jobs:
  promote:
    environment: mlflow-write
    steps:
      - uses: actions/create-github-app-token@{SHA}
        with:
          client-id: ${{{{ vars.GITOPS_APP_ID }}}}
          private-key: ${{{{ secrets.GITOPS_APP_KEY }}}}
"""
WORKFLOWS = {"validate": VALIDATE, "plan": PLAN, "reconcile": RECONCILE}

RULES: list[dict[str, Any]] = [
    {"type": "deletion", "ruleset_id": 7},
    {"type": "non_fast_forward", "ruleset_id": 7},
    {
        "type": "pull_request", "ruleset_id": 7,
        "parameters": {
            "required_approving_review_count": 1, "dismiss_stale_reviews_on_push": True,
            "require_code_owner_review": True,
        },
    },
    {
        "type": "required_status_checks", "ruleset_id": 7,
        "parameters": {
            "required_status_checks": [
                {"context": "validate", "integration_id": 15368},
                {"context": "mlflow-gitops/plan", "integration_id": 15368},
            ]
        },
    },
]  # fmt: skip
CLASSIC: dict[str, Any] = {
    "required_pull_request_reviews": {
        "dismiss_stale_reviews": True,
        "require_code_owner_reviews": True,
        "required_approving_review_count": 1,
    },
    "required_status_checks": {
        "contexts": ["validate", "mlflow-gitops/plan"],
        "checks": [
            {"context": "validate", "app_id": 15368},
            {"context": "mlflow-gitops/plan", "app_id": 15368},
        ],
    },
    "enforce_admins": {"enabled": True},
    "allow_force_pushes": {"enabled": False},
    "allow_deletions": {"enabled": False},
}


def settings() -> dict[str, Any]:
    """GitHub's settings of a repository where nothing is missing."""
    found: dict[str, Any] = {
        "rules/branches/main": RULES,
        "rulesets/7": {"id": 7, "bypass_actors": []},
        "actions/permissions/workflow": {
            "default_workflow_permissions": "read",
            "can_approve_pull_request_reviews": True,
        },
        "actions/secrets": {"total_count": 0, "secrets": []},
    }
    for name in ("mlflow-read", "mlflow-write"):
        policy = {"protected_branches": False, "custom_branch_policies": True}
        found[f"environments/{name}"] = {"name": name, "deployment_branch_policy": policy}
        found[f"environments/{name}/deployment-branch-policies"] = {
            "branch_policies": [{"name": "main", "type": "branch"}]
        }
    return found


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


def checks_of(findings: Iterable[CheckResult], status: str) -> set[str]:
    return {one.check for one in findings if one.status == status}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubAPI]:
    with GitHubAPI(Repository(tmp_path_factory.mktemp("github"))).serving() as api:
        yield api


@pytest.fixture
def api(served: GitHubAPI) -> GitHubAPI:
    """GitHub with the settings of a repository where nothing is missing."""
    served.repository.settings = settings()
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
    git(
        "config",
        "--add",
        "remote.origin.fetch",
        "refs/notes/mlflow-gitops*:refs/notes/mlflow-gitops*",
    )
    for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL", "MLFLOW_TRACKING_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    for key, value in api.environment(api.token("ada")).items():
        monkeypatch.setenv(key, value)
    return made


# -- GitHub's part, from its API -------------------------------------------------------------------


OPENS_BY_ITSELF = """\
on: workflow_dispatch
jobs: {promote: {permissions: {contents: write, pull-requests: write}, steps: []}}
"""


def judged(
    api: GitHubAPI,
    workflow: str = OPENS_BY_ITSELF,
    deny: tuple[tuple[str, str], ...] = (),
    branch: str = "main",
) -> list[CheckResult]:
    github = Connection(api.repository.full_name, api.token("ada", deny=deny), api.url)
    jobs, _ = read_workflows({"promote.yml": workflow})
    return list(check(read_settings(github, branch, jobs, ("mlflow-read", "mlflow-write"))))


def without(kind: str, field: str | None = None) -> Callable[[dict[str, Any]], None]:
    """The settings without a kind of rule, or without a field of one."""

    def change(known: dict[str, Any]) -> None:
        kept = [dict(rule) for rule in RULES if field is not None or rule["type"] != kind]
        for rule in kept:
            if rule["type"] == kind:
                rule["parameters"] = {
                    key: value for key, value in rule["parameters"].items() if key != field
                }
        known["rules/branches/main"] = kept

    return change


def required(**sources: int | None) -> Callable[[dict[str, Any]], None]:
    """The settings with these required checks, each with its source."""

    def change(known: dict[str, Any]) -> None:
        names = {"validate": "validate", "plan": "mlflow-gitops/plan"}
        listed = [{"context": names[one], "integration_id": app} for one, app in sources.items()]
        kept = [rule for rule in RULES if rule["type"] != "required_status_checks"]
        rule = {
            "type": "required_status_checks",
            "ruleset_id": 7,
            "parameters": {"required_status_checks": listed},
        }
        known["rules/branches/main"] = [*kept, rule]

    return change


def setting(path: str, **value: Any) -> Callable[[dict[str, Any]], None]:
    def change(known: dict[str, Any]) -> None:
        if value:
            known[path] = value
        else:
            del known[path]

    return change


POLICIES = "environments/mlflow-write/deployment-branch-policies"
TOKEN = "actions/permissions/workflow"
GITHUB: dict[str, tuple[Callable[[dict[str, Any]], None], set[str]]] = {
    "no pull request needed": (
        without("pull_request"),
        {"pull-request", "reviews", "stale-approvals", "code-owners"},
    ),
    "no approval needed": (without("pull_request", "required_approving_review_count"), {"reviews"}),
    "stale approvals stay": (
        without("pull_request", "dismiss_stale_reviews_on_push"),
        {"stale-approvals"},
    ),
    "owners are not asked": (without("pull_request", "require_code_owner_review"), {"code-owners"}),
    "force pushes": (without("non_fast_forward"), {"force-push"}),
    "deletion": (without("deletion"), {"deletion"}),
    "plan is not required": (required(validate=15368), {"check mlflow-gitops/plan"}),
    "a check from anybody": (required(validate=15368, plan=None), {"check-source"}),
    "a bypass": (
        setting("rulesets/7", bypass_actors=[{"actor_type": "Team", "actor_id": 3}]),
        {"bypass"},
    ),
    "no environment": (setting("environments/mlflow-write"), {"environment mlflow-write"}),
    "an environment for every branch": (
        setting("environments/mlflow-read", deployment_branch_policy=None),
        {"environment mlflow-read"},
    ),
    "an environment for protected branches": (
        setting("environments/mlflow-write", deployment_branch_policy={"protected_branches": True}),
        {"environment mlflow-write"},
    ),
    "an environment for two": (
        setting(POLICIES, branch_policies=[{"name": "main"}, {"name": "dev*"}]),
        {"environment mlflow-write"},
    ),
    "an environment for a tag of the branch's name": (
        setting(POLICIES, branch_policies=[{"name": "main", "type": "tag"}]),
        {"environment mlflow-write"},
    ),
    "a token that writes": (
        setting(TOKEN, default_workflow_permissions="write", can_approve_pull_request_reviews=True),
        {"token"},
    ),
    "neither an App nor the right to open pull requests": (
        setting(TOKEN, default_workflow_permissions="read", can_approve_pull_request_reviews=False),
        {"app"},
    ),
    "a secret of the repository": (
        setting("actions/secrets", secrets=[{"name": "MLFLOW_TRACKING_TOKEN"}]),
        {"repository-secrets"},
    ),
    "an owner that is not there": (
        setting(
            "codeowners/errors",
            errors=[{"line": 3, "kind": "Unknown owner", "path": ".github/CODEOWNERS"}],
        ),
        {"codeowners"},
    ),
}


@pytest.mark.parametrize("case", GITHUB)
def test_missing_on_github(case: str, api: GitHubAPI) -> None:
    change, expected = GITHUB[case]
    change(api.repository.settings)
    findings = judged(api)
    assert checks_of(findings, "missing") == expected and not checks_of(findings, "unknown")
    assert all(one.fix for one in findings if one.status == "missing")


def test_the_classic_rule_is_enough(api: GitHubAPI) -> None:
    api.repository.settings |= {"rules/branches/main": [], "branches/main/protection": CLASSIC}
    assert checks_of(judged(api), "ok") == {one.check for one in judged(api)}
    api.repository.settings["branches/main/protection"] = CLASSIC | {
        "enforce_admins": {"enabled": False}
    }
    assert checks_of(judged(api), "missing") == {"bypass"}


@pytest.mark.parametrize(
    ("denied", "unknown"),
    [
        ("/protection$", set()),  # the rulesets show everything that a classic rule could add
        ("/rules/", {
            "pull-request", "reviews", "stale-approvals", "code-owners", "check validate",
            "check mlflow-gitops/plan",
            "force-push", "deletion", "bypass",
        }),
        ("/rulesets/", {"bypass"}),
        ("/environments/mlflow-read$", {"environment mlflow-read"}),
        ("/deployment-branch-policies", {"environment mlflow-read", "environment mlflow-write"}),
        ("/actions/permissions", {"token"}),
        ("/actions/secrets", {"repository-secrets"}),
        ("/codeowners/", {"codeowners"}),
    ],
)  # fmt: skip
def test_what_the_token_may_not_see_is_unknown(
    denied: str, unknown: set[str], api: GitHubAPI
) -> None:
    findings = judged(api, deny=(("GET", denied),))
    assert checks_of(findings, "unknown") == unknown and not checks_of(findings, "missing")


def test_half_of_the_protection_unseen_is_not_called_missing(api: GitHubAPI) -> None:
    api.repository.settings["rules/branches/main"] = [RULES[0]]
    findings = judged(api, deny=(("GET", "/protection$"),))
    assert not checks_of(findings, "missing")
    assert "force-push" in checks_of(findings, "unknown") and "deletion" in checks_of(
        findings, "ok"
    )


def test_another_default_branch(api: GitHubAPI) -> None:
    findings = judged(api, branch="live")
    assert {"default-branch", "environment mlflow-read"} <= checks_of(findings, "missing")


@pytest.mark.parametrize("there", [True, False])
def test_the_app_that_a_workflow_names(there: bool, api: GitHubAPI) -> None:
    app = app_needs(read_workflows({"promote.yml": PROMOTE})[0])
    assert app == App(("GITOPS_APP_ID",), ("GITOPS_APP_KEY",), "mlflow-write")
    api.repository.settings[TOKEN]["can_approve_pull_request_reviews"] = False
    if there:
        api.repository.settings["actions/variables/GITOPS_APP_ID"] = {
            "name": "GITOPS_APP_ID",
            "value": "1",
        }
        api.repository.settings["environments/mlflow-write/secrets/GITOPS_APP_KEY"] = {
            "name": "GITOPS_APP_KEY"
        }
    assert "app" in checks_of(judged(api, PROMOTE), "ok" if there else "missing")


# -- the workflows' files --------------------------------------------------------------------------

FILES: dict[str, tuple[str, str, str, set[str]]] = {
    "an action by its tag": ("validate", f"checkout@{SHA} # v7", "checkout@v7", {"pinned"}),
    "a job without permissions": (
        "reconcile",
        "permissions: {contents: read}\n",
        "",
        {"permissions"},
    ),
    "a job that may do all": ("reconcile", "{contents: read}", "write-all", {"permissions"}),
    "a secret without an environment": (
        "plan",
        "    environment: mlflow-read\n",
        "",
        {"secrets", "plan-environment"},
    ),
    "secrets for a pull request": (
        "plan",
        "workflow_run: {workflows: [validate], types: [completed]}",
        "pull_request: null",
        {"secrets"},
    ),
    "a stranger's code beside secrets": (
        "validate",
        "pull_request: null",
        "pull_request_target: null",
        {"target"},
    ),
    "another environment": (
        "reconcile",
        "name: mlflow-write",
        "name: production",
        {"reconcile-environment"},
    ),
    "plan may write": (
        "plan",
        "environment: mlflow-read",
        "environment: mlflow-write",
        {"plan-environment"},
    ),
    "a shallow checkout": ("reconcile", "fetch-depth: 0, ", "", {"depth"}),
    "a workflow that is none": ("plan", "on: {", "on: [{", {"readable", "plan"}),
    "a command in a comment": (
        "plan",
        "          mlflow-gitops",
        "          # mlflow-gitops",
        {"plan"},
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_missing_in_workflows(case: str) -> None:
    name, old, new, expected = FILES[case]
    assert old in WORKFLOWS[name]
    texts = {
        f"{one}.yml": text.replace(old, new) if one == name else text
        for one, text in WORKFLOWS.items()
    }
    assert checks_of(check_workflows(WorkflowFacts(*read_workflows(texts))), "missing") == expected


@pytest.mark.parametrize(
    "line",
    [
        "mlflow-gitops plan",
        "mlflow-gitops -q --main main plan --onto x",
        '"$bin/mlflow-gitops" plan',
        'mlflow-gitops github plan "$HEAD_SHA"',
        "mlflow-gitops --registry-dir live \\\n  plan --format json | tee x",
    ],
)
def test_which_command_a_step_runs(line: str) -> None:
    text = json.dumps({"on": "push", "jobs": {"a": {"steps": [{"run": line}]}}})
    [job], unread = read_workflows({"w.yml": text})
    assert not unread and job.commands == {"plan"} and job.triggers == ("push",)


def test_the_workflow_that_proposes_is_held_to_its_environment() -> None:
    text = (Path(__file__).parents[2] / ".github/workflows/propose.yml").read_text()
    [job], _ = read_workflows({"propose.yml": text})
    assert job.commands == {"propose"} and app_needs([job]) is not None
    for wanted, environment in (("ok", "mlflow-read"), ("missing", "mlflow-write")):
        texts = {
            "propose.yml": text.replace("environment: mlflow-read", f"environment: {environment}")
        }
        assert "propose-environment" in checks_of(
            check_workflows(WorkflowFacts(*read_workflows(texts))), wanted
        )


def test_each_environment_is_planned_and_reconciled() -> None:
    """One that was added to the list, and not yet to the workflows: nobody would make the plan that
    the check waits for."""
    places = [EnvironmentPair(), EnvironmentPair("mlflow-read-eu", "mlflow-write-eu")]
    found = {
        one.check: one
        for one in check_workflows(WorkflowFacts(*read_workflows(WORKFLOWS), places))
        if one.status == "missing"
    }
    assert set(found) == {"plan-environment", "reconcile-environment"}
    assert (
        "runs reconcile in the environment mlflow-write-eu" in found["reconcile-environment"].detail
    )
    assert "init --update" in found["plan-environment"].fix


# -- the whole command -----------------------------------------------------------------------------


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


CASES: dict[str, tuple[Callable[[Clinic], None], set[str]]] = {
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
    "no fetch of receipts": (
        git("config", "--unset-all", "remote.origin.fetch", "notes"),
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
    team.git(
        "config",
        "--add",
        "remote.origin.fetch",
        "refs/notes/mlflow-gitops*:refs/notes/mlflow-gitops*",
    )
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
        and clinic.team.git("for-each-ref", "refs/notes") == ""
    )
    assert {method for method, path in clinic.api.requests if path != "/graphql"} == {"GET"}


def test_hostile_text_is_harmless(clinic: Clinic) -> None:
    clinic.file(
        ".github/workflows/evil\x1b[31m.yml",
        'on: push\njobs: {x: {steps: [{uses: "a/b@\\e[2J"}]}}\n',
    )
    shown = clinic.team.run("doctor")
    assert shown.code == 1 and "\x1b" not in shown.out and "evil\\u001b" in shown.out


# -- the judgements by themselves ------------------------------------------------------------------


def test_an_old_git() -> None:
    facts = GitFacts("2.30.2", "origin", "main", "", 1, False, True, ())
    assert [one.check for one in check_git(facts) if one.status == "missing"] == ["version"]


def test_rulesets_and_the_classic_rule_add_up() -> None:
    """GitHub holds to the stricter of both, point by point."""
    half = {"type": "pull_request", "parameters": {"required_approving_review_count": 2}}
    rule = strictest([half], CLASSIC)
    assert (rule.approvals, rule.dismisses_stale, rule.no_force_push) == (2, True, True)
    assert strictest([], None).checks == {} and not strictest([], None).no_force_push
    loose = {
        "required_status_checks": {
            "contexts": ["validate"],
            "checks": [{"context": "validate", "app_id": -1}],
        }
    }
    assert strictest([], loose).checks == {"validate": None}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "jobs: 1", "on: x\njobs: {a: b}", "{", "a: *b", "on: x\njobs: {a: {steps: [1]}}"],
)
def test_a_workflow_that_cannot_be_read(text: str) -> None:
    jobs, unread = read_workflows({"w.yml": text})
    assert jobs == [] and any(
        one.status == "missing" for one in check_workflows(WorkflowFacts(jobs, unread))
    )


def test_the_shipped_workflows() -> None:
    """This repository's own."""
    folder = Path(__file__).parents[2] / ".github" / "workflows"
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.yml")}
    judged = list(check_workflows(WorkflowFacts(*read_workflows(texts), proposed=["Staging"])))
    assert "propose" in checks_of(judged, "ok")
    missing = [one for one in judged if one.status == "missing"]
    assert missing == [], os.linesep.join(map(str, missing))
