"""What the tests of `reconcile --watch` share: pushing, waiting, and a watcher run by rounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.reconciling.news import News
from mlflow_gitops.app.reconciling.wakeups import Wakeups
from mlflow_gitops.app.reconciling.watch import Watcher
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.edges.system.metrics.loop import Metrics
from mlflow_gitops.settings import Patience, Settings
from tests.support.team import Team


def push(team: Team, message: str = "Change", **models: str) -> str:
    sha = team.commit(message, **models)
    team.git("push", "-q", "origin", "main")
    return sha


def eventually(holds: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)


class Rounds:
    """Runs a watcher for so many rounds at a time, without any pause between them."""

    def __init__(self, clone: Team) -> None:
        self.clock = 0.0
        self.waits: list[float] = []
        """The seconds that were to pass after each round."""
        self.metrics = Metrics(60)
        self.wakeups = Wakeups(lambda: None, lambda: self.clock)
        self.meanwhile: list[Callable[[], object]] = []
        """What happens during the next waits, one thing in each."""
        self._clone = clone
        self._left = 0
        self._news: list[News] = []
        self._watcher: Watcher | None = None

    def __call__(self, count: int = 1, connect: Callable[[], Any] | None = None) -> list[News]:
        """The news of the next rounds. `connect` is used by the first call."""
        if self._watcher is None:
            self._watcher = Watcher(
                self._workspace,
                connect or (lambda: Registry(self._clone.uri)),
                self.metrics,
                self._news.append,
                self,
                interval=1,
                plan_options=PlanOptions(),
                wakeups=self.wakeups,
                clock=lambda: self.clock,
            )
        self._left = count
        self._news.clear()
        self._watcher.run()
        return list(self._news)

    def is_set(self) -> bool:
        return self._left <= 0

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        self._left -= 1

    def _workspace(self) -> Workspace:
        return Workspace(
            Settings(
                repo=self._clone.folder,
                tracking_uri=self._clone.uri,
                patience=Patience(write_pauses=()),
            )
        )
