"""Pull requests and their reviews."""

from __future__ import annotations

from typing import Any

from tests.support.github.forms import commit_form, pull_form, review_form
from tests.support.github.rest.issues import check_title, edit
from tests.support.github.wire import Call, Page, route


@route("GET", "{repo}/pulls")
def _pulls(call: Call) -> Any:
    state, head, base = (call.query.get(key) for key in ("state", "head", "base"))
    found = [p for p in call.repo.pulls() if (state or "open") in ("all", p.state)]
    found = [
        p
        for p in found
        if head in (None, f"{p.fork or call.repo.owner}:{p.head_ref}")
        and base in (None, p.base_ref)
    ]
    newest = (
        call.query.get(
            "direction", "asc" if call.query.get("sort", "created") != "created" else "desc"
        )
        == "desc"
    )
    return Page([pull_form(call, p) for p in sorted(found, key=lambda p: p.number, reverse=newest)])


@route("POST", "{repo}/pulls")
def _create_pull(call: Call) -> Any:
    head, base, title = call.needs("head", "base", "title")
    check_title(title)
    owner, _, branch = str(head).rpartition(":")
    fork = owner if owner and owner != call.repo.owner else None
    pull = call.repo.open_pull(
        branch, title, user=call.token.login, base=base, body=call.body.get("body") or "", fork=fork
    )
    return pull_form(call, pull, whole=True)


@route("GET", "{repo}/pulls/{number}")
def _get_pull(call: Call, number: str) -> Any:
    return pull_form(call, call.repo.pull(int(number)), whole=True)


@route("PATCH", "{repo}/pulls/{number}")
def _edit_pull(call: Call, number: str) -> Any:
    pull = call.repo.pull(int(number))
    edit(call, pull)
    return pull_form(call, pull, whole=True)


@route("GET", "{repo}/pulls/{number}/commits")
def _pull_commits(call: Call, number: str) -> Any:
    return Page([commit_form(call, sha) for sha in call.repo.pull(int(number)).commits[:250]])


@route("GET", "{repo}/pulls/{number}/reviews")
def _reviews(call: Call, number: str) -> Any:
    pull = call.repo.pull(int(number))
    return Page([review_form(call, pull, review) for review in pull.reviews])


@route("POST", "{repo}/pulls/{number}/reviews")
def _create_review(call: Call, number: str) -> Any:
    states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
    state = states.get(str(call.body.get("event")), "PENDING")
    pull = call.repo.pull(int(number))
    return 200, review_form(
        call,
        pull,
        call.repo.review(int(number), call.token.login, state, call.body.get("commit_id")),
    )


@route("PUT", "{repo}/pulls/{number}/reviews/{review}/dismissals")
def _dismiss(call: Call, number: str, review: str) -> Any:
    return review_form(
        call, call.repo.pull(int(number)), call.repo.dismiss(int(number), int(review))
    )


@route("PUT", "{repo}/pulls/{number}/merge")
def _merge(call: Call, number: str) -> Any:
    sha = call.repo.merge(int(number), call.body.get("merge_method", "merge"), call.token.login)
    return {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}
