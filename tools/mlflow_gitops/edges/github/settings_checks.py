"""`doctor`'s checks of GitHub's settings: pure judgements on what the API returned (RULES R9).

A check is a generator function and its line in CHECKS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mlflow_gitops.core.setup.doctor import CheckResult, run_checks
from mlflow_gitops.core.wording import and_list
from mlflow_gitops.edges.github.protection import (
    DeploymentEnvironment,
    RepositorySettings,
    Unread,
)
from mlflow_gitops.edges.github.setup import workflow_checks
from mlflow_gitops.edges.github.setup.bypass import classic_actors
from mlflow_gitops.edges.github.setup.receipts_checks import receipts_branch
from mlflow_gitops.edges.github.setup.results import GITHUB, unknown

REQUIRED_CHECKS = ("mlflow-gitops/plan",)
"""The checks that a merge must wait for. The plan includes what `validate` checks."""

_RULESETS = "Settings → Rules → Rulesets, for the main branch: "
_PERMISSIONS = "Settings → Actions → General → Workflow permissions: "


def check(settings: RepositorySettings) -> Iterator[CheckResult]:
    """Run all checks on a repository's settings."""
    return run_checks(CHECKS, settings)


def _default_branch(settings: RepositorySettings) -> Iterator[CheckResult]:
    branch, default = settings.branch, settings.default_branch
    if branch == default:
        yield GITHUB.ok("default-branch", f"{settings.repository}: the default branch is {branch}")
        return
    yield GITHUB.missing(
        "default-branch",
        f"plan and drift run on the default branch, {default}; {branch} is reconciled",
        f"Settings → General: make {branch} the default.",
    )


def _pull_request(settings: RepositorySettings) -> Iterator[CheckResult]:
    yield _rule(
        settings,
        "pull-request",
        settings.merge_rules.pull_request,
        f"{settings.branch} changes by pull requests alone",
        "Require a pull request before merging.",
    )


def _reviews(settings: RepositorySettings) -> Iterator[CheckResult]:
    has_reviews = settings.merge_rules.approvals > 0
    fix = "Required approvals: 1 or more."
    yield _rule(settings, "reviews", has_reviews, "a merge takes an approval", fix)


def _stale_approvals(settings: RepositorySettings) -> Iterator[CheckResult]:
    yield _rule(
        settings,
        "stale-approvals",
        settings.merge_rules.dismisses_stale,
        "a push dismisses approvals",
        "Dismiss stale pull request approvals when new commits are pushed.",
    )


def _code_owners(settings: RepositorySettings) -> Iterator[CheckResult]:
    yield _rule(
        settings,
        "code-owners",
        settings.merge_rules.code_owners,
        "the owners must approve",
        "Require review from Code Owners.",
    )


def _required_checks(settings: RepositorySettings) -> Iterator[CheckResult]:
    required = settings.merge_rules.checks
    for name in REQUIRED_CHECKS:
        yield _rule(
            settings,
            f"check {name}",
            name in required,
            f"{name} is a required check",
            f"Require status checks: {name}.",
        )


def _check_source(settings: RepositorySettings) -> Iterator[CheckResult]:
    required = settings.merge_rules.checks
    present = {name: required[name] for name in REQUIRED_CHECKS if name in required}
    if isinstance(settings.actions_app, Unread):
        yield unknown("check-source", settings.actions_app)
    else:
        yield from workflow_checks.check_sources(present, settings.actions_app, _RULESETS)


def _force_push(settings: RepositorySettings) -> Iterator[CheckResult]:
    detail = f"nobody rewrites {settings.branch}"
    is_blocked = settings.merge_rules.no_force_push
    yield _rule(settings, "force-push", is_blocked, detail, "Block force pushes.")


def _deletion(settings: RepositorySettings) -> Iterator[CheckResult]:
    detail = f"nobody deletes {settings.branch}"
    is_blocked = settings.merge_rules.no_deletion
    yield _rule(settings, "deletion", is_blocked, detail, "Restrict deletions.")


def _bypass(settings: RepositorySettings) -> Iterator[CheckResult]:
    if isinstance(settings.bypass, Unread):
        yield unknown("bypass", settings.bypass)
        return
    rules = () if isinstance(settings.rules, Unread) else settings.rules
    actors = [*settings.bypass, *classic_actors(settings.known_classic, rules)]
    if not actors:
        yield GITHUB.ok("bypass", "nobody may bypass these rules")
        return
    yield GITHUB.missing(
        "bypass",
        f"{', '.join(sorted(actors))} may bypass these rules",
        _RULESETS + "empty the bypass list (classic: do not allow bypassing).",
    )


def _environments(settings: RepositorySettings) -> Iterator[CheckResult]:
    for name in sorted(settings.environments):
        yield _environment(name, settings.environments[name], settings.branch)


def _environment(
    name: str, environment: DeploymentEnvironment | Unread | None, branch: str
) -> CheckResult:
    check_name = f"environment {name}"
    page = f"Settings → Environments → {name}: "
    if isinstance(environment, Unread):
        return unknown(check_name, environment)
    if environment is None:
        fix = f"{page}create it, with {branch} as its only branch."
        return GITHUB.missing(check_name, f"there is no environment {name}", fix)

    if environment.protected:
        detail = f"{name} accepts every protected branch, not {branch} alone"
    elif environment.branches is None:
        detail = f"{name} accepts every branch: a workflow edited on any has its credentials"
    elif set(environment.branches) != {branch}:
        patterns = ", ".join(environment.branches) or "nothing"
        detail = f"{name} accepts {patterns}, not {branch} alone"
    else:
        return GITHUB.ok(check_name, f"{name} accepts {branch} alone")
    fix = f"{page}Deployment branches: Selected branches, {branch} alone."
    return GITHUB.missing(check_name, detail, fix)


