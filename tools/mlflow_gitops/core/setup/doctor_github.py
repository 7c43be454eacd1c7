"""What GitHub's settings protect: pure judgements on what its API told, for `doctor` (RULES R9).

A branch may be protected by rulesets, by a classic rule, or by both: GitHub then holds to the
stricter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.setup.doctor import Finding
from mlflow_gitops.core.wording import and_list

CHECKS = ("validate", "mlflow-gitops/plan")
"""The checks that a merge must wait for."""

_FIX = "Settings → Rules → Rulesets, for the main branch: "


@dataclass(frozen=True, slots=True)
class Unread:
    """GitHub did not tell, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that a job gets its credentials from. `branches` are the patterns that may use
    it; None: all may. `protected` says that every protected branch may."""

    branches: tuple[str, ...] | None
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What GitHub told of a repository. `rules` are those of rulesets that hold for the branch,
    `classic` is the classic rule, None where there is none; `bypass` are those who may go past a
    ruleset. `app` says whether the App that the workflows name is configured, None where they name
    none. `token` is what a workflow's own token may do."""

    repository: str
    branch: str
    default_branch: str
    rules: Sequence[Mapping[str, Any]] | Unread
    classic: Mapping[str, Any] | Unread | None
    bypass: Sequence[str] | Unread
    environments: Mapping[str, Environment | Unread | None]
    token: Mapping[str, Any] | Unread
    secrets: Sequence[str] | Unread
    app: bool | Unread | None
    codeowners: Sequence[str] | Unread


@dataclass(frozen=True, slots=True)
class Rule:
    """What rulesets and classic rule ask together. `checks` maps a required check to the apps that
    must have set it, None for any."""

    pull_request: bool
    approvals: int
    dismiss: bool
    code_owners: bool
    checks: Mapping[str, int | None]
    no_force: bool
    no_deletion: bool


def combined(rules: Sequence[Mapping[str, Any]], classic: Mapping[str, Any] | None) -> Rule:
    """The stricter of rulesets and classic rule, point by point."""
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    for rule in rules:
        by_type.setdefault(rule["type"], []).append(rule.get("parameters") or {})
    old = classic or {}
    reviews = old.get("required_pull_request_reviews") or {}
    pulls = by_type.get("pull_request", [])
    checks: dict[str, int | None] = {}
    for one in ((old.get("required_status_checks") or {}).get("checks")) or ():
        checks[one["context"]] = one.get("app_id") if (one.get("app_id") or -1) > 0 else None
    for context in ((old.get("required_status_checks") or {}).get("contexts")) or ():
        checks.setdefault(context, None)
    for parameters in by_type.get("required_status_checks", []):
        for one in parameters.get("required_status_checks") or ():
            checks[one["context"]] = one.get("integration_id") or checks.get(one["context"])
    return Rule(
        pull_request=bool(pulls or reviews),
        approvals=max(
            [int(reviews.get("required_approving_review_count") or 0)]
            + [int(one.get("required_approving_review_count") or 0) for one in pulls]
        ),
        dismiss=bool(reviews.get("dismiss_stale_reviews"))
        or any(one.get("dismiss_stale_reviews_on_push") for one in pulls),
        code_owners=bool(reviews.get("require_code_owner_reviews"))
        or any(one.get("require_code_owner_review") for one in pulls),
        checks=checks,
        no_force="non_fast_forward" in by_type
        or (bool(old) and not _on(old, "allow_force_pushes")),
        no_deletion="deletion" in by_type or (bool(old) and not _on(old, "allow_deletions")),
    )


def judge_settings(settings: Settings, *, opening: bool = True) -> Iterator[Finding]:
    """The main branch's protection, the environments, tokens and CODEOWNERS, as GitHub has them.
    `opening` says whether a workflow opens pull requests, which takes a right of its own."""
    if settings.branch == settings.default_branch:
        yield Finding(
            "github",
            "default-branch",
            "ok",
            f"{settings.repository}: the default branch is {settings.branch}",
        )
    else:
        said = (
            f"plan and drift run on the default branch, {settings.default_branch};"
            f" {settings.branch} is reconciled"
        )
        yield Finding(
            "github",
            "default-branch",
            "missing",
            said,
            f"Settings → General: make {settings.branch} the default.",
        )
    yield from _protection(settings)
    for name in sorted(settings.environments):
        yield _environment(name, settings.environments[name], settings.branch)
    yield from _tokens(settings, opening)
    if isinstance(settings.secrets, Unread):
        yield _unknown("repository-secrets", settings.secrets)
    elif found := sorted(name for name in settings.secrets if name.startswith("MLFLOW_")):
        said = (
            f"{', '.join(found)}: a secret of the repository reaches every workflow on every branch"
        )
        yield Finding(
            "github",
            "repository-secrets",
            "missing",
            said,
            f"Move it into the environments {and_list(sorted(settings.environments))}.",
        )
    else:
        yield Finding(
            "github",
            "repository-secrets",
            "ok",
            "no MLflow credential is a secret of the repository",
        )
    if isinstance(settings.codeowners, Unread):
        yield _unknown("codeowners", settings.codeowners)
    elif settings.codeowners:
        said = (
            f"GitHub finds {len(settings.codeowners)} fault(s) in CODEOWNERS:"
            f" {settings.codeowners[0]}"
        )
        yield Finding(
            "github",
            "codeowners",
            "missing",
            said,
            "Owners must exist and have write access; change them in the manifests.",
        )
    else:
        yield Finding("github", "codeowners", "ok", "GitHub finds no fault in CODEOWNERS")


