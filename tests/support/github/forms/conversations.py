"""Issues, pull requests, their reviews and comments."""

from __future__ import annotations

from typing import Any

from tests.support.github.forms.accounts import node_id, user_form
from tests.support.github.forms.repositories import html, repository_form, url
from tests.support.github.wire import Call
from tests.support.github_state import Comment, Issue, Pull, Review

_ROLES = {"none": "NONE", "read": "NONE"}


def association(call: Call, login: str | None) -> str:
    user = call.repo.users.get((login or "").lower())
    return _ROLES.get(user.permission if user else "none", "COLLABORATOR")


def label_form(call: Call, name: str) -> dict[str, Any]:
    return {
        "id": 1,
        "node_id": node_id("LA", name),
        "url": url(call, f"/labels/{name}"),
        "name": name,
        "description": None,
        "color": "ffffff",
        "default": False,
    }


def _conversation(call: Call, issue: Issue) -> dict[str, Any]:
    """What an issue and a pull request have alike."""
    return {
        "id": issue.number,
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": issue.state,
        "user": user_form(call.repo, issue.user),
        "labels": [label_form(call, label) for label in issue.labels],
        **dict.fromkeys(("milestone", "assignee", "active_lock_reason")),
        "assignees": [],
        "locked": issue.locked,
        "author_association": association(call, issue.user),
        "created_at": issue.at,
        "updated_at": issue.at,
        "closed_at": issue.closed_at,
        "comments_url": url(call, f"/issues/{issue.number}/comments"),
    }


def issue_form(call: Call, issue: Issue) -> dict[str, Any]:
    page = url(call, f"/issues/{issue.number}")
    form = {
        **_conversation(call, issue),
        "node_id": node_id("I", issue.number),
        "comments": len(issue.comments),
        "url": page,
        "repository_url": url(call, ""),
        "labels_url": f"{page}/labels{{/name}}",
        "events_url": f"{page}/events",
        "html_url": html(call, f"/issues/{issue.number}"),
    }
    if isinstance(issue, Pull):
        pages = _pages(call, issue)
        form["pull_request"] = {
            "url": url(call, f"/pulls/{issue.number}"),
            **{field: pages[field] for field in ("html_url", "diff_url", "patch_url")},
        }
    return form


def comment_form(call: Call, number: int, comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "node_id": node_id("IC", comment.id),
        "body": comment.body,
        "user": user_form(call.repo, comment.user),
        "author_association": association(call, comment.user),
        "created_at": comment.at,
        "updated_at": comment.updated,
        "url": url(call, f"/issues/comments/{comment.id}"),
        "html_url": html(call, f"/issues/{number}#issuecomment-{comment.id}"),
        "issue_url": url(call, f"/issues/{number}"),
    }


def _pages(call: Call, pull: Pull) -> dict[str, str]:
    page, site = url(call, f"/pulls/{pull.number}"), html(call, f"/pull/{pull.number}")
    return {
        "html_url": site,
        "diff_url": f"{site}.diff",
        "patch_url": f"{site}.patch",
        "issue_url": url(call, f"/issues/{pull.number}"),
        "commits_url": f"{page}/commits",
        "review_comments_url": f"{page}/comments",
        "review_comment_url": url(call, "/pulls/comments{/number}"),
        "statuses_url": url(call, f"/statuses/{pull.head}"),
    }


def _branch(call: Call, owner: str | None, ref: str, sha: str) -> dict[str, Any]:
    login = owner or call.repo.owner
    return {
        "label": f"{login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": user_form(call.repo, login),
        "repo": repository_form(call, owner),
    }


def pull_form(call: Call, pull: Pull, *, whole: bool = False) -> dict[str, Any]:
    repo, pages = call.repo, _pages(call, pull)
    page = url(call, f"/pulls/{pull.number}")
    form = {
        **_conversation(call, pull),
        "node_id": node_id("PR", pull.number),
        "draft": False,
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_commit,
        "requested_reviewers": [],
        "requested_teams": [],
        "auto_merge": None,
        "url": page,
        **pages,
        "head": _branch(call, pull.fork, pull.head_ref, pull.head),
        "base": _branch(call, None, pull.base_ref, repo.tip(f"refs/heads/{pull.base_ref}")),
    }
    linked = ("html", "issue", "review_comments", "review_comment", "commits", "statuses")
    form["_links"] = {
        "self": {"href": page},
        "comments": {"href": form["comments_url"]},
        **{name: {"href": pages[f"{name}_url"]} for name in linked},
    }
    return form | (_details(call, pull) if whole else {})


def _details(call: Call, pull: Pull) -> dict[str, Any]:
    """What only a pull request's own page has."""
    return {
        "merged": pull.merged_at is not None,
        "merged_by": user_form(call.repo, pull.merged_by),
        "mergeable": True if pull.state == "open" else None,
        "rebaseable": True if pull.state == "open" else None,
        "mergeable_state": "blocked" if call.repo.is_blocked(pull) else "clean",
        "maintainer_can_modify": False,
        "comments": len(pull.comments),
        "review_comments": 0,
        "commits": len(pull.commits),
        **dict.fromkeys(("additions", "deletions", "changed_files"), 1),
    }


def review_form(call: Call, pull: Pull, review: Review) -> dict[str, Any]:
    page = html(call, f"/pull/{pull.number}")
    links = {
        "html": f"{page}#pullrequestreview-{review.id}",
        "pull_request": url(call, f"/pulls/{pull.number}"),
    }
    form = {
        "id": review.id,
        "node_id": node_id("PRR", review.id),
        "user": user_form(call.repo, review.user),
        "body": review.body,
        "state": review.state,
        "commit_id": review.commit,
        "author_association": association(call, review.user),
        "html_url": links["html"],
        "pull_request_url": links["pull_request"],
        "_links": {name: {"href": link} for name, link in links.items()},
    }
    # What was not submitted has no time.
    return form | ({"submitted_at": review.at} if review.state != "PENDING" else {})
