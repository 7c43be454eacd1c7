"""People, bots and apps."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.support.github.wire import Call
from tests.support.github_state import Repository, User

SITE = "https://github.test"
LONG_AGO = "2020-01-01T00:00:00Z"
_PAGES = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def node_id(kind: str, number: object) -> str:
    return f"{kind}_{number}"


def user_form(repo: Repository, login: str | None) -> dict[str, Any] | None:
    if login is None:
        return None
    user = repo.users.get(login.lower()) or User(login, "User", 0)
    quoted = quote(user.login)
    url = f"{repo.api_url}/users/{quoted}"
    return {
        "login": user.login,
        "id": user.id,
        "node_id": node_id("U", user.id),
        "avatar_url": f"{SITE}/avatars/{user.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{SITE}/{quoted}",
        **{field: url + path for field, path in _PAGES.items()},
        "type": user.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def public_user_form(repo: Repository, user: User) -> dict[str, Any]:
    """An account's own page."""
    unset = ("name", "company", "blog", "location", "hireable", "bio", "twitter_username")
    return {
        **(user_form(repo, user.login) or {}),
        **dict.fromkeys(unset),
        **dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0),
        "email": user.email,
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
    }


def app_form(call: Call, slug: str) -> dict[str, Any]:
    """A GitHub App."""
    number = call.repo.app_ids.get(slug, 1)
    form = {
        "id": number,
        "slug": slug,
        "node_id": node_id("A", number),
        "owner": user_form(call.repo, call.repo.owner),
        "name": slug,
        "description": None,
        "external_url": f"{SITE}/{slug}",
        "html_url": f"{SITE}/apps/{slug}",
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
        "permissions": {"contents": "write", "pull_requests": "write"},
        "events": [],
    }
    return form | ({"client_id": call.repo.apps[slug]} if slug in call.repo.apps else {})
