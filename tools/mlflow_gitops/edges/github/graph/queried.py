"""What the readers of this folder ask of the connection that uses them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from github import Github
    from github.Repository import Repository


class QueriedRepository(Protocol):
    """One repository on GitHub. The members are those of `GitHubConnection`, which imports the
    readers."""

    repository: str

    @property
    def client(self) -> Github: ...
    @property
    def repo(self) -> Repository: ...
    def request(self, purpose: str) -> AbstractContextManager[None]: ...
    def owns(self, repository: Any) -> bool: ...
