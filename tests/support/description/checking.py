"""Whether the GitHub of the tests is checked by GitHub's own description, and by which.

It is if the environment names the folder of the descriptions; without, nothing is loaded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.description.operations import Description, Exchange

FOLDER = "MLFLOW_GITOPS_GITHUB_DESCRIPTIONS"
"""The variable with the folder that has `api.github.com.json` and `ghes-*.json`."""
GRAPHQL = "MLFLOW_GITOPS_GITHUB_GRAPHQL"
"""The variable with the file of GitHub's public GraphQL schema."""
GITHUB = "api.github.com"
SERVER = "ghes-3.19"
"""GitHub Enterprise Server, of which requests are checked: the same are sent to it."""


_NUMBERS = re.compile(r"[0-9a-f]{7,}|[0-9]+")
_FORMS = {"word": r"[A-Za-z_-]{1,24}", "time": r"\d{4}-\d\d-\d\dT[\d:.]+Z", "uri": r"\w+://\S+"}
_described: set[str] = set()
"""The shapes of exchanges that were found to be as described: thousands are alike."""


def shape_of(value: Any) -> Any:
    """What of a value a description judges: its type, its fields, its form, and words, which may
    be those of an enumeration."""
    if isinstance(value, dict):
        return {name: shape_of(entry) for name, entry in sorted(value.items())}
    if isinstance(value, list):
        return sorted({repr(shape_of(entry)) for entry in value})
    if not isinstance(value, str):
        return value if value is None else type(value).__name__
    form = next((form for form, text in _FORMS.items() if re.fullmatch(text, value)), "text")
    return value if form == "word" else form


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
        if not self._folder:
            return
        target = _NUMBERS.sub("0", exchange.target)
        shapes = shape_of(exchange.body), exchange.status, shape_of(exchange.answer)
        key = repr((exchange.method, target, shapes))
        if key in _described:
            return

        found = [
            *description(self._folder).violations(exchange),
            *(
                f"{SERVER}: {violation}"
                for violation in description(self._folder, SERVER).violations(
                    exchange, answered=False
                )
            ),
        ]
        self._keep(found)
        if not found:
            _described.add(key)

    def refuse(self, violation: str) -> None:
        """Note what GitHub would not answer."""
        if self._folder:
            self._keep([violation])

    def _keep(self, found: Iterable[str]) -> None:
        self.violations.update(dict.fromkeys(found))

    def finish(self) -> None:
        """Raise AssertionError if an exchange was not as described."""
        assert not self.violations, "not as GitHub describes it:\n" + "\n".join(self.violations)
