"""GitHub's REST API for the tests: a real HTTP server over a bare git repository, with state, pages
and GitHub's own errors.

It knows the endpoints that this project and its workflows use, and answers 404 to all others. Tests
drive it through the `Repository` in `github_state` (people push, review and merge) and through
`fail`, `limit` and `requests` here; the program under test sees a port. The forms are those of the
REST API, version 2022-11-28.
"""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any

from tests.support.description.checking import ExchangeCheck
from tests.support.github import rest  # noqa: F401  each endpoint puts itself into ROUTES
from tests.support.github.handler import Handler
from tests.support.github.permissions import Permissions, is_allowed
from tests.support.github.wire import ROUTES, Call, Page, Token
from tests.support.github_state import Refused, Repository

DOCS = "https://docs.github.com/rest"
REQUESTS_OF_A_JOB, REQUESTS_OF_OTHERS = 1_000, 5_000
"""Requests an hour: of a workflow's own tokens, all jobs of a repository together; of a person or
an App. GraphQL has as many of its own."""
_JOB = "github-actions[bot]"


@dataclass
class Fault:
    pattern: str
    status: int
    message: str
    times: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


class GitHubAPI:
    """The server. `repository` is its state; `requests` is what it was asked, as (method, path)."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.tokens: dict[str, Token] = {
            "actions-token": Token("github-actions[bot]", installation=True)
        }
        self.requests: list[tuple[str, str]] = []
        self.versions: set[str | None] = set()
        """The API versions that requests named; None if one named none."""
        self.remaining: int | None = None
        """The requests that are left, whosever they are; None if each has its own limit."""
        self.spent: Counter[tuple[str, str]] = Counter()
        """The requests of this hour, by the token's login and `core` or `graphql`."""
        self.resets = int(time.time()) + 3600
        self.largest_tree = 100_000
        self.largest_search = 1_000
        """Workflow runs that one search finds."""
        self.ignored_filters: set[str] = set()
        """Parameters of lists that have no effect."""
        self.check = ExchangeCheck()
        self.alter: Callable[[str, str, int, Any], Any] | None = None
        """What makes another answer of one: of method, path and query, status and JSON."""
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        handler = type("Served", (Handler,), {"api": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = repository.api_url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[GitHubAPI]:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
        self.check.finish()

    def environment(self, token: str = "actions-token") -> dict[str, str]:
        """GitHub's own variables, as they lead here."""
        return {
            "GITHUB_TOKEN": token,
            "GITHUB_API_URL": self.url,
            "GITHUB_REPOSITORY": self.repository.full_name,
            "GITHUB_SERVER_URL": "https://github.test",
        }

    def token(
        self,
        login: str,
        *,
        installation: bool = False,
        deny: tuple[tuple[str, str], ...] = (),
        blind: bool = False,
        permissions: Permissions | None = None,
    ) -> str:
        """A new token of a user or an app."""
        text = f"secret-{len(self.tokens)}-of-{login}"
        self.tokens[text] = Token(login, installation, deny, blind, permissions)
        return text

    def fail(
        self,
        pattern: str,
        status: int,
        message: str = "Server Error",
        times: int = 1,
        **headers: str,
    ) -> None:
        """Answer the next requests whose `METHOD path` matches with an error. Status 0 breaks the
        connection."""
        self._faults.append(Fault(pattern, status, message, times, headers))

    def send(
        self, pattern: str, body: str, status: int = 200, times: int = 1, **headers: str
    ) -> None:
        """Answer the next requests whose `METHOD path` matches with this text, JSON or not."""
        self._faults.append(Fault(pattern, status, "", times, headers, body.encode()))

    def repair(self) -> None:
        """Answer as usual again, whatever `fail` and `send` asked for."""
        self._faults.clear()

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
        parsed = urllib.parse.urlsplit(self._by_name(target))
        query = dict(urllib.parse.parse_qsl(parsed.query))
        query = {key: value for key, value in query.items() if key not in self.ignored_filters}
        path = urllib.parse.unquote(parsed.path)
        with self._lock:
            self.requests.append((method, target))
            try:
                self._break(method, target)
                self._redirect(method, target)
                user = self.tokens.get(token or "")
                headers = self._spend(user, path)
                if user is None:
                    raise Refused(401, "Bad credentials" if token else "Requires authentication")
                call = Call(self, user, method, path, query, body)
                for verb, pattern, route in ROUTES:
                    if verb == method and (found := pattern.fullmatch(path)):
                        self._check(call, found.groupdict())
                        self.repository.look()
                        parts = {
                            k: v for k, v in found.groupdict().items() if k not in ("owner", "name")
                        }
                        status, result = _status(method, route(call, **parts))
                        return self._paged(parsed, query, status, result, headers)
                raise Refused(404, "Not Found")
            except _Answered as done:
                return (
                    done.status,
                    done.headers,
                    {"message": done.message, "documentation_url": DOCS}
                    if done.body is None
                    else done.body,
                )
            except Refused as refused:
                answer: dict[str, Any] = {
                    "message": refused.message,
                    "documentation_url": DOCS,
                }
                if refused.status != 422:
                    answer["status"] = str(refused.status)
                if refused.errors:
                    answer["errors"] = list(refused.errors)
                return refused.status, {}, answer

    def _by_name(self, target: str) -> str:
        """GitHub redirects former names to addresses with the repository's id."""
        return re.sub(r"^/repositories/1(?=[/?]|$)", f"/repos/{self.repository.full_name}", target)

    def _redirect(self, method: str, target: str) -> None:
        path, _, query = target.partition("?")
        found = re.match(r"/repos/([^/]+/[^/]+)(.*)", path)
        if found is None or found[1].lower() not in self.repository.former_names:
            return
        location = f"{self.url}/repositories/1{found[2]}" + (f"?{query}" if query else "")
        status = 301 if method == "GET" else 307
        raise _Answered(status, "Moved Permanently", {"Location": location})

    def _break(self, method: str, target: str) -> None:
        for fault in self._faults:
            if fault.times > 0 and re.search(fault.pattern, f"{method} {target}"):
                fault.times -= 1
                if fault.status == 0:
                    raise ConnectionResetError
                headers = {key.replace("_", "-"): value for key, value in fault.headers.items()}
                raise _Answered(fault.status, fault.message, headers, fault.body)

    def _spend(self, user: Token | None, path: str) -> dict[str, str]:
        login = user.login if user is not None else ""
        resource = "graphql" if path == "/graphql" else "core"
        limit = REQUESTS_OF_A_JOB if login == _JOB else REQUESTS_OF_OTHERS
        left = limit - self.spent[login, resource] if self.remaining is None else self.remaining
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, left - 1)),
            "X-RateLimit-Reset": str(self.resets),
        }
        if left <= 0:
            self._refuse_spent(resource, headers)
        self.spent[login, resource] += 1
        if self.remaining is not None:
            self.remaining -= 1
        return headers

    def _refuse_spent(self, resource: str, headers: dict[str, str]) -> None:
        """GraphQL reports a limit that is used up in an answer with status 200."""
        message = "API rate limit exceeded for installation ID 1."
        error = {"errors": [{"type": "RATE_LIMITED", "message": message}]}
        if resource == "graphql":
            raise _Answered(200, message, headers, json.dumps(error).encode())
        raise _Answered(403, message, headers)

    def _check(self, call: Call, parts: dict[str, str]) -> None:
        if "owner" not in parts:
            return
        full = f"{parts['owner']}/{parts['name']}"
        if full.lower() != self.repository.full_name.lower() or call.token.blind:
            raise Refused(404, "Not Found")
        below = call.path.removeprefix(f"/repos/{full}")
        if any(
            call.method == verb and re.search(pattern, below) for verb, pattern in call.token.denied
        ):
            raise Refused(403, "Resource not accessible by integration")
        permissions = call.token.permissions
        if permissions is not None and not is_allowed(permissions, call.method, below):
            raise Refused(403, "Resource not accessible by integration")

    def _paged(
        self,
        parsed: urllib.parse.SplitResult,
        query: dict[str, str],
        status: int,
        result: Any,
        headers: dict[str, str],
    ) -> tuple[int, dict[str, str], Any]:
        if not isinstance(result, Page):
            return status, headers, result
        size = max(1, min(int(query.get("per_page", 30)), 100))
        page = max(1, int(query.get("page", 1)))
        pages = max(1, -(-len(result.items) // size))
        part = result.items[(page - 1) * size : page * size]
        links = []
        for rel, number in (("prev", page - 1), ("next", page + 1), ("last", pages), ("first", 1)):
            is_linked = rel in ("next", "last") if page < pages else rel in ("prev", "first")
            if is_linked and 1 <= number <= pages:
                query_text = urllib.parse.urlencode({**query, "page": number})
                links.append(f'<{self.url}{parsed.path}?{query_text}>; rel="{rel}"')
        if links:
            headers["Link"] = ", ".join(links)
        return (
            status,
            headers,
            {**result.others, "total_count": len(result.items), result.key: part}
            if result.key
            else part,
        )


class _Answered(Exception):
    def __init__(
        self, status: int, message: str, headers: dict[str, str], body: bytes | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.headers, self.body = status, message, headers, body


def _status(method: str, result: Any) -> tuple[int, Any]:
    if isinstance(result, tuple):
        return result
    if result is None:
        return 204, None
    return (201 if method == "POST" else 200), result
