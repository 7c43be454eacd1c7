"""Pages that a process has in memory, as a WSGI application that only reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from mlflow_gitops.edges.system.unexpected import describe, is_unexpected
from mlflow_gitops.errors import Failure


class Pages(Protocol):
    """Finds a page by its path, `index.html` for the first one. It is called from several threads,
    and may raise Failure."""

    def page(self, path: str) -> bytes | None: ...


_Start = Callable[[str, list[tuple[str, str]]], Any]
_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
]
"""Each page has a content security policy of its own, which cannot set `frame-ancestors`."""
_TEXT = [("Content-Type", "text/plain; charset=utf-8"), *_HEADERS]


App = Callable[[Mapping[str, Any], _Start], Iterable[bytes]]
"""A WSGI application."""


def no_hook(environ: Mapping[str, Any], start: _Start) -> Iterable[bytes]:
    """The answer at `/hook` of a loop that has no secret to check deliveries with."""
    start("404 Not Found", _TEXT)
    return [b"Hooks are off: MLFLOW_GITOPS_WEBHOOK_SECRET is not set.\n"]


def page_app(pages: Pages | None) -> App:
    """The application that answers GET and HEAD with a page, and everything else with why not."""

    def answer(environ: Mapping[str, Any], start: _Start) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            start("405 Method Not Allowed", [("Allow", "GET, HEAD"), *_TEXT])
            return [b"These pages can only be read.\n"]
        path = environ["PATH_INFO"].lstrip("/") or "index.html"
        try:
            page = pages.page(path) if pages is not None else None
        except Exception as error:
            if not isinstance(error, Failure) and not is_unexpected(error):
                raise
            start("503 Service Unavailable", _TEXT)
            return [f"The pages cannot be made: {describe(error)}\n".encode()]

        if page is None:
            known = "/, /metrics and /healthz" if pages is not None else "/metrics and /healthz"
            start("404 Not Found", _TEXT)
            return [f"There are {known}.\n".encode()]
        start("200 OK", [("Content-Type", "text/html; charset=utf-8"), *_HEADERS])
        return [page] if environ["REQUEST_METHOD"] == "GET" else []

    return answer
