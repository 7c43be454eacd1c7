"""Where a forge shows the commits and pull requests of a repository."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebPages:
    """A repository's pages on its forge. `commit` and `pull_request` are URLs with `{}` in place of
    the commit's SHA and of the number."""

    commit: str
    pull_request: str

    def of_commit(self, sha: str) -> str:
        return self.commit.replace("{}", sha)

    def of_pull_request(self, number: int) -> str:
        return self.pull_request.replace("{}", str(number))
