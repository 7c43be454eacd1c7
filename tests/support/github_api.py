"""GitHub's REST API for the tests: a real HTTP server over a bare git repository, with state, pages and GitHub's own errors.

It knows the endpoints that this project and its workflows use, and answers 404 to all others. Tests drive it through the
`Repository` in `github_state` (people push, review and merge) and through `fail`, `limit` and `requests` here; whoever is under
test sees a port. The forms are those of the REST API, version 2022-11-28.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.github_state import Comment, Issue, Pull, Refused, Repository, Review, Run, User

DOCS = "https://docs.github.com/rest"
_Route = Callable[..., Any]
_ROUTES: list[tuple[str, re.Pattern[str], _Route]] = []


@dataclass(frozen=True)
class Token:
    """Who a token is, and what it may do. An installation's token (an app's, or a workflow's) has no user of its own.

    `denied` are pairs of method and pattern of the path below the repository.
    """

    login: str
    installation: bool = False
    denied: tuple[tuple[str, str], ...] = ()
    blind: bool = False
    """It may not even see the repository."""


@dataclass
class Page:
    """A list that GitHub gives in pages. `key` is the field it stands in, where it is not the whole answer."""

    items: list[Any]
    key: str | None = None


@dataclass
class Call:
    """One request, as an endpoint sees it."""

    api: GitHubAPI
    token: Token
    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]

    @property
    def repo(self) -> Repository:
        return self.api.repository

    def needs(self, *fields: str) -> list[Any]:
        missing = [name for name in fields if not self.body.get(name)]
        if missing:
            errors = [{"resource": "Request", "field": name, "code": "missing_field"} for name in missing]
            raise Refused(422, "Validation Failed", *errors)
        return [self.body[name] for name in fields]


@dataclass
class Fault:
    pattern: str
    status: int
    message: str
    times: int
    headers: dict[str, str] = field(default_factory=dict)


class GitHubAPI:
    """The server. `repository` is its state; `requests` is what it was asked, as (method, path)."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.tokens: dict[str, Token] = {"actions-token": Token("github-actions[bot]", installation=True)}
        self.requests: list[tuple[str, str]] = []
        self.remaining: int | None = None
        self.resets = int(time.time()) + 3600
        self.largest_tree = 100_000
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[GitHubAPI]:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def environment(self, token: str = "actions-token") -> dict[str, str]:
        """GitHub's own variables, as they lead here."""
        return {
            "GITHUB_TOKEN": token,
            "GITHUB_API_URL": self.url,
            "GITHUB_REPOSITORY": self.repository.full_name,
            "GITHUB_SERVER_URL": "https://github.test",
        }

    def token(
        self, login: str, *, installation: bool = False, deny: tuple[tuple[str, str], ...] = (), blind: bool = False
    ) -> str:
        """A new token of a user or an app."""
        text = f"secret-{len(self.tokens)}-of-{login}"
        self.tokens[text] = Token(login, installation, deny, blind)
        return text

    def fail(self, pattern: str, status: int, message: str = "Server Error", times: int = 1, **headers: str) -> None:
        """Answer the next requests whose `METHOD path` matches with an error. Status 0 breaks the connection."""
        self._faults.append(Fault(pattern, status, message, times, headers))

    def limit(self, remaining: int) -> None:
        """Let so many more requests through before the rate limit is used up."""
        self.remaining = remaining

    def asked(self, pattern: str) -> int:
        """How many requests matched."""
        return sum(1 for method, path in self.requests if re.search(pattern, f"{method} {path}"))

    def answer(
        self, method: str, target: str, token: str | None, body: dict[str, Any]
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of one answer."""
        parsed = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(parsed.query))
        path = urllib.parse.unquote(parsed.path)
        with self._lock:
            self.requests.append((method, target))
            try:
                self._break(method, target)
                headers = self._spend()
                known = self.tokens.get(token or "")
                if known is None:
                    raise Refused(401, "Bad credentials" if token else "Requires authentication")
                call = Call(self, known, method, path, query, body)
                for verb, pattern, route in _ROUTES:
                    if verb == method and (found := pattern.fullmatch(path)):
                        self._check(call, found.groupdict())
                        self.repository.look()
                        parts = {k: v for k, v in found.groupdict().items() if k not in ("owner", "name")}
                        status, result = _status(method, route(call, **parts))
                        return self._paged(parsed, query, status, result, headers)
                raise Refused(404, "Not Found")
            except _Answered as done:
                return done.status, done.headers, {"message": done.message, "documentation_url": DOCS}
            except Refused as refused:
                said: dict[str, Any] = {
                    "message": refused.message,
                    "documentation_url": DOCS,
                    "status": str(refused.status),
                }
                if refused.errors:
                    said["errors"] = list(refused.errors)
                return refused.status, {}, said

    def _break(self, method: str, target: str) -> None:
        for fault in self._faults:
            if fault.times > 0 and re.search(fault.pattern, f"{method} {target}"):
                fault.times -= 1
                if fault.status == 0:
                    raise ConnectionResetError
                headers = {key.replace("_", "-"): value for key, value in fault.headers.items()}
                raise _Answered(fault.status, fault.message, headers)

    def _spend(self) -> dict[str, str]:
        headers = {"X-RateLimit-Limit": "5000", "X-RateLimit-Reset": str(self.resets)}
        if self.remaining is None:
            return headers | {"X-RateLimit-Remaining": "4999"}
        if self.remaining <= 0:
            headers["X-RateLimit-Remaining"] = "0"
            raise _Answered(403, "API rate limit exceeded for installation ID 1.", headers)
        self.remaining -= 1
        return headers | {"X-RateLimit-Remaining": str(self.remaining)}

    def _check(self, call: Call, parts: dict[str, str]) -> None:
        if "owner" not in parts:
            return
        full = f"{parts['owner']}/{parts['name']}"
        if full.lower() != self.repository.full_name.lower() or call.token.blind:
            raise Refused(404, "Not Found")
        below = call.path.removeprefix(f"/repos/{full}")
        if any(call.method == verb and re.search(pattern, below) for verb, pattern in call.token.denied):
            raise Refused(403, "Resource not accessible by integration")

    def _paged(
        self, parsed: urllib.parse.SplitResult, query: dict[str, str], status: int, result: Any, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], Any]:
        if not isinstance(result, Page):
            return status, headers, result
        size = max(1, min(int(query.get("per_page", 30)), 100))
        page = max(1, int(query.get("page", 1)))
        pages = max(1, -(-len(result.items) // size))
        part = result.items[(page - 1) * size : page * size]
        links = []
        for rel, number in (("prev", page - 1), ("next", page + 1), ("last", pages), ("first", 1)):
            there = rel in ("next", "last") if page < pages else rel in ("prev", "first")
            if there and 1 <= number <= pages:
                where = urllib.parse.urlencode({**query, "page": number})
                links.append(f'<{self.url}{parsed.path}?{where}>; rel="{rel}"')
        if links:
            headers["Link"] = ", ".join(links)
        return status, headers, {"total_count": len(result.items), result.key: part} if result.key else part


class _Answered(Exception):
    def __init__(self, status: int, message: str, headers: dict[str, str]) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


class _Handler(BaseHTTPRequestHandler):
    api: GitHubAPI
    protocol_version = "HTTP/1.1"

    def _do(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = (self.headers.get("Authorization") or "").partition(" ")[2].strip() or None
        try:
            status, headers, content = self.api.answer(self.command, self.path, token, json.loads(raw or b"{}") or {})
        except ConnectionResetError:
            self.close_connection = True
            return
        data = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json; charset=utf-8", **headers}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _do

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _status(method: str, result: Any) -> tuple[int, Any]:
    if isinstance(result, tuple):
        return result
    if result is None:
        return 204, None
    return (201 if method == "POST" else 200), result


def _route(verb: str, path: str) -> Callable[[_Route], _Route]:
    repo = "/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)"
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path.replace("{repo}", repo).replace("{path+}", "(?P<path>.+)"))

    def keep(route: _Route) -> _Route:
        _ROUTES.append((verb, re.compile(pattern), route))
        return route

    return keep


# -- the forms of GitHub's answers ------------------------------------------------------------------------------------


def _user(repo: Repository, login: str | None) -> dict[str, Any] | None:
    if login is None:
        return None
    user = repo.users.get(login.lower()) or User(login, "User", 0)
    return {"login": user.login, "id": user.id, "type": user.kind, "site_admin": False, "url": f"/users/{user.login}"}


def _url(call: Call, path: str) -> str:
    return f"{call.api.url}/repos/{call.repo.full_name}{path}"


def _html(call: Call, path: str) -> str:
    return f"https://github.test/{call.repo.full_name}{path}"


def _repository(call: Call, owner: str | None = None) -> dict[str, Any]:
    repo = call.repo
    full = f"{owner or repo.owner}/{repo.name}"
    return {
        "id": 1, "name": repo.name, "full_name": full, "private": False, "fork": owner is not None,
        "owner": _user(repo, owner or repo.owner), "default_branch": repo.branch, "url": f"{call.api.url}/repos/{full}",
        "html_url": f"https://github.test/{full}",
    }  # fmt: skip


def _issue(call: Call, issue: Issue) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": issue.number, "number": issue.number, "title": issue.title, "body": issue.body, "state": issue.state,
        "user": _user(call.repo, issue.user), "comments": len(issue.comments), "created_at": issue.at, "updated_at": issue.at,
        "closed_at": issue.closed_at, "labels": [{"name": one} for one in issue.labels],
        "url": _url(call, f"/issues/{issue.number}"), "html_url": _html(call, f"/issues/{issue.number}"),
    }  # fmt: skip
    if isinstance(issue, Pull):
        told["pull_request"] = {"url": _url(call, f"/pulls/{issue.number}")}
    return told


def _comment(call: Call, number: int, one: Comment) -> dict[str, Any]:
    return {
        "id": one.id, "body": one.body, "user": _user(call.repo, one.user), "created_at": one.at, "updated_at": one.updated,
        "url": _url(call, f"/issues/comments/{one.id}"), "html_url": _html(call, f"/issues/{number}#issuecomment-{one.id}"),
    }  # fmt: skip


def _pull(call: Call, pull: Pull, *, whole: bool = False) -> dict[str, Any]:
    repo = call.repo
    head_owner = pull.fork or repo.owner
    told = {
        "id": pull.number, "number": pull.number, "title": pull.title, "body": pull.body, "state": pull.state, "draft": False,
        "user": _user(repo, pull.user), "created_at": pull.at, "updated_at": pull.at, "closed_at": pull.closed_at,
        "merged_at": pull.merged_at, "merge_commit_sha": pull.merge_commit,
        "url": _url(call, f"/pulls/{pull.number}"), "html_url": _html(call, f"/pull/{pull.number}"),
        "issue_url": _url(call, f"/issues/{pull.number}"), "commits_url": _url(call, f"/pulls/{pull.number}/commits"),
        "head": {
            "ref": pull.head_ref, "sha": pull.head, "label": f"{head_owner}:{pull.head_ref}",
            "user": _user(repo, head_owner), "repo": _repository(call, pull.fork),
        },
        "base": {
            "ref": pull.base_ref, "sha": repo.tip(f"refs/heads/{pull.base_ref}"), "label": f"{repo.owner}:{pull.base_ref}",
            "user": _user(repo, repo.owner), "repo": _repository(call),
        },
    }  # fmt: skip
    if whole:
        told |= {
            "merged": pull.merged_at is not None, "merged_by": _user(repo, pull.merged_by), "commits": len(pull.commits),
            "comments": len(pull.comments), "mergeable": True if pull.state == "open" else None,
        }  # fmt: skip
    return told


def _review(call: Call, pull: Pull, one: Review) -> dict[str, Any]:
    return {
        "id": one.id, "user": _user(call.repo, one.user), "body": one.body, "state": one.state, "commit_id": one.commit,
        "submitted_at": one.at, "author_association": "NONE", "html_url": _html(call, f"/pull/{pull.number}"),
        "pull_request_url": _url(call, f"/pulls/{pull.number}"),
    }  # fmt: skip


def _commit(call: Call, sha: str) -> dict[str, Any]:
    repo = call.repo
    form = "%H%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%P%x00%T%x00%B"
    parts = repo.git("show", "-s", f"--format={form}", sha).split("\0")
    full, author, author_mail, authored, committer, committer_mail, committed, parents, tree, message = parts
    people = [repo.by_mail(mail) for mail in (author_mail, committer_mail)]
    return {
        "sha": full, "url": _url(call, f"/commits/{full}"), "html_url": _html(call, f"/commit/{full}"),
        "commit": {
            "message": message.strip(), "tree": {"sha": tree}, "verification": {"verified": False, "reason": "unsigned"},
            "author": {"name": author, "email": author_mail, "date": authored},
            "committer": {"name": committer, "email": committer_mail, "date": committed},
        },
        "author": _user(repo, people[0].login if people[0] else None),
        "committer": _user(repo, people[1].login if people[1] else None),
        "parents": [{"sha": parent} for parent in parents.split()],
    }  # fmt: skip


def _run(call: Call, run: Run, attempt: int | None = None) -> dict[str, Any]:
    number = attempt or len(run.triggering_actors)
    return {
        "id": run.id, "name": run.name, "event": run.event, "status": run.status, "conclusion": run.conclusion,
        "head_sha": run.head_sha, "head_branch": run.head_branch, "run_attempt": number, "run_number": run.id,
        "actor": _user(call.repo, run.actor), "triggering_actor": _user(call.repo, run.triggering_actors[number - 1]),
        "created_at": run.created, "run_started_at": run.created, "updated_at": run.updated, "pull_requests": [],
        "url": _url(call, f"/actions/runs/{run.id}"), "html_url": _html(call, f"/actions/runs/{run.id}"),
    }  # fmt: skip


# -- the endpoints ----------------------------------------------------------------------------------------------------


@_route("GET", "/user")
def _me(call: Call) -> Any:
    if call.token.installation:
        raise Refused(403, "Resource not accessible by integration")
    return _user(call.repo, call.token.login)


@_route("POST", "/graphql")
def _graphql(call: Call) -> Any:
    if re.search(r"viewer\s*\{\s*login\s*\}", str(call.body.get("query"))):
        return 200, {"data": {"viewer": {"login": call.token.login}}}
    return 200, {"errors": [{"message": "this server answers one query alone"}]}


@_route("GET", "/users/{login}")
def _one_user(call: Call, login: str) -> Any:
    user = call.repo.users.get(login.lower())
    if user is None:
        raise Refused(404, "Not Found")
    return {**(_user(call.repo, login) or {}), "email": user.email, "name": None}


@_route("GET", "{repo}")
def _get_repository(call: Call) -> Any:
    return _repository(call)


@_route("GET", "{repo}/collaborators/{login}/permission")
def _permission(call: Call, login: str) -> Any:
    legacy, role = call.repo.permission(login)
    return {"permission": legacy, "role_name": role, "user": _user(call.repo, login)}


@_route("GET", "{repo}/contents/{path+}")
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
    return {"type": "file", "encoding": "base64", "size": len(data), "name": path.rsplit("/", 1)[-1], "path": path, "sha": sha,
            "content": encoded, "url": _url(call, f"/contents/{path}?ref={ref}")}  # fmt: skip


@_route("GET", "{repo}/git/trees/{sha}")
def _tree(call: Call, sha: str) -> Any:
    if not call.repo.tip(f"{sha}^{{tree}}"):
        raise Refused(404, "Not Found")
    listed = call.repo.git("ls-tree", "-z", *(["-r", "-t"] if call.query.get("recursive") else []), sha).split("\0")
    found = [(*head.split(), path) for head, _, path in (line.partition("\t") for line in listed if line)]
    tree = [{"mode": mode, "type": kind, "sha": blob, "path": path} for mode, kind, blob, path in found]
    size = call.api.largest_tree
    return {"sha": sha, "tree": tree[:size], "truncated": len(tree) > size}


@_route("GET", "{repo}/git/blobs/{sha}")
def _blob(call: Call, sha: str) -> Any:
    if call.repo.git("cat-file", "-t", sha, check=False) != "blob":
        raise Refused(404, "Not Found")
    data = call.repo.blob(sha)
    return {"sha": sha, "size": len(data), "encoding": "base64", "content": base64.b64encode(data).decode()}


@_route("GET", "{repo}/branches/{branch}")
def _branch(call: Call, branch: str) -> Any:
    tip = call.repo.tip(f"refs/heads/{branch}")
    if not tip:
        raise Refused(404, "Branch not found")
    protected = f"branches/{branch}/protection" in call.repo.settings
    return {"name": branch, "commit": _commit(call, tip), "protected": protected}


@_route("GET", "{repo}/pulls")
def _pulls(call: Call) -> Any:
    state, head, base = (call.query.get(key) for key in ("state", "head", "base"))
    found = [p for p in call.repo.pulls() if (state or "open") in ("all", p.state)]
    found = [
        p for p in found if head in (None, f"{p.fork or call.repo.owner}:{p.head_ref}") and base in (None, p.base_ref)
    ]
    newest = call.query.get("direction", "asc" if call.query.get("sort", "created") != "created" else "desc") == "desc"
    return Page([_pull(call, p) for p in sorted(found, key=lambda p: p.number, reverse=newest)])


@_route("POST", "{repo}/pulls")
def _create_pull(call: Call) -> Any:
    head, base, title = call.needs("head", "base", "title")
    owner, _, branch = str(head).rpartition(":")
    fork = owner if owner and owner != call.repo.owner else None
    made = call.repo.open_pull(
        branch, title, user=call.token.login, base=base, body=call.body.get("body") or "", fork=fork
    )
    return _pull(call, made, whole=True)


@_route("GET", "{repo}/pulls/{number}")
def _get_pull(call: Call, number: str) -> Any:
    return _pull(call, call.repo.pull(int(number)), whole=True)


@_route("PATCH", "{repo}/pulls/{number}")
def _edit_pull(call: Call, number: str) -> Any:
    pull = call.repo.pull(int(number))
    _edit(call, pull)
    return _pull(call, pull, whole=True)


@_route("GET", "{repo}/pulls/{number}/commits")
def _pull_commits(call: Call, number: str) -> Any:
    return Page([_commit(call, sha) for sha in call.repo.pull(int(number)).commits[:250]])


@_route("GET", "{repo}/pulls/{number}/reviews")
def _reviews(call: Call, number: str) -> Any:
    pull = call.repo.pull(int(number))
    return Page([_review(call, pull, one) for one in pull.reviews])


@_route("POST", "{repo}/pulls/{number}/reviews")
def _create_review(call: Call, number: str) -> Any:
    states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
    state = states.get(str(call.body.get("event")), "PENDING")
    pull = call.repo.pull(int(number))
    return 200, _review(call, pull, call.repo.review(int(number), call.token.login, state, call.body.get("commit_id")))


@_route("PUT", "{repo}/pulls/{number}/reviews/{review}/dismissals")
def _dismiss(call: Call, number: str, review: str) -> Any:
    return _review(call, call.repo.pull(int(number)), call.repo.dismiss(int(number), int(review)))


@_route("PUT", "{repo}/pulls/{number}/merge")
def _merge(call: Call, number: str) -> Any:
    sha = call.repo.merge(int(number), call.body.get("merge_method", "merge"), call.token.login)
    return {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}


@_route("GET", "{repo}/commits/{sha}")
def _get_commit(call: Call, sha: str) -> Any:
    return _commit(call, _known(call, sha))


@_route("GET", "{repo}/commits/{sha}/pulls")
def _commit_pulls(call: Call, sha: str) -> Any:
    full = _known(call, sha)
    on_main = full in call.repo.git("rev-list", call.repo.branch).split()
    merged = [call.repo.pull(n) for n in call.repo.associated.get(full, [])]
    holding = [p for p in call.repo.pulls() if full in p.commits and p not in merged and (p.merged_at or not on_main)]
    return Page([_pull(call, pull) for pull in (*merged, *holding)])


def _known(call: Call, sha: str) -> str:
    full = call.repo.tip(f"{sha}^{{commit}}")
    if not full:
        raise Refused(422, f"No commit found for SHA: {sha}")
    return full


@_route("POST", "{repo}/statuses/{sha}")
def _set_status(call: Call, sha: str) -> Any:
    (state,) = call.needs("state")
    full = _known(call, sha)
    description = call.body.get("description") or ""
    if state not in ("error", "failure", "pending", "success") or len(description) > 140:
        raise Refused(422, "Validation Failed", {"resource": "Status", "field": "state", "code": "invalid"})
    one = {"id": len(call.repo.statuses) + 1, "state": state, "context": call.body.get("context", "default"),
           "description": description, "target_url": call.body.get("target_url"), "created_at": call.repo.now(),
           "creator": _user(call.repo, call.token.login)}  # fmt: skip
    call.repo.statuses.setdefault(full, []).append(one)
    return one


@_route("GET", "{repo}/commits/{sha}/statuses")
def _statuses(call: Call, sha: str) -> Any:
    return Page(list(reversed(call.repo.statuses.get(_known(call, sha), []))))


@_route("GET", "{repo}/issues")
def _issues(call: Call) -> Any:
    state, creator = call.query.get("state", "open"), call.query.get("creator")
    labels = [one for one in call.query.get("labels", "").split(",") if one]
    found = [one for one in call.repo.issues.values() if state in ("all", one.state)]
    found = [one for one in found if creator in (None, one.user) and set(labels) <= set(one.labels)]
    newest = call.query.get("direction", "desc") == "desc"
    return Page([_issue(call, one) for one in sorted(found, key=lambda one: one.number, reverse=newest)])


@_route("POST", "{repo}/issues")
def _create_issue(call: Call) -> Any:
    (title,) = call.needs("title")
    made = call.repo.open_issue(title, call.body.get("body") or "", call.token.login)
    made.labels = list(call.body.get("labels") or [])
    return _issue(call, made)


@_route("GET", "{repo}/issues/{number}")
def _get_issue(call: Call, number: str) -> Any:
    return _issue(call, _the_issue(call, number))


@_route("PATCH", "{repo}/issues/{number}")
def _edit_issue(call: Call, number: str) -> Any:
    issue = _the_issue(call, number)
    _edit(call, issue)
    return _issue(call, issue)


def _the_issue(call: Call, number: str) -> Issue:
    found = call.repo.issues.get(int(number))
    if found is None:
        raise Refused(404, "Not Found")
    return found


def _edit(call: Call, issue: Issue) -> None:
    issue.title = call.body.get("title", issue.title)
    issue.body = call.body.get("body", issue.body)
    if call.body.get("state") == "closed" and issue.state == "open":
        call.repo.close(issue.number)
    elif call.body.get("state") == "open":
        issue.state, issue.closed_at = "open", None


@_route("GET", "{repo}/issues/{number}/comments")
def _comments(call: Call, number: str) -> Any:
    return Page([_comment(call, int(number), one) for one in _the_issue(call, number).comments])


@_route("POST", "{repo}/issues/{number}/comments")
def _create_comment(call: Call, number: str) -> Any:
    _the_issue(call, number)
    (body,) = call.needs("body")
    return _comment(call, int(number), call.repo.comment(int(number), call.token.login, body))


@_route("PATCH", "{repo}/issues/comments/{comment}")
def _edit_comment(call: Call, comment: str) -> Any:
    issue, found = _the_comment(call, comment)
    (found.body,) = call.needs("body")
    found.updated = call.repo.now()
    return _comment(call, issue.number, found)


@_route("DELETE", "{repo}/issues/comments/{comment}")
def _delete_comment(call: Call, comment: str) -> Any:
    issue, found = _the_comment(call, comment)
    issue.comments.remove(found)


def _the_comment(call: Call, number: str) -> tuple[Issue, Comment]:
    for issue in call.repo.issues.values():
        for one in issue.comments:
            if one.id == int(number):
                return issue, one
    raise Refused(404, "Not Found")


@_route("GET", "{repo}/actions/runs")
def _runs(call: Call) -> Any:
    event, head = call.query.get("event"), call.query.get("head_sha")
    begin, _, end = call.query.get("created", "..").partition("..")
    found = [run for run in call.repo.runs if event in (None, run.event) and head in (None, run.head_sha)]
    found = [run for run in found if (begin or "0") <= run.created <= (end or "9")]
    return Page([_run(call, run) for run in reversed(found)], "workflow_runs")


@_route("GET", "{repo}/actions/runs/{run}")
def _get_run(call: Call, run: str) -> Any:
    return _run(call, _the_run(call, run))


@_route("GET", "{repo}/actions/runs/{run}/attempts/{attempt}")
def _attempt(call: Call, run: str, attempt: str) -> Any:
    return _run(call, _the_run(call, run), int(attempt))


def _the_run(call: Call, number: str) -> Run:
    for run in call.repo.runs:
        if run.id == int(number):
            return run
    raise Refused(404, "Not Found")


@_route("POST", "{repo}/dispatches")
def _repository_dispatch(call: Call) -> Any:
    (event,) = call.needs("event_type")
    call.repo.dispatched.append({"event_type": event, "by": call.token.login, **call.body})


@_route("POST", "{repo}/actions/workflows/{workflow}/dispatches")
def _workflow_dispatch(call: Call, workflow: str) -> Any:
    (ref,) = call.needs("ref")
    call.repo.dispatched.append({"workflow": workflow, "by": call.token.login, **call.body})
    call.repo.run(workflow, "workflow_dispatch", call.token.login, head_branch=ref, head_sha=call.repo.tip(ref))


@_route("GET", "{repo}/codeowners/errors")
def _codeowners(call: Call) -> Any:
    return call.repo.settings.get("codeowners/errors", {"errors": []})


@_route("GET", "{repo}/{path+}")
def _setting(call: Call, path: str) -> Any:
    """Settings pages are what a test says they are, and GitHub's own 404 where it says nothing."""
    if path in call.repo.settings:
        return call.repo.settings[path]
    raise Refused(404, "Branch not protected" if path.endswith("/protection") else "Not Found")
