"""Where a forge shows the commits and pull requests of a repository."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_SCP_FORM = re.compile(r"(?:[^@/:]+@)?(?P<host>[^@/:]{2,}):(?P<path>[^:]+)")
"""`git@github.com:acme/models.git`. One letter before a colon is a drive of Windows."""


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


def repository_address(remote: str) -> str:
    """A remote's address as people know it, the same for each protocol and without credentials:
    `github.com/acme/models`. Empty for a folder of this machine, and for what cannot be read."""
    if "://" in remote:
        try:
            url = urlsplit(remote)
            host, path = url.hostname or "", url.path
        except ValueError:
            return ""
    elif (match := _SCP_FORM.fullmatch(remote)) is not None:
        host, path = match["host"].lower(), match["path"]
    else:
        return ""
    path = path.strip("/").removesuffix(".git")
    return f"{host}/{path}" if host and path else ""
