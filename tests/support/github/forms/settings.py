"""Settings pages: what a test says of one, with what GitHub's own page has beside that."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.github.forms.accounts import LONG_AGO, SITE, app_form, node_id, user_form
from tests.support.github.forms.repositories import html, url
from tests.support.github.wire import Call

_Form = dict[str, Any]
_DATES = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
_PARAMETERS: dict[str, _Form] = {
    "pull_request": {
        "dismiss_stale_reviews_on_push": False,
        "require_code_owner_review": False,
        "require_last_push_approval": False,
        "required_approving_review_count": 0,
        "required_review_thread_resolution": False,
    },
    "required_status_checks": {
        "required_status_checks": [],
        "strict_required_status_checks_policy": False,
    },
}
"""What a rule says if nothing is required."""


def _rules(call: Call, path: str, rules: list[_Form]) -> list[_Form]:
    return [_rule(call, rule) for rule in rules]


def _rule(call: Call, rule: _Form) -> _Form:
    source = {"ruleset_source_type": "Repository", "ruleset_source": call.repo.full_name}
    form = source | {"ruleset_id": 7} | rule
    if rule["type"] in _PARAMETERS:
        form["parameters"] = _PARAMETERS[rule["type"]] | rule.get("parameters", {})
    return form


def _ruleset(call: Call, path: str, ruleset: _Form) -> _Form:
    number = int(path.rpartition("/")[2])
    form = {"id": number, "name": "main", "target": "branch", "source_type": "Repository"}
    return form | {"source": call.repo.full_name, "enforcement": "active"} | ruleset


def protection_of(body: _Form) -> _Form:
    """The classic rule that a request sets."""
    rule: _Form = {"enforce_admins": {"enabled": bool(body["enforce_admins"])}}
    if body["required_status_checks"] is not None:
        checks = [
            {"context": name, "app_id": None} for name in body["required_status_checks"]["contexts"]
        ]
        rule["required_status_checks"] = {**body["required_status_checks"], "checks": checks}
    return rule


def _classic(call: Call, path: str, rule: _Form) -> _Form:
    page = url(call, f"/{path}")
    form = {"url": page, **rule}
    if "enforce_admins" in rule:
        form["enforce_admins"] = {"url": f"{page}/enforce_admins", **rule["enforce_admins"]}
    if "required_status_checks" in rule:
        checks = {"url": f"{page}/required_status_checks", "strict": False}
        checks["contexts_url"] = f"{checks['url']}/contexts"
        form["required_status_checks"] = checks | rule["required_status_checks"]
    reviews = rule.get("required_pull_request_reviews") or {}
    if "bypass_pull_request_allowances" in reviews:
        allowed = {
            kind: [_ACTORS[kind](call, actor) for actor in actors]
            for kind, actors in reviews["bypass_pull_request_allowances"].items()
        }
        form["required_pull_request_reviews"] = {
            **reviews,
            "bypass_pull_request_allowances": allowed,
        }
    return form


def _team(call: Call, team: _Form) -> _Form:
    page = f"{call.api.url}/organizations/1/team/1"
    return {
        "id": 1,
        "node_id": node_id("T", team["slug"]),
        "url": page,
        "html_url": f"{SITE}/orgs/{call.repo.owner}/teams/{team['slug']}",
        "name": team["slug"],
        "description": None,
        "permission": "push",
        "members_url": f"{page}/members{{/member}}",
        "repositories_url": f"{page}/repos",
        "type": "organization",
        "organization_id": 1,
        "parent": None,
        **team,
    }


_ACTORS: Mapping[str, Callable[[Call, _Form], _Form]] = {
    "users": lambda call, user: user_form(call.repo, user["login"]) or {},
    "teams": _team,
    "apps": lambda call, app: app_form(call, app["slug"]),
}


def _environment(call: Call, path: str, environment: _Form) -> _Form:
    name = path.rpartition("/")[2]
    policy = environment.get("deployment_branch_policy")
    if policy is not None:
        policy = {"protected_branches": False, "custom_branch_policies": False} | policy
    return {
        "id": 1,
        "node_id": node_id("EN", name),
        "name": name,
        "url": url(call, f"/{path}"),
        "html_url": html(call, "/deployments/activity_log"),
        **_DATES,
        "protection_rules": [],
        **environment,
        "deployment_branch_policy": policy,
    }


def _workflow(call: Call, workflow: _Form) -> _Form:
    name = workflow["path"].rpartition("/")[2]
    return {
        "id": 1,
        "node_id": node_id("W", name),
        "name": name,
        "state": "active",
        **_DATES,
        "url": url(call, "/actions/workflows/1"),
        "html_url": html(call, f"/blob/{call.repo.branch}/{workflow['path']}"),
        "badge_url": html(call, f"/workflows/{name}/badge.svg"),
        **workflow,
    }


def _branch_policy(call: Call, policy: _Form) -> _Form:
    return {"id": 1, "node_id": node_id("DBP", policy["name"]), "type": "branch", **policy}


def _secret(call: Call, secret: _Form) -> _Form:
    return _DATES | secret


def _variable(call: Call, variable: _Form) -> _Form:
    return {"value": "", **_DATES, **variable}


def _owners_error(call: Call, error: _Form) -> _Form:
    return {"column": 1, "message": f"{error['kind']} on line {error['line']}", **error}


_ENTRIES: Mapping[str, Callable[[Call, _Form], _Form]] = {
    "workflows": _workflow,
    "branch_policies": _branch_policy,
    "secrets": _secret,
    "variables": _variable,
    "errors": _owners_error,
}
"""By the field that has the list."""


def _list(call: Call, path: str, page: _Form) -> _Form:
    [field] = [name for name in page if name in _ENTRIES]
    entries = [_ENTRIES[field](call, entry) for entry in page[field]]
    count = {} if field == "errors" else {"total_count": len(entries)}
    return {**count, **page, field: entries}


def _named_secret(call: Call, path: str, secret: _Form) -> _Form:
    return {"name": path.rpartition("/")[2], **_secret(call, secret)}


def _named_variable(call: Call, path: str, variable: _Form) -> _Form:
    return {"name": path.rpartition("/")[2], **_variable(call, variable)}


_PAGES: Mapping[str, Callable[[Call, str, Any], Any]] = {
    "rules/branches/.+": _rules,
    r"rulesets/\d+": _ruleset,
    "branches/.+/protection": _classic,
    "environments/[^/]+": _environment,
    "environments/[^/]+/deployment-branch-policies": _list,
    "actions/(organization-)?(secrets|variables)": _list,
    "actions/workflows": _list,
    "codeowners/errors": _list,
    "(actions|environments/[^/]+)/secrets/[^/]+": _named_secret,
    "(actions|environments/[^/]+)/variables/[^/]+": _named_variable,
}


def setting_form(call: Call, path: str, value: Any) -> Any:
    """A settings page with all that GitHub's has."""
    for pattern, complete in _PAGES.items():
        if re.fullmatch(pattern, path):
            return complete(call, path, value)
    return value
