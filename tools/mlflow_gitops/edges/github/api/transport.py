"""How PyGithub's requests reach GitHub: redirects are followed as its documentation asks, and only
JSON counts as an answer.

By itself, PyGithub follows a 301 without its query, takes a 307 for the answer, and accepts the
HTML page of a proxy.
"""

from __future__ import annotations

import json
import re
from threading import Lock
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from github import Github
from github.Requester import (
    HTTPRequestsConnectionClass,
    HTTPSRequestsConnectionClass,
    Requester,
    RequestsResponse,
)

from mlflow_gitops.edges.system.http_answers import AnswerTooLarge, answers_up_to

API_VERSION = "2022-11-28"
"""The version of the REST API whose forms are read. Later ones drop fields."""
MAX_ANSWER = 16 << 20
"""The largest answer that is read, in bytes. A page of 100 entries takes a few hundred thousand."""
MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 307, 308)
_NO_CONTENT = (204, 205)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LIMITS = "x-ratelimit-"
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
# Quotes inside of a JSON string are escaped, so this matches no text.
_EMPTY_USER = re.compile(r'("(?:author|committer)"\s*:\s*)\{\s*\}')

_classes = Lock()


class UnusableAnswer(Exception):
    """What came back is no answer of GitHub's API. The text describes it."""


class OtherHost(Exception):
    """A redirect leads to another scheme or host, where the token is not sent."""


class _Answer:
    """A checked answer, with the interface that PyGithub uses."""

    def __init__(self, response: RequestsResponse, text: str) -> None:
        self.status = response.status
        self.headers = response.headers
        self._text = text

    def getheaders(self) -> list[tuple[str, str]]:
        """PyGithub reads the headers about rate limits as numbers, whatever they hold."""
        return [
            (name, value)
            for name, value in self.headers.items()
            if not name.lower().startswith(_LIMITS) or _NUMBER.fullmatch(value)
        ]

    def read(self) -> str:
        return self._text


class _CheckedConnection:
    """Mixed into PyGithub's two connection classes, which differ in their scheme."""

    protocol: str
    host: str
    port: int
    url: str
    headers: dict[str, str]

    def getresponse(self) -> Any:
        self.headers = {**self.headers, "X-GitHub-Api-Version": API_VERSION}
        for _ in range(MAX_REDIRECTS + 1):
            response = self._limited_response()
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or not location:
                return _Answer(response, _checked_text(response))
            self.url = self._redirected(location)
        raise UnusableAnswer(f"more than {MAX_REDIRECTS} redirects")

    def _limited_response(self) -> RequestsResponse:
        try:
            with answers_up_to(MAX_ANSWER):
                response: RequestsResponse = super().getresponse()  # type: ignore[misc]
        except AnswerTooLarge as error:
            raise UnusableAnswer(f"it {error}") from None
        return response

    def _redirected(self, location: str) -> str:
        """The path and query at which the same request, with its method and body, is repeated."""
        present = f"{self.protocol}://{self.host}:{self.port}{self.url}"
        target = urlsplit(urljoin(present, location))
        if _server(target) != _server(urlsplit(present)):
            raise OtherHost(target.hostname or location)
        query = target.query or urlsplit(self.url).query
        return f"{target.path}?{query}" if query else target.path


class _PlainConnection(_CheckedConnection, HTTPRequestsConnectionClass):
    pass


class _EncryptedConnection(_CheckedConnection, HTTPSRequestsConnectionClass):
    pass


def checked_client(**options: Any) -> Github:
    """Return a PyGithub client whose answers are checked. Its requests raise UnusableAnswer and
    OtherHost besides PyGithub's own exceptions."""
    # A client takes the connection classes when it is made. Other clients keep PyGithub's own.
    with _classes:
        Requester.injectConnectionClasses(_PlainConnection, _EncryptedConnection)
        try:
            return Github(**options)
        finally:
            Requester.resetConnectionClasses()


def _server(address: SplitResult) -> tuple[str, str | None, int | None]:
    return address.scheme, address.hostname, address.port or _DEFAULT_PORTS.get(address.scheme)


def _checked_text(response: RequestsResponse) -> str:
    """The JSON text of an answer. An error's text may be unusable: its status is enough."""
    text = response.read()
    if response.status >= 400:
        return text if _is_error(text) else ""
    if response.status >= 300:
        raise UnusableAnswer(f"status {response.status}")
    if response.status in _NO_CONTENT:
        return text
    if not text.strip():
        raise UnusableAnswer(f"status {response.status} with an empty body")
    try:
        content = json.loads(text)
    except ValueError:
        raise UnusableAnswer(f"status {response.status} with a body that is not JSON") from None
    if not isinstance(content, (dict, list)):
        raise UnusableAnswer(f"status {response.status} with a body that is no object or list")

    # GitHub's schema allows an empty object for a commit's author that has no account, like null.
    return _EMPTY_USER.sub(r"\1null", text)


def _is_error(text: str) -> bool:
    """Whether a text is an error as PyGithub can read it: an object with a message, if any."""
    try:
        content = json.loads(text)
    except ValueError:
        return False
    return isinstance(content, dict) and isinstance(content.get("message"), str)