def _protection(settings: Settings) -> Iterator[Finding]:
    unread = next(
        (one for one in (settings.rules, settings.classic) if isinstance(one, Unread)), None
    )
    rules = () if isinstance(settings.rules, Unread) else settings.rules
    classic = None if isinstance(settings.classic, Unread) else settings.classic
    rule = combined(rules, classic)

    def asks(check: str, held: bool, fine: str, fix: str) -> Finding:
        # What one half shows is so; what it does not show may stand in the half that could not be
        # read.
        if held:
            return Finding("github", check, "ok", fine)
        if unread is not None:
            return _unknown(check, unread)
        return Finding("github", check, "missing", f"not so: {fine}", _FIX + fix)

    branch = settings.branch
    yield asks(
        "pull-request",
        rule.pull_request,
        f"{branch} changes by pull requests alone",
        "Require a pull request before merging.",
    )
    yield asks(
        "reviews", rule.approvals > 0, "a merge takes an approval", "Required approvals: 1 or more."
    )
    yield asks(
        "stale-approvals",
        rule.dismiss,
        "a push dismisses approvals",
        "Dismiss stale pull request approvals when new commits are pushed.",
    )
    yield asks(
        "code-owners",
        rule.code_owners,
        "the owners must approve",
        "Require review from Code Owners.",
    )
    for check in CHECKS:
        yield asks(
            f"check {check}",
            check in rule.checks,
            f"{check} is a required check",
            f"Require status checks: {check}.",
        )
    loose = [check for check in CHECKS if check in rule.checks and rule.checks[check] is None]
    if loose:
        said = (
            f"whoever may write can set {and_list(loose)} to success by hand: any source is taken"
        )
        yield Finding(
            "github",
            "check-source",
            "missing",
            said,
            _FIX + "name GitHub Actions as the source of each required check.",
        )
    elif any(check in rule.checks for check in CHECKS):
        yield Finding(
            "github", "check-source", "ok", "required checks are taken from one source alone"
        )
    yield asks("force-push", rule.no_force, f"nobody rewrites {branch}", "Block force pushes.")
    yield asks("deletion", rule.no_deletion, f"nobody deletes {branch}", "Restrict deletions.")
    yield _bypass(settings, classic)


def _bypass(settings: Settings, classic: Mapping[str, Any] | None) -> Finding:
    if isinstance(settings.bypass, Unread):
        return _unknown("bypass", settings.bypass)
    who = list(settings.bypass)
    if classic and not _on(classic, "enforce_admins") and not settings.rules:
        who.append("administrators")
    if who:
        said = f"{', '.join(sorted(who))} may go past these rules"
        return Finding(
            "github",
            "bypass",
            "missing",
            said,
            _FIX + "empty the bypass list (classic: do not allow bypassing).",
        )
    return Finding("github", "bypass", "ok", "nobody may go past these rules")


def _environment(name: str, found: Environment | Unread | None, branch: str) -> Finding:
    check = f"environment {name}"
    where = f"Settings → Environments → {name}: "
    if isinstance(found, Unread):
        return _unknown(check, found)
    if found is None:
        return Finding(
            "github",
            check,
            "missing",
            f"there is no environment {name}",
            where + f"make it, with {branch} as its only branch.",
        )
    fix = where + f"Deployment branches: Selected branches, {branch} alone."
    if found.protected:
        return Finding(
            "github",
            check,
            "missing",
            f"{name} accepts every protected branch, not {branch} alone",
            fix,
        )
    if found.branches is None:
        return Finding(
            "github",
            check,
            "missing",
            f"{name} accepts every branch: a workflow edited on any has its credentials",
            fix,
        )
    if set(found.branches) != {branch}:
        listed = ", ".join(found.branches) or "nothing"
        return Finding(
            "github", check, "missing", f"{name} accepts {listed}, not {branch} alone", fix
        )
    return Finding("github", check, "ok", f"{name} accepts {branch} alone")


def _tokens(settings: Settings, opening: bool) -> Iterator[Finding]:
    where = "Settings → Actions → General → Workflow permissions: "
    app = settings.app
    if isinstance(settings.token, Unread):
        yield _unknown("token", settings.token)
    elif settings.token.get("default_workflow_permissions") != "read":
        said = "a workflow that asks for nothing gets a token that may write"
        yield Finding("github", "token", "missing", said, where + "read repository contents.")
    else:
        yield Finding(
            "github",
            "token",
            "ok",
            "a workflow's own token may only read unless the workflow says more",
        )
    if not opening:
        yield Finding(
            "github",
            "app",
            "ok",
            "no workflow opens pull requests, so none needs a GitHub App or a right to",
        )
    elif isinstance(app, Unread):
        yield _unknown("app", app)
    elif app:
        yield Finding(
            "github",
            "app",
            "ok",
            "workflows open pull requests by a GitHub App: their checks start by themselves",
        )
    elif not isinstance(settings.token, Unread) and not settings.token.get(
        "can_approve_pull_request_reviews"
    ):
        said = (
            "no GitHub App is configured, and a workflow's own token may not open pull requests, as"
            " promote does"
        )
        fix = (
            where
            + "allow GitHub Actions to create and approve pull requests (a bot's approval never"
            " counts), or configure an App."
        )
        yield Finding("github", "app", "missing", said, fix)
    else:
        said = (
            "no GitHub App is configured: workflows open pull requests by their own token and"
            " dispatch the checks"
        )
        yield Finding("github", "app", "ok", said)


def _on(classic: Mapping[str, Any], key: str) -> bool:
    return bool((classic.get(key) or {}).get("enabled"))


def _unknown(check: str, unread: Unread) -> Finding:
    fix = (
        "Give doctor a token that may read administration, environments, actions and secrets of"
        " this repository."
    )
    return Finding("github", check, "unknown", unread.why, fix)
