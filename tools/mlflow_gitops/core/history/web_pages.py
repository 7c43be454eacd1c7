"""Where a forge shows the commits and pull requests of a repository."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class WebPages:
    """A repository's pages on its forge. `commit` and `pull_request` are URLs with `{}` in place of
    the commit's SHA and of the number. `comparison` is the page of what changed between two
    commits, with `{}` in place of each."""

    commit: str
    pull_request: str
    comparison: str = ""

    @property
    def repository(self) -> str:
        """The repository's name on its forge: `acme/models`; empty if its pages are elsewhere."""
        path, found, _ = urlsplit(self.commit).path.partition("/commit/")
        return path.removesuffix("/-").strip("/") if found else ""

    def of_commit(self, sha: str) -> str:
        return self.commit.replace("{}", sha)

    def of_comparison(self, before: str, after: str) -> str | None:
        """The page of what changed from one commit to another; None if the forge has none."""
        if not self.comparison:
            return None
        return self.comparison.replace("{}", before, 1).replace("{}", after, 1)

    def of_pull_request(self, number: int) -> str:
        return self.pull_request.replace("{}", str(number))
