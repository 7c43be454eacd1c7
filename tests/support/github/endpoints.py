"""The endpoints of the GitHub of the tests: those that this project and its workflows use, and no
others."""

from __future__ import annotations

import base64
from typing import Any

from tests.support.github import graph
from tests.support.github.forms import (
    comment_form,
    commit_form,
    issue_form,
    pull_form,
    repository_form,
    review_form,
    run_form,
    url,
    user_form,
)
from tests.support.github.wire import Call, Page, route
from tests.support.github_state import Comment, Issue, Pull, Refused, Run


@route("GET", "/user")
def _me(call: Call) -> Any:
    if call.token.installation:
        raise Refused(403, "Resource not accessible by integration")
    return user_form(call.repo, call.token.login)


@route("POST", "/graphql")
def _graphql(call: Call) -> Any:
    return 200, graph.answer(call)


@route("GET", "/users/{login}")
def _one_user(call: Call, login: str) -> Any:
    user = call.repo.users.get(login.lower())
    if user is None:
        raise Refused(404, "Not Found")
    return {**(user_form(call.repo, login) or {}), "email": user.email, "name": None}


@route("GET", "/apps/{slug}")
def _app(call: Call, slug: str) -> Any:
    if slug in call.repo.app_ids:
        return {"slug": slug, "name": slug, "id": call.repo.app_ids[slug]}
    if slug not in call.repo.apps:
        raise Refused(404, "Not Found")
    return {"slug": slug, "name": slug, "client_id": call.repo.apps[slug]}


@route("GET", "/orgs/{org}/teams/{slug}/members")
def _team_members(call: Call, org: str, slug: str) -> Any:
    members = call.repo.teams.get(slug) if org == call.repo.owner else None
    if members is None:
        raise Refused(404, "Not Found")
    return Page([user_form(call.repo, login) for login in sorted(members)])


@route("GET", "{repo}")
def _get_repository(call: Call) -> Any:
    return repository_form(call)


@route("GET", "{repo}/collaborators/{login}/permission")
def _permission(call: Call, login: str) -> Any:
    legacy, role = call.repo.permission(login)
    return {"permission": legacy, "role_name": role, "user": user_form(call.repo, login)}


@route("GET", "{repo}/contents/{path+}")
def _contents(call: Call, path: str) -> Any:
    ref = call.query.get("ref", call.repo.branch)
    if not call.repo.tip(f"{ref}^{{commit}}"):
        raise Refused(404, f"No commit found for the ref {ref}")
    found = call.repo.git("ls-tree", ref, "--", path).split(None, 3)
    if len(found) < 4:
        raise Refused(404, "Not Found")
    _, kind, sha, _ = found
    if kind != "blob":
        return []
    data = call.repo.blob(sha)
    encoded = base64.b64encode(data).decode()
    return {
        "type": "file",
        "encoding": "base64",
        "size": len(data),
        "name": path.rsplit("/", 1)[-1],
        "path": path,
        "sha": sha,
        "content": encoded,
        "url": url(call, f"/contents/{path}?ref={ref}"),
    }


@route("GET", "{repo}/git/trees/{sha}")
def _tree(call: Call, sha: str) -> Any:
    if not call.repo.tip(f"{sha}^{{tree}}"):
        raise Refused(404, "Not Found")
    listing = call.repo.git(
        "ls-tree", "-z", *(["-r", "-t"] if call.query.get("recursive") else []), sha
    ).split("\0")
    found = [
        (*head.split(), path)
        for head, _, path in (line.partition("\t") for line in listing if line)
    ]
    tree = [
        {"mode": mode, "type": kind, "sha": blob, "path": path} for mode, kind, blob, path in found
    ]
    size = call.api.largest_tree
    return {"sha": sha, "tree": tree[:size], "truncated": len(tree) > size}


@route("GET", "{repo}/git/blobs/{sha}")
def _blob(call: Call, sha: str) -> Any:
    if call.repo.git("cat-file", "-t", sha, check=False) != "blob":
        raise Refused(404, "Not Found")
    data = call.repo.blob(sha)
    return {
        "sha": sha,
        "size": len(data),
        "encoding": "base64",
        "content": base64.b64encode(data).decode(),
    }


@route("GET", "{repo}/branches/{branch}")
def _branch(call: Call, branch: str) -> Any:
    tip = call.repo.tip(f"refs/heads/{branch}")
    if not tip:
        raise Refused(404, "Branch not found")
    protected = f"branches/{branch}/protection" in call.repo.settings
    return {"name": branch, "commit": commit_form(call, tip), "protected": protected}


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
    _check_title(title)
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
    _edit(call, pull)
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


@route("GET", "{repo}/commits/{sha}")
def _get_commit(call: Call, sha: str) -> Any:
    return commit_form(call, _known(call, sha))


@route("GET", "{repo}/commits/{sha}/pulls")
def _commit_pulls(call: Call, sha: str) -> Any:
    return Page([pull_form(call, pull) for pull in associated_pulls(call, sha)])