def _token(settings: RepositorySettings) -> Iterator[CheckResult]:
    if isinstance(settings.token, Unread):
        yield unknown("token", settings.token)
    elif settings.token.get("default_workflow_permissions") != "read":
        detail = "a workflow that lists no permissions gets a token that may write"
        yield GITHUB.missing("token", detail, _PERMISSIONS + "read repository contents.")
    else:
        detail = "a workflow's own token may only read unless the workflow lists more"
        yield GITHUB.ok("token", detail)


def _app(settings: RepositorySettings) -> Iterator[CheckResult]:
    if not settings.opens_pull_requests:
        yield GITHUB.ok("app", "no workflow opens pull requests, so none needs a GitHub App for it")
    elif isinstance(settings.has_app, Unread):
        yield unknown("app", settings.has_app)
    elif settings.has_app:
        yield GITHUB.ok(
            "app", "workflows open pull requests by a GitHub App, which starts their checks"
        )
    elif not _own_token_opens_pull_requests(settings):
        yield GITHUB.missing(
            "app",
            "no GitHub App is configured, and a workflow's own token may not open pull requests, as"
            " promote does",
            f"{_PERMISSIONS}allow GitHub Actions to create and approve pull requests (a bot's"
            " approval never counts), or configure an App.",
        )
    else:
        detail = "no GitHub App is configured: workflows open pull requests by their own token and"
        yield GITHUB.ok("app", f"{detail} dispatch their plan")
        yield from workflow_checks.waiting_checks(settings, REQUIRED_CHECKS)


def _own_token_opens_pull_requests(settings: RepositorySettings) -> bool:
    """Whether a workflow's own token may open pull requests; true if that could not be read."""
    token = settings.token
    return isinstance(token, Unread) or bool(token.get("can_approve_pull_request_reviews"))


def _repository_secrets(settings: RepositorySettings) -> Iterator[CheckResult]:
    if isinstance(settings.secrets, Unread):
        yield unknown("repository-secrets", settings.secrets)
        return
    if isinstance(settings.organization_secrets, Unread):
        yield unknown("repository-secrets", settings.organization_secrets)
        return
    owners = {"repository": settings.secrets, "organization": settings.organization_secrets}
    credentials = {
        owner: sorted(name for name in names if name.upper().startswith("MLFLOW_"))
        for owner, names in owners.items()
    }
    if not any(credentials.values()):
        detail = "no MLflow credential is a secret of the repository or the organization"
        yield GITHUB.ok("repository-secrets", detail)
    for owner, names in credentials.items():
        if names:
            yield GITHUB.missing(
                "repository-secrets",
                f"{', '.join(names)}: a secret of the {owner} reaches every workflow on every"
                " branch",
                f"Move it into the environments {and_list(sorted(settings.environments))}.",
            )


def _address_variables(settings: RepositorySettings) -> Iterator[CheckResult]:
    names = settings.address_variables
    if isinstance(names, Unread):
        yield unknown("address-variables", names)
    elif names:
        yield GITHUB.missing(
            "address-variables",
            f"{', '.join(names)}: people who may edit the repository's variables decide which"
            " server gets the credentials",
            "Name the server in environments.yaml on the main branch, or in the variables of the"
            f" environments {and_list(sorted(settings.environments))}, and delete the variable.",
        )
    else:
        yield GITHUB.ok("address-variables", "no MLflow address is a variable of the repository")


def _codeowners_errors(settings: RepositorySettings) -> Iterator[CheckResult]:
    errors = settings.codeowners
    if isinstance(errors, Unread):
        yield unknown("codeowners", errors)
    elif errors:
        yield GITHUB.missing(
            "codeowners",
            f"GitHub reports {len(errors)} fault(s) in CODEOWNERS: {errors[0]}",
            "Owners must exist and have write access; change them in the manifests.",
        )
    else:
        yield GITHUB.ok("codeowners", "GitHub reports no fault in CODEOWNERS")


CHECKS: tuple[Callable[[RepositorySettings], Iterator[CheckResult]], ...] = (
    _default_branch,
    workflow_checks.plan,
    _pull_request,
    _reviews,
    _stale_approvals,
    _code_owners,
    _required_checks,
    _check_source,
    _force_push,
    _deletion,
    _bypass,
    receipts_branch,
    _environments,
    _token,
    _app,
    _repository_secrets,
    _address_variables,
    _codeowners_errors,
    workflow_checks.workflows,
    workflow_checks.fork_workflows,
)
"""All checks, in the order in which their results are printed."""


def _rule(
    settings: RepositorySettings, check_name: str, is_required: bool, detail: str, fix: str
) -> CheckResult:
    """The result for one point of the branch's protection.

    A point that is missing in the half that could be read may be set in the other half.
    """
    if is_required:
        return GITHUB.ok(check_name, detail)
    if settings.unread_rules is not None:
        return unknown(check_name, settings.unread_rules)
    return GITHUB.missing(check_name, f"not so: {detail}", _RULESETS + fix)
