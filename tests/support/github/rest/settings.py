"""GraphQL, and settings pages."""

from __future__ import annotations

from typing import Any

from tests.support.github import graph
from tests.support.github.forms import setting_form
from tests.support.github.wire import Call, route
from tests.support.github_state import Refused


@route("POST", "/graphql")
def _graphql(call: Call) -> Any:
    return 200, graph.answer(call)


@route("GET", "{repo}/codeowners/errors")
def _codeowners(call: Call) -> Any:
    page = call.repo.settings.get("codeowners/errors", {"errors": []})
    return setting_form(call, "codeowners/errors", page)


@route("GET", "{repo}/{path+}")
def _setting(call: Call, path: str) -> Any:
    """Settings pages are what a test says they are, and GitHub's own 404 where it says nothing."""
    if path in call.repo.settings:
        return setting_form(call, path, call.repo.settings[path])
    raise Refused(404, "Branch not protected" if path.endswith("/protection") else "Not Found")
