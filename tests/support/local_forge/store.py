"""The state of a local forge: a JSON file beside a bare repository, and what people do with it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.repositories.empty import make_repository
from tests.support.team import GIT_ENVIRONMENT

ROBOT = "robot"
"""The login that the command under test acts as."""


class Store:
    """One bare repository and its forge's state. Every change is written to the file at once."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        self.file = repository.with_name(f"{repository.name}.forge.json")

    @classmethod
    def create(cls, repository: Path) -> Store:
        """Make the bare repository, if it is not there, and an empty state beside it."""
        store = cls(repository)
        if not repository.exists():
            make_repository(repository, bare=True)
        empty = {"people": {}, "pulls": {}, "issues": {}, "statuses": {}, "teams": {}, "last": 0}
        store.file.write_text(json.dumps(empty))
        return store

    def read(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.file.read_text())
        return state

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Change the state in place."""
        state = self.read()
        yield state
        self.file.write_text(json.dumps(state, indent=1))

    def git(self, *args: str, check: bool = True) -> str:
        ran = subprocess.run(
            ["git", "-C", str(self.repository), *args],
            env=os.environ | GIT_ENVIRONMENT,
            capture_output=True,
            text=True,
        )
        if ran.returncode and check:
            raise AssertionError(f"git {' '.join(args)}: {ran.stderr}")
        return "" if ran.returncode else ran.stdout.strip()

    def head(self, pull: dict[str, Any]) -> str:
        """The head of a pull request: that of its branch while it is open."""
        tip = self.git("rev-parse", "-q", "--verify", f"refs/heads/{pull['branch']}", check=False)
        return tip if pull["state"] == "open" and tip else str(pull["head"])

    # -- what people do -----------------------------------------------------------------------

    def person(self, login: str, permission: str, *mails: str) -> None:
        with self.change() as state:
            state["people"][login] = {"permission": permission, "mails": list(mails)}

    def team(self, name: str, *logins: str) -> None:
        with self.change() as state:
            state["teams"][name] = list(logins)

    def open(self, branch: str, title: str, body: str, base: str, login: str) -> int:
        with self.change() as state:
            state["last"] += 1
            pull = {
                "number": state["last"],
                "branch": branch,
                "base": base,
                "title": title,
                "body": body,
                "author": login,
                "state": "open",
                "head": self.git("rev-parse", "--verify", f"refs/heads/{branch}"),
                "merge": None,
                "merged_by": None,
                "reviews": [],
                "comments": [],
            }
            state["pulls"][str(pull["number"])] = pull
        return int(pull["number"])

    def review(self, number: int, login: str, verdict: str = "APPROVED") -> None:
        with self.change() as state:
            pull = state["pulls"][str(number)]
            state["last"] += 1
            review = {
                "id": state["last"],
                "author": login,
                "state": verdict,
                "commit": self.head(pull),
                "at": _time(state["last"]),
            }
            pull["reviews"].append(review)

    def merge(self, number: int, login: str) -> str:
        """Merge with a merge commit, and return it."""
        with self.change() as state:
            pull = state["pulls"][str(number)]
            base, head = f"refs/heads/{pull['base']}", self.head(pull)
            before = self.git("rev-parse", base)
            tree = self.git("merge-tree", "--write-tree", before, head)
            message = f"Merge !{number}: {pull['title']}"
            merge = self.git("commit-tree", tree, "-p", before, "-p", head, "-m", message)
            self.git("update-ref", base, merge, before)
            state["last"] += 1
            pull.update(
                state="merged",
                head=head,
                merge=merge,
                merged_by=login,
                merged_at=_time(state["last"]),
            )
        return merge

    def close(self, number: int) -> None:
        with self.change() as state:
            pull = state["pulls"][str(number)]
            pull.update(head=self.head(pull), state="closed")

    def comment(self, number: int, login: str, body: str) -> None:
        with self.change() as state:
            state["pulls"][str(number)]["comments"].append({"author": login, "body": body})


def _time(count: int) -> str:
    """A time of the forge's own clock, which ticks once for each thing that happens."""
    return (datetime(2026, 1, 1) + timedelta(seconds=count)).strftime("%Y-%m-%dT%H:%M:%SZ")
