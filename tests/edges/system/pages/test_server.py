"""Pages over HTTP: they are read, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlflow_gitops.edges.system.pages.server import page_app
from mlflow_gitops.errors import Failure


class Shelf:
    """Two pages."""

    def page(self, path: str) -> bytes | None:
        return {"index.html": b"<p>all", "models/churn.html": b"<p>churn"}.get(path)


class Broken:
    """Pages that cannot be made."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def page(self, path: str) -> bytes | None:
        raise self._error


def ask(app: Callable, path: str, method: str = "GET") -> tuple[str, dict[str, str], bytes]:
    answers: list[tuple[str, dict[str, str]]] = []
    body = app(
        {"PATH_INFO": path, "REQUEST_METHOD": method},
        lambda status, headers: answers.append((status, dict(headers))),
    )
    [(status, headers)] = answers
    return status, headers, b"".join(body)


@pytest.mark.parametrize(
    ("path", "page"),
    [("/", b"<p>all"), ("/index.html", b"<p>all"), ("/models/churn.html", b"<p>churn")],
)
def test_a_page_is_read(path: str, page: bytes) -> None:
    status, headers, body = ask(page_app(Shelf()), path)
    assert status == "200 OK" and body == page
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    assert ask(page_app(Shelf()), path, "HEAD")[2] == b""


@pytest.mark.parametrize("path", ["/models/../index.html", "/etc/passwd", "/models/", "//"])
def test_nothing_else_is_there(path: str) -> None:
    status, _, body = ask(page_app(Shelf()), path) if path != "//" else ask(page_app(None), path)
    assert status == "404 Not Found" and b"/metrics and /healthz" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_written(method: str) -> None:
    status, headers, _ = ask(page_app(Shelf()), "/", method)
    assert status == "405 Method Not Allowed" and headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("error", [Failure("git is gone."), ValueError("a fault of ours")])
def test_pages_that_cannot_be_made_are_an_answer(error: Exception) -> None:
    status, headers, body = ask(page_app(Broken(error)), "/")
    assert status == "503 Service Unavailable" and str(error).encode() in body
    assert headers["Content-Type"].startswith("text/plain")
