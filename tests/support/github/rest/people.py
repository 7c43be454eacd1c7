"""Accounts, apps and teams."""

from __future__ import annotations

from typing import Any

from tests.support.github.forms import app_form, public_user_form, user_form
from tests.support.github.wire import Call, Page, route
from tests.support.github_state import Refused


@route("GET", "/user")
def _me(call: Call) -> Any:
    if call.token.installation:
        raise Refused(403, "Resource not accessible by integration")
    return user_form(call.repo, call.token.login)


@route("GET", "/users/{login}")
def _one_user(call: Call, login: str) -> Any:
    user = call.repo.users.get(login.lower())
    if user is None:
        raise Refused(404, "Not Found")
    return public_user_form(call.repo, user)


@route("GET", "/apps/{slug}")
def _app(call: Call, slug: str) -> Any:
    if slug not in call.repo.app_ids and slug not in call.repo.apps:
        raise Refused(404, "Not Found")
    return app_form(call, slug)


@route("GET", "/orgs/{org}/teams/{slug}/members")
def _team_members(call: Call, org: str, slug: str) -> Any:
    members = call.repo.teams.get(slug) if org == call.repo.owner else None
    if members is None:
        raise Refused(404, "Not Found")
    return Page([user_form(call.repo, login) for login in sorted(members)])


@route("GET", "{repo}/collaborators/{login}/permission")
def _permission(call: Call, login: str) -> Any:
    legacy, role = call.repo.permission(login)
    user = {**(user_form(call.repo, login) or {}), "role_name": role}
    return {"permission": legacy, "role_name": role, "user": user}
