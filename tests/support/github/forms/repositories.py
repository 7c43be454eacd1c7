"""A repository, its branches, files and git objects."""

from __future__ import annotations

import base64
from typing import Any

from tests.support.github.forms.accounts import LONG_AGO, SITE, node_id, user_form
from tests.support.github.wire import Call

_PAGES = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
_COUNTS = (
    "forks_count",
    "stargazers_count",
    "watchers_count",
    "open_issues_count",
    "forks",
    "open_issues",
    "watchers",
    "size",
)


def url(call: Call, path: str) -> str:
    return f"{call.api.url}/repos/{call.repo.full_name}{path}"


def html(call: Call, path: str) -> str:
    return f"{SITE}/{call.repo.full_name}{path}"


def minimal_repository_form(call: Call, owner: str | None = None) -> dict[str, Any]:
    """As it is part of other answers; the repository itself, or a fork of an owner."""
    repo = call.repo
    full = f"{owner or repo.owner}/{repo.name}"
    number, page = (2 if owner else 1), f"{call.api.url}/repos/{full}"
    return {
        "id": number,
        "node_id": node_id("R", number),
        "name": repo.name,
        "full_name": full,
        "owner": user_form(repo, owner or repo.owner),
        "private": repo.private,
        "html_url": f"{SITE}/{full}",
        "description": None,
        "fork": owner is not None,
        "url": page,
        **{field: page + path for field, path in _PAGES.items()},
    }


def repository_form(call: Call, owner: str | None = None) -> dict[str, Any]:
    """As it is the head or base of a pull request."""
    repo = call.repo
    form = minimal_repository_form(call, owner)
    address = f"github.test/{form['full_name']}.git"
    return {
        **form,
        "git_url": f"git://{address}",
        "ssh_url": f"git@{address.replace('/', ':', 1)}",
        "clone_url": f"https://{address}",
        "svn_url": form["html_url"],
        **dict.fromkeys(("mirror_url", "homepage", "language", "license")),
        **dict.fromkeys(_COUNTS, 0),
        "default_branch": repo.branch,
        "topics": repo.topics,
        "allow_forking": repo.allow_forking,
        "has_issues": repo.has_issues,
        "has_projects": True,
        "has_wiki": True,
        "has_pages": False,
        "has_downloads": True,
        "has_discussions": False,
        "archived": False,
        "disabled": False,
        "visibility": "private" if repo.private else "public",
        **dict.fromkeys(("pushed_at", "created_at", "updated_at"), LONG_AGO),
    }


def full_repository_form(call: Call) -> dict[str, Any]:
    return {**repository_form(call), "subscribers_count": 0, "network_count": 0}


def file_form(call: Call, path: str, ref: str, sha: str) -> dict[str, Any]:
    data = call.repo.blob(sha)
    links = {
        "self": url(call, f"/contents/{path}?ref={ref}"),
        "git": url(call, f"/git/blobs/{sha}"),
        "html": html(call, f"/blob/{ref}/{path}"),
    }
    return {
        "type": "file",
        "encoding": "base64",
        "size": len(data),
        "name": path.rsplit("/", 1)[-1],
        "path": path,
        "sha": sha,
        "content": base64.b64encode(data).decode(),
        "url": links["self"],
        "git_url": links["git"],
        "html_url": links["html"],
        "download_url": html(call, f"/raw/{ref}/{path}"),
        "_links": links,
    }


def blob_form(call: Call, sha: str) -> dict[str, Any]:
    data = call.repo.blob(sha)
    return {
        "sha": sha,
        "node_id": node_id("B", sha),
        "size": len(data),
        "url": url(call, f"/git/blobs/{sha}"),
        "encoding": "base64",
        "content": base64.b64encode(data).decode(),
    }


def ref_form(call: Call, ref: str, sha: str) -> dict[str, Any]:
    return {
        "ref": ref,
        "node_id": node_id("REF", ref),
        "url": url(call, f"/git/{ref}"),
        "object": {"type": "commit", "sha": sha, "url": url(call, f"/git/commits/{sha}")},
    }
