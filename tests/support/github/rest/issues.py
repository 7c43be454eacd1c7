"""Issues and comments."""

from __future__ import annotations

from typing import Any

from tests.support.github.forms import comment_form, issue_form
from tests.support.github.wire import Call, Page, route
from tests.support.github_state import Comment, Issue, Refused


def _check_issues_enabled(call: Call) -> None:
    if not call.repo.has_issues:
        raise Refused(410, "Issues has been disabled in this repository.")


@route("GET", "{repo}/issues")
def _issues(call: Call) -> Any:
    _check_issues_enabled(call)
    state, creator = call.query.get("state", "open"), call.query.get("creator")
    labels = [one for one in call.query.get("labels", "").split(",") if one]
    found = [one for one in call.repo.issues.values() if state in ("all", one.state)]
    found = [one for one in found if creator in (None, one.user) and set(labels) <= set(one.labels)]
    newest = call.query.get("direction", "desc") == "desc"
    return Page(
        [issue_form(call, one) for one in sorted(found, key=lambda one: one.number, reverse=newest)]
    )


@route("POST", "{repo}/issues")
def _create_issue(call: Call) -> Any:
    _check_issues_enabled(call)
    (title,) = call.needs("title")
    issue = call.repo.open_issue(title, call.body.get("body") or "", call.token.login)
    issue.labels = list(call.body.get("labels") or [])
    return issue_form(call, issue)


@route("GET", "{repo}/issues/{number}")
def _get_issue(call: Call, number: str) -> Any:
    return issue_form(call, _the_issue(call, number))


@route("PATCH", "{repo}/issues/{number}")
def _edit_issue(call: Call, number: str) -> Any:
    issue = _the_issue(call, number)
    edit(call, issue)
    return issue_form(call, issue)


def _the_issue(call: Call, number: str) -> Issue:
    found = call.repo.issues.get(int(number))
    if found is None:
        raise Refused(404, "Not Found")
    return found


def check_title(title: str) -> None:
    if len(title) > 256:
        message = "title is too long (maximum is 256 characters)"
        raise Refused(
            422,
            "Validation Failed",
            {"resource": "Issue", "code": "custom", "field": "title", "message": message},
        )


def edit(call: Call, issue: Issue) -> None:
    check_title(call.body.get("title", ""))
    issue.title = call.body.get("title", issue.title)
    issue.body = call.body.get("body", issue.body)
    if call.body.get("state") == "closed" and issue.state == "open":
        call.repo.close(issue.number)
    elif call.body.get("state") == "open":
        issue.state, issue.closed_at = "open", None


@route("GET", "{repo}/issues/{number}/comments")
def _comments(call: Call, number: str) -> Any:
    return Page(
        [comment_form(call, int(number), comment) for comment in _the_issue(call, number).comments]
    )


@route("POST", "{repo}/issues/{number}/comments")
def _create_comment(call: Call, number: str) -> Any:
    if _the_issue(call, number).locked:
        raise Refused(403, "Unable to create comment because issue is locked.")
    (body,) = call.needs("body")
    return comment_form(call, int(number), call.repo.comment(int(number), call.token.login, body))


@route("PATCH", "{repo}/issues/comments/{comment}")
def _edit_comment(call: Call, comment: str) -> Any:
    issue, found = _the_comment(call, comment)
    (found.body,) = call.needs("body")
    found.updated = call.repo.now()
    return comment_form(call, issue.number, found)


@route("DELETE", "{repo}/issues/comments/{comment}")
def _delete_comment(call: Call, comment: str) -> Any:
    issue, found = _the_comment(call, comment)
    issue.comments.remove(found)


def _the_comment(call: Call, number: str) -> tuple[Issue, Comment]:
    for issue in call.repo.issues.values():
        for comment in issue.comments:
            if comment.id == int(number):
                return issue, comment
    raise Refused(404, "Not Found")