def associated_pulls(call: Call, sha: str) -> list[Pull]:
    """The pull requests that brought a commit to the main branch, or that hold it."""
    full = _known(call, sha)
    on_main = full in call.repo.git("rev-list", call.repo.branch).split()
    merged = [call.repo.pull(n) for n in call.repo.associated.get(full, [])]
    holding = [
        p
        for p in call.repo.pulls()
        if full in p.commits and p not in merged and (p.merged_at or not on_main)
    ]
    return [*merged, *holding]


def _known(call: Call, sha: str) -> str:
    full = call.repo.tip(f"{sha}^{{commit}}")
    if not full:
        raise Refused(422, f"No commit found for SHA: {sha}")
    return full


@route("POST", "{repo}/statuses/{sha}")
def _set_status(call: Call, sha: str) -> Any:
    (state,) = call.needs("state")
    full = _known(call, sha)
    description = call.body.get("description") or ""
    if state not in ("error", "failure", "pending", "success") or len(description) > 140:
        raise Refused(
            422, "Validation Failed", {"resource": "Status", "field": "state", "code": "invalid"}
        )
    status = {
        "id": len(call.repo.statuses) + 1,
        "state": state,
        "context": call.body.get("context", "default"),
        "description": description,
        "target_url": call.body.get("target_url"),
        "created_at": call.repo.now(),
        "creator": user_form(call.repo, call.token.login),
    }
    call.repo.statuses.setdefault(full, []).append(status)
    return status


@route("GET", "{repo}/commits/{sha}/status")
def _statuses(call: Call, sha: str) -> Any:
    """The newest of each context."""
    newest = {status["context"]: status for status in call.repo.statuses.get(_known(call, sha), [])}
    return Page(list(newest.values()), "statuses")


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
    _edit(call, issue)
    return issue_form(call, issue)


def _the_issue(call: Call, number: str) -> Issue:
    found = call.repo.issues.get(int(number))
    if found is None:
        raise Refused(404, "Not Found")
    return found


def _check_title(title: str) -> None:
    if len(title) > 256:
        message = "title is too long (maximum is 256 characters)"
        raise Refused(
            422,
            "Validation Failed",
            {"resource": "Issue", "code": "custom", "field": "title", "message": message},
        )


def _edit(call: Call, issue: Issue) -> None:
    _check_title(call.body.get("title", ""))
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


@route("GET", "{repo}/actions/runs")
def _runs(call: Call) -> Any:
    event, head = call.query.get("event"), call.query.get("head_sha")
    begin, _, end = call.query.get("created", "..").partition("..")
    found = [
        run for run in call.repo.runs if event in (None, run.event) and head in (None, run.head_sha)
    ]
    found = [run for run in found if (begin or "0") <= run.created <= (end or "9")]
    found = found[::-1][: call.api.largest_search]
    return Page([run_form(call, run) for run in found], "workflow_runs")


@route("GET", "{repo}/actions/runs/{run}")
def _get_run(call: Call, run: str) -> Any:
    return run_form(call, _the_run(call, run))


@route("GET", "{repo}/actions/runs/{run}/attempts/{attempt}")
def _attempt(call: Call, run: str, attempt: str) -> Any:
    return run_form(call, _the_run(call, run), int(attempt))


def _the_run(call: Call, number: str) -> Run:
    for run in call.repo.runs:
        if run.id == int(number):
            return run
    raise Refused(404, "Not Found")


@route("GET", "{repo}/activity")
def _activity(call: Call) -> Any:
    found = [
        push for push in reversed(call.repo.pushes) if call.query.get("ref") in (None, push[0])
    ]
    return Page(
        [
            {
                "id": i,
                "ref": ref,
                "before": call.repo.replaced.get(after, "0" * 40),
                "after": after,
                "activity_type": "push",
                "actor": user_form(call.repo, login),
            }
            for i, (ref, after, login) in enumerate(found)
        ]
    )


@route("POST", "{repo}/dispatches")
def _repository_dispatch(call: Call) -> Any:
    (event,) = call.needs("event_type")
    call.repo.dispatched.append({"event_type": event, "by": call.token.login, **call.body})


@route("POST", "{repo}/actions/workflows/{workflow}/dispatches")
def _workflow_dispatch(call: Call, workflow: str) -> Any:
    (ref,) = call.needs("ref")
    call.repo.dispatched.append({"workflow": workflow, "by": call.token.login, **call.body})
    call.repo.run(
        workflow,
        "workflow_dispatch",
        call.token.login,
        head_branch=ref,
        head_sha=call.repo.tip(ref),
    )


@route("GET", "{repo}/codeowners/errors")
def _codeowners(call: Call) -> Any:
    return call.repo.settings.get("codeowners/errors", {"errors": []})


@route("GET", "{repo}/{path+}")
def _setting(call: Call, path: str) -> Any:
    """Settings pages are what a test says they are, and GitHub's own 404 where it says nothing."""
    if path in call.repo.settings:
        return call.repo.settings[path]
    raise Refused(404, "Branch not protected" if path.endswith("/protection") else "Not Found")
