"""Whether the GitHub of the tests is checked by GitHub's own description, and by which.

It is if the environment names the folder of the descriptions; without, nothing is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tests.support.description.operations import Description, Exchange

FOLDER = "MLFLOW_GITOPS_GITHUB_DESCRIPTIONS"
"""The variable with the folder that has `api.github.com.json` and `ghes-*.json`."""
GRAPHQL = "MLFLOW_GITOPS_GITHUB_GRAPHQL"
"""The variable with the file of GitHub's public GraphQL schema."""
GITHUB = "api.github.com"
SERVER = "ghes-3.19"
"""GitHub Enterprise Server, of which requests are checked: the same are sent to it."""


@cache
def description(folder: str, name: str = GITHUB) -> Description:
    return Description((Path(folder) / f"{name}.json").read_text(encoding="utf-8"))


class ExchangeCheck:
    """The exchanges of one GitHub of the tests. Violations are kept until the test ends, since
    they are found by the server's threads."""

    def __init__(self) -> None:
        self.violations: dict[str, None] = {}
        self._folder = os.environ.get(FOLDER)

    def add(self, exchange: Exchange) -> None:
        """Check an exchange. An answer in bytes is a test's own, in GitHub's place."""
        if self._folder:
            self._keep(description(self._folder).violations(exchange))
            on_server = description(self._folder, SERVER).violations(exchange, answered=False)
            self._keep(f"{SERVER}: {violation}" for violation in on_server)

    def refuse(self, violation: str) -> None:
        """Note what GitHub would not answer."""
        if self._folder:
            self._keep([violation])

    def _keep(self, found: Iterable[str]) -> None:
        self.violations.update(dict.fromkeys(found))

    def finish(self) -> None:
        """Raise AssertionError if an exchange was not as described."""
        assert not self.violations, "not as GitHub describes it:\n" + "\n".join(self.violations)
