"""What git is asked once by each command: it stays as it is while a command runs."""

from __future__ import annotations

from pathlib import Path

from mlflow_gitops.edges.git.command import GitCommand


class RepositoryFacts(GitCommand):
    """Remembers the configuration and the paths of one repository."""

    def __init__(self, top: Path) -> None:
        super().__init__(top)
        self._facts: dict[tuple[str, ...], str] = {}

    def fact(self, *args: str) -> str:
        """Return what a git command prints about the repository's configuration or paths. git is
        asked once, until the next fetch. Raises GitFailure."""
        if args not in self._facts:
            self._facts[args] = self.output(*args)
        return self._facts[args]

    def forget_facts(self) -> None:
        """Ask git again: something else may have changed the repository meanwhile."""
        self._facts.clear()
