"""`reconcile --on-change`: run a command for each change that was applied (RULES R8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from mlflow_gitops.app.planning.planned import Planned
from mlflow_gitops.app.reconciling.reconcile import RunResult
from mlflow_gitops.core.plan.applied_changes import AppliedChange, applied_changes
from mlflow_gitops.edges.system.given_command import GivenCommand


@dataclass(frozen=True, slots=True)
class ChangeNotification:
    """A change that the command was run for. `error` says why the command failed; None if it ended
    with 0."""

    change: AppliedChange
    error: str | None

    @property
    def failure(self) -> str | None:
        """The failure, for people; None if there is none."""
        if self.error is None:
            return None
        change = self.change
        holder = "no version" if change.version is None else f"version {change.version}"
        return (
            f"--on-change failed for {change.model}, {change.stage}, {holder}: {self.error}. What"
            " was reconciled stays; the command is not run again for it."
        )


@dataclass(frozen=True, slots=True)
class Notifier:
    """Runs a command for the changes of runs in one environment, one after the other, with each
    change as one line of JSON on its standard input. A failure stops no other."""

    command: GivenCommand
    environment: str | None = None
    is_stopped: Callable[[], bool] = lambda: False

    @classmethod
    def of_option(
        cls,
        text: str | None,
        environment: str | None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Notifier | None:
        """The notifier for the option --on-change; None without it. Raises UsageFailure if there is
        no such command."""
        if text is None:
            return None
        return cls(GivenCommand.parse("--on-change", text), environment, is_stopped)

    def notify(self, planned: Planned, result: RunResult) -> Iterator[ChangeNotification]:
        """Run the command for each change of a run."""
        changes = applied_changes(
            result.outcomes,
            planned.desired,
            planned.plan.commit or "",
            self.environment,
            result.receipt,
        )
        for change in changes:
            error: str | None = "the loop was stopped before"
            if not self.is_stopped():
                error = self.command.run(json.dumps(asdict(change)) + "\n")
            yield ChangeNotification(change, error)
