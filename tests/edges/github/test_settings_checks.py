"""GitHub's settings, read from its API and judged: all that can be missing, one by one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.core.setup.workflow_files import App, app_needs, read_workflows
from mlflow_gitops.edges.forge import ProtectedBranches
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.protection import strictest
from mlflow_gitops.edges.github.settings import read_settings
from mlflow_gitops.edges.github.settings_checks import check
from tests.support.doctor import CLASSIC, PROMOTE, RULES, checks_of, sound_settings
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubAPI]:
    with GitHubAPI(Repository(tmp_path_factory.mktemp("github"))).serving() as api:
        yield api


@pytest.fixture
def api(served: GitHubAPI) -> GitHubAPI:
    """GitHub with the settings of a repository where nothing is missing."""
    served.repository.settings = sound_settings()
    served.repair()
    served.requests.clear()
    return served


OPENS_BY_ITSELF = """\
on: workflow_dispatch
jobs:
  promote:
    permissions: {contents: write, pull-requests: write}
    steps: [{run: mlflow-gitops propose}]
"""


TAKES_AN_ADDRESS = """\
on: push
jobs:
  plan:
    env: {MLFLOW_TRACKING_URI: "${{ vars.MLFLOW_TRACKING_URI }}"}
    steps: []
"""


def judged(
    api: GitHubAPI,
    workflow: str = OPENS_BY_ITSELF,
    deny: tuple[tuple[str, str], ...] = (),
    branch: str = "main",
) -> list[CheckResult]:
    github = GitHubConnection(api.repository.full_name, api.token("ada", deny=deny), api.url)
    jobs, _ = read_workflows({"promote.yml": workflow, "plan.yml": TAKES_AN_ADDRESS})
    branches = ProtectedBranches(branch, "mlflow-gitops/receipts")
    return list(check(read_settings(github, branches, jobs, ("mlflow-read", "mlflow-write"))))


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
        listed = [
            {"context": names[check]} | ({} if app is None else {"integration_id": app})
            for check, app in sources.items()
        ]
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
RECEIPTS_RULES = "rules/branches/mlflow-gitops/receipts"
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
    "plan is not required": (required(), {"check mlflow-gitops/plan"}),
    "a check from anybody": (required(plan=None), {"check-source"}),
    "a check that waits for approval": (
        required(validate=15368, plan=15368),
        {"waiting-checks"},
    ),
    "a check from anybody that waits for approval": (
        required(validate=None, plan=15368),
        {"waiting-checks"},
    ),
    "receipts are rewritten": (
        lambda known: known.update({RECEIPTS_RULES: [{"type": "deletion"}]}),
        {"receipts force-push"},
    ),
    "receipts are deleted": (
        lambda known: known.update({RECEIPTS_RULES: [{"type": "non_fast_forward"}]}),
        {"receipts deletion"},
    ),
    "nothing protects receipts": (
        lambda known: known.update({RECEIPTS_RULES: []}),
        {"receipts force-push", "receipts deletion"},
    ),
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
    "another secret of the repository": (
        setting("actions/secrets", secrets=[{"name": "mlflow_tracking_password"}]),
        {"repository-secrets"},
    ),
    "a secret of the organization": (
        setting("actions/organization-secrets", secrets=[{"name": "MLFLOW_TRACKING_TOKEN"}]),
        {"repository-secrets"},
    ),
    "a check from another app": (required(plan=99999), {"check-source"}),
    "both checks from another app": (required(validate=1, plan=2), {"check-source"}),
    "a workflow that GitHub disabled": (
        setting(
            "actions/workflows",
            workflows=[
                {"path": ".github/workflows/promote.yml", "state": "disabled_inactivity"},
                {"path": ".github/workflows/other.yml", "state": "disabled_manually"},
            ],
        ),
        {"workflows"},
    ),
    "a workflow that somebody disabled": (
        setting(
            "actions/workflows",
            workflows=[{"path": ".github/workflows/promote.yml", "state": "disabled_manually"}],
        ),
        {"workflows"},
    ),
    "the server's address in a variable of the repository": (
        setting("actions/variables/MLFLOW_TRACKING_URI", value="https://mlflow.example"),
        {"address-variables"},
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
            "pull-request", "reviews", "stale-approvals", "code-owners",
            "check mlflow-gitops/plan",
            "force-push", "deletion", "bypass", "receipts force-push", "receipts deletion",
        }),
        ("/rulesets/", {"bypass"}),
        ("/environments/mlflow-read$", {"environment mlflow-read"}),
        ("/deployment-branch-policies", {"environment mlflow-read", "environment mlflow-write"}),
        ("/actions/permissions", {"token"}),
        ("/actions/secrets", {"repository-secrets"}),
        ("/actions/variables/MLFLOW_TRACKING", {"address-variables"}),
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


ALLOWED = {"users": [{"login": "mallory"}], "teams": [{"slug": "ml"}], "apps": [{"slug": "bot"}]}


@pytest.mark.parametrize(
    ("kind", "name"), [("users", "user mallory"), ("teams", "team ml"), ("apps", "app bot")]
)
@pytest.mark.parametrize("rulesets", [[], [RULES[0]]], ids=["none", "one rule"])
def test_who_may_bypass_the_classic_rule(
    kind: str, name: str, rulesets: list[dict[str, Any]], api: GitHubAPI
) -> None:
    reviews = CLASSIC["required_pull_request_reviews"]
    allowed = reviews | {"bypass_pull_request_allowances": {kind: ALLOWED[kind]}}
    api.repository.settings |= {
        "rules/branches/main": rulesets,
        "branches/main/protection": CLASSIC | {"required_pull_request_reviews": allowed},
    }
    [bypass] = [result for result in judged(api) if result.check == "bypass"]
    assert (bypass.status, bypass.detail) == ("missing", f"{name} may bypass these rules")


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_admins_of_the_classic_rule_beside_rulesets(count: int, api: GitHubAPI) -> None:
    """A ruleset stops them only from what it requires itself."""
    classic = CLASSIC | {"enforce_admins": {"enabled": False}}
    api.repository.settings |= {
        "rules/branches/main": RULES[:count],
        "branches/main/protection": classic,
    }
    assert checks_of(judged(api), "missing") == {"bypass"}
    api.repository.settings["rules/branches/main"] = RULES
    assert not checks_of(judged(api), "missing")


def test_an_app_that_the_organization_configures(api: GitHubAPI) -> None:
    api.repository.settings[TOKEN]["can_approve_pull_request_reviews"] = False
    api.repository.settings["actions/organization-variables"] = {
        "variables": [{"name": "GITOPS_APP_ID", "value": "1"}]
    }
    assert "app" in checks_of(judged(api, PROMOTE), "missing")
    api.repository.settings["actions/organization-secrets"] = {
        "secrets": [{"name": "GITOPS_APP_KEY"}]
    }
    # What an App opens starts its checks, so that any may be required.
    required(validate=15368, plan=15368)(api.repository.settings)
    assert "app" in checks_of(judged(api, PROMOTE), "ok")
    assert not checks_of(judged(api, PROMOTE), "missing")


def test_a_plan_that_cannot_protect(api: GitHubAPI) -> None:
    api.fail(
        "GET .*/(rules|branches|environments|rulesets)/",
        403,
        "Upgrade to GitHub Pro or make this repository public to enable this feature.",
        times=99,
    )
    try:
        findings = judged(api)
    finally:
        api.repair()
    assert checks_of(findings, "missing") == {"plan"}
    unknown = [result for result in findings if result.status == "unknown"]
    assert len(unknown) >= 9 and all("Make the repository public" in str(r.fix) for r in unknown)


FORKS = "actions/permissions/fork-pr-workflows-private-repos"


@pytest.mark.parametrize(
    ("run", "secrets", "write", "status"),
    [
        (False, False, False, "missing"),
        (True, True, False, "missing"),
        (True, False, True, "missing"),
        (True, False, False, "ok"),
    ],
)
def test_forks_of_a_private_repository(
    run: bool, secrets: bool, write: bool, status: str, api: GitHubAPI
) -> None:
    api.repository.settings[FORKS] = {
        "run_workflows_from_fork_pull_requests": run,
        "send_secrets_and_variables": secrets,
        "send_write_tokens_to_workflows": write,
        "require_approval_for_fork_pr_workflows": True,
    }
    assert "fork-workflows" not in {result.check for result in judged(api)}, "it is public"
    api.repository.private = True
    try:
        assert "fork-workflows" in checks_of(judged(api), status)
        api.repository.allow_forking = False
        assert "fork-workflows" not in {result.check for result in judged(api)}
    finally:
        api.repository.private, api.repository.allow_forking = False, True


def test_the_id_of_github_actions_on_an_enterprise_server(api: GitHubAPI) -> None:
    required(plan=29)(api.repository.settings)
    api.repository.app_ids["github-actions"] = 29
    try:
        assert "check-source" in checks_of(judged(api), "ok")
        required(validate=29, plan=15368)(api.repository.settings)
        assert checks_of(judged(api), "missing") == {"check-source", "waiting-checks"}
    finally:
        api.repository.app_ids.clear()


@pytest.mark.parametrize(
    ("path", "value", "check"),
    [
        ("rulesets/7", {"id": 7, "bypass_actors": [None]}, "bypass"),
        ("rulesets/7", {"id": 7, "bypass_actors": None}, "bypass"),
        ("actions/secrets", {"secrets": None}, "repository-secrets"),
        ("actions/secrets", {"secrets": [{"name": None}]}, "repository-secrets"),
        ("actions/organization-secrets", {"secrets": [{}]}, "repository-secrets"),
        ("actions/workflows", {"workflows": [{"path": None}]}, "workflows"),
        ("codeowners/errors", {"errors": [{}]}, "codeowners"),
        ("environments/mlflow-read", {"deployment_branch_policy": 7}, "environment mlflow-read"),
        ("environments/mlflow-read/deployment-branch-policies", {}, "environment mlflow-read"),
        (
            "environments/mlflow-read/deployment-branch-policies",
            {"branch_policies": [{"name": None}]},
            "environment mlflow-read",
        ),
        ("rules/branches/main", [{**rule, "ruleset_id": None} for rule in RULES], "bypass"),
    ],
)
def test_a_form_that_is_not_documented_is_unknown(
    path: str, value: Any, check: str, api: GitHubAPI
) -> None:
    api.send(f"GET .*/{path}([?]|$)", json.dumps(value))
    assert checks_of(judged(api), "unknown") == {check}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("rules/branches/main", [{}]),
        (
            "rules/branches/main",
            [{"type": "required_status_checks", "parameters": {"required_status_checks": [{}]}}],
        ),
        ("branches/main/protection", {"required_pull_request_reviews": 7}),
        ("branches/main/protection", {"required_status_checks": {"checks": [{"app_id": 1}]}}),
    ],
)
def test_rules_of_another_form_are_unknown(path: str, value: Any, api: GitHubAPI) -> None:
    api.repository.settings["rules/branches/main"] = []
    api.send(f"GET .*/{path}([?]|$)", json.dumps(value))
    findings = judged(api)
    assert not checks_of(findings, "missing")
    assert {"pull-request", "reviews", "force-push"} <= checks_of(findings, "unknown")


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
