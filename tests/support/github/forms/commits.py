"""Commits, and their statuses."""

from __future__ import annotations

from typing import Any

from tests.support.github.forms.accounts import SITE, node_id, user_form
from tests.support.github.forms.repositories import html, minimal_repository_form, url
from tests.support.github.wire import Call

_FORMAT = "%H%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%P%x00%T%x00%B"
_UNSIGNED = {
    "verified": False,
    "reason": "unsigned",
    "payload": None,
    "signature": None,
    "verified_at": None,
}


def _pages(call: Call, sha: str) -> dict[str, str]:
    return {"url": url(call, f"/commits/{sha}"), "html_url": html(call, f"/commit/{sha}")}


def _signature(parts: list[str]) -> dict[str, str]:
    return dict(zip(("name", "email", "date"), parts, strict=True))


def commit_form(call: Call, sha: str) -> dict[str, Any]:
    full, *people, parents, tree, message = call.repo.git(
        "show", "-s", f"--format={_FORMAT}", sha
    ).split("\0")
    author, committer = _signature(people[:3]), _signature(people[3:])
    users = [call.repo.by_mail(person["email"]) for person in (author, committer)]
    page = _pages(call, full)
    return {
        **page,
        "sha": full,
        "node_id": node_id("C", full),
        "comments_url": f"{page['url']}/comments",
        "commit": {
            "url": url(call, f"/git/commits/{full}"),
            "author": author,
            "committer": committer,
            "message": message.strip(),
            "comment_count": 0,
            "tree": {"sha": tree, "url": url(call, f"/git/trees/{tree}")},
            "verification": _UNSIGNED,
        },
        "author": user_form(call.repo, users[0].login if users[0] else None),
        "committer": user_form(call.repo, users[1].login if users[1] else None),
        "parents": [{"sha": parent, **_pages(call, parent)} for parent in parents.split()],
    }


def written_commit_form(call: Call, sha: str) -> dict[str, Any]:
    """A commit as the answer to what wrote it."""
    form = commit_form(call, sha)
    kept = ("sha", "node_id", "url", "html_url", "parents")
    details = {key: value for key, value in form["commit"].items() if key != "comment_count"}
    return {**details, **{field: form[field] for field in kept}}


def status_form(call: Call, sha: str, status: dict[str, Any]) -> dict[str, Any]:
    """A status in a list; the answer to setting it names its creator, too."""
    return {
        "id": 1,
        "description": None,
        "target_url": None,
        "created_at": call.repo.now(),
        "updated_at": status.get("created_at") or call.repo.now(),
        **{key: value for key, value in status.items() if key != "creator"},
        "node_id": node_id("SC", status.get("id", 1)),
        "url": url(call, f"/statuses/{sha}"),
        "avatar_url": f"{SITE}/avatars/1",
    }


def combined_status_form(call: Call, sha: str, states: list[str]) -> dict[str, Any]:
    """All of a combined status but its list."""
    state = "pending"
    if states and set(states) == {"success"}:
        state = "success"
    elif {"error", "failure"} & set(states):
        state = "failure"
    return {
        "state": state,
        "sha": sha,
        "repository": minimal_repository_form(call),
        "commit_url": url(call, f"/commits/{sha}"),
        "url": url(call, f"/commits/{sha}/status"),
    }
