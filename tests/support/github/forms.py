"""The forms of GitHub's answers, REST API version 2022-11-28, as far as this project reads them."""

from __future__ import annotations

from typing import Any

from tests.support.github.wire import Call
from tests.support.github_state import Comment, Issue, Pull, Repository, Review, Run, User


def user_form(repo: Repository, login: str | None) -> dict[str, Any] | None:
    if login is None:
        return None
    user = repo.users.get(login.lower()) or User(login, "User", 0)
    return {
        "login": user.login,
        "id": user.id,
        "type": user.kind,
        "site_admin": False,
        "url": f"/users/{user.login}",
    }


def url(call: Call, path: str) -> str:
    return f"{call.api.url}/repos/{call.repo.full_name}{path}"


def html(call: Call, path: str) -> str:
    return f"https://github.test/{call.repo.full_name}{path}"


def repository_form(call: Call, owner: str | None = None) -> dict[str, Any]:
    repo = call.repo
    full = f"{owner or repo.owner}/{repo.name}"
    return {
        "id": 2 if owner else 1, "name": repo.name, "full_name": full, "private": repo.private,
        "topics": repo.topics,
        "allow_forking": repo.allow_forking,
        "fork": owner is not None, "owner": user_form(repo, owner or repo.owner),
        "default_branch": repo.branch, "url": f"{call.api.url}/repos/{full}",
        "html_url": f"https://github.test/{full}",
    }  # fmt: skip


def issue_form(call: Call, issue: Issue) -> dict[str, Any]:
    form: dict[str, Any] = {
        "id": issue.number, "number": issue.number, "title": issue.title, "body": issue.body,
        "state": issue.state,
        "user": user_form(call.repo, issue.user), "comments": len(issue.comments),
        "created_at": issue.at, "updated_at": issue.at, "closed_at": issue.closed_at,
        "locked": issue.locked,
        "labels": [{"name": label} for label in issue.labels],
        "url": url(call, f"/issues/{issue.number}"),
        "html_url": html(call, f"/issues/{issue.number}"),
    }  # fmt: skip
    if isinstance(issue, Pull):
        form["pull_request"] = {"url": url(call, f"/pulls/{issue.number}")}
    return form


def comment_form(call: Call, number: int, one: Comment) -> dict[str, Any]:
    return {
        "id": one.id, "body": one.body, "user": user_form(call.repo, one.user),
        "created_at": one.at, "updated_at": one.updated,
        "url": url(call, f"/issues/comments/{one.id}"),
        "html_url": html(call, f"/issues/{number}#issuecomment-{one.id}"),
    }  # fmt: skip


def pull_form(call: Call, pull: Pull, *, whole: bool = False) -> dict[str, Any]:
    repo = call.repo
    head_owner = pull.fork or repo.owner
    form = {
        "id": pull.number, "number": pull.number, "title": pull.title, "body": pull.body,
        "state": pull.state, "draft": False,
        "user": user_form(repo, pull.user), "created_at": pull.at, "updated_at": pull.at,
        "closed_at": pull.closed_at,
        "merged_at": pull.merged_at, "merge_commit_sha": pull.merge_commit,
        "url": url(call, f"/pulls/{pull.number}"), "html_url": html(call, f"/pull/{pull.number}"),
        "issue_url": url(call, f"/issues/{pull.number}"),
        "commits_url": url(call, f"/pulls/{pull.number}/commits"),
        "head": {
            "ref": pull.head_ref, "sha": pull.head, "label": f"{head_owner}:{pull.head_ref}",
            "user": user_form(repo, head_owner), "repo": repository_form(call, pull.fork),
        },
        "base": {
            "ref": pull.base_ref, "sha": repo.tip(f"refs/heads/{pull.base_ref}"),
            "label": f"{repo.owner}:{pull.base_ref}",
            "user": user_form(repo, repo.owner), "repo": repository_form(call),
        },
    }  # fmt: skip
    if whole:
        form |= {
            "merged": pull.merged_at is not None, "merged_by": user_form(repo, pull.merged_by),
            "commits": len(pull.commits),
            "mergeable_state": "blocked" if repo.is_blocked(pull) else "clean",
            "comments": len(pull.comments), "mergeable": True if pull.state == "open" else None,
        }  # fmt: skip
    return form


def review_form(call: Call, pull: Pull, one: Review) -> dict[str, Any]:
    return {
        "id": one.id, "user": user_form(call.repo, one.user), "body": one.body, "state": one.state,
        "commit_id": one.commit,
        "submitted_at": one.at, "author_association": "NONE",
        "html_url": html(call, f"/pull/{pull.number}"),
        "pull_request_url": url(call, f"/pulls/{pull.number}"),
    }  # fmt: skip


def commit_form(call: Call, sha: str) -> dict[str, Any]:
    repo = call.repo
    form = "%H%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%P%x00%T%x00%B"
    parts = repo.git("show", "-s", f"--format={form}", sha).split("\0")
    (
        full,
        author,
        author_mail,
        authored,
        committer,
        committer_mail,
        committed,
        parents,
        tree,
        message,
    ) = parts
    people = [repo.by_mail(mail) for mail in (author_mail, committer_mail)]
    return {
        "sha": full, "url": url(call, f"/commits/{full}"),
        "html_url": html(call, f"/commit/{full}"),
        "commit": {
            "message": message.strip(), "tree": {"sha": tree},
            "verification": {"verified": False, "reason": "unsigned"},
            "author": {"name": author, "email": author_mail, "date": authored},
            "committer": {"name": committer, "email": committer_mail, "date": committed},
        },
        "author": user_form(repo, people[0].login if people[0] else None),
        "committer": user_form(repo, people[1].login if people[1] else None),
        "parents": [{"sha": parent} for parent in parents.split()],
    }  # fmt: skip


def run_form(call: Call, run: Run, attempt: int | None = None) -> dict[str, Any]:
    number = attempt or len(run.triggering_actors)
    return {
        "id": run.id, "name": run.name, "display_title": run.name,
        "event": run.event, "status": run.status,
        "conclusion": run.conclusion,
        "head_sha": run.head_sha, "head_branch": run.head_branch, "run_attempt": number,
        "run_number": run.id,
        "actor": user_form(call.repo, run.actor),
        "triggering_actor": user_form(call.repo, run.triggering_actors[number - 1]),
        "created_at": run.created, "run_started_at": run.created, "updated_at": run.updated,
        "pull_requests": [],
        "url": url(call, f"/actions/runs/{run.id}"),
        "html_url": html(call, f"/actions/runs/{run.id}"),
    }  # fmt: skip
