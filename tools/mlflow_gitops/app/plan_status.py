"""The commit status that branch protection requires, and the statuses of single environments that
it combines (RULES R9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from time import sleep

from mlflow_gitops.edges.forge import CommitStatus, Forge, StatusState
from mlflow_gitops.settings import DEFAULT_PATIENCE

CONTEXT = "mlflow-gitops/plan"
"""The commit status that branch protection requires."""


class PlanStatus:
    """Reports the plan of one commit.

    `environment` is the one of `environments` that is planned, None if the repository has a single
    MLflow. `run_url` is the page of this run. `pause` (seconds) is how long the forge may show an
    older status than was set.
    """

    def __init__(
        self,
        forge: Forge,
        sha: str,
        run_url: str | None,
        environment: str | None = None,
        environments: Collection[str] = (),
        pause: float = DEFAULT_PATIENCE.forge_pauses[-1],
    ) -> None:
        self._forge = forge
        self._sha = sha
        self._run_url = run_url
        self._environment = environment
        self._environments = environments
        self._pause = pause

    def report(self, state: StatusState, description: str) -> None:
        """Set the commit status.

        One environment of several sets a status of its own, and then the required one, which
        combines those of all environments.
        """
        if self._environment is None:
            self._set(CONTEXT, state, description)
            return
        self._set(f"{CONTEXT}/{self._environment}", state, description)
        combined = self._combine(state, description)
        if state != "pending" and combined == "pending":
            # Another environment's run may have ended, and the forge not show it yet.
            sleep(self._pause)
            self._combine(state, description)

    def _combine(self, state: StatusState, description: str) -> StatusState:
        """Set the required status until it agrees with what the forge has, and return it.

        Another environment's run may end, and set it, between our reading and our writing.
        """
        assert self._environment is not None
        written: StatusState | None = None
        while True:
            states = states_of_run(
                self._forge.statuses(self._sha), self._environments, self._run_url
            )
            # The forge may show the one before for a moment.
            states[self._environment] = state
            combined = worst_state(states)
            if combined == written:
                return combined
            if combined == state:
                text = f"{self._environment}: {description}"
            else:
                text = ", ".join(f"{name}: {reached}" for name, reached in states.items())
            self._set(CONTEXT, combined, text)
            written = combined

    def _set(self, context: str, state: StatusState, description: str) -> None:
        self._forge.set_status(self._sha, context, state, description, self._run_url)


def states_of_run(
    statuses: Mapping[str, CommitStatus], environments: Collection[str], run_url: str | None
) -> dict[str, StatusState]:
    """Return each environment's state in this run. What an earlier run set does not count, so its
    environment is still pending."""
    states: dict[str, StatusState] = {}
    for name in environments:
        status = statuses.get(f"{CONTEXT}/{name}")
        if status is None or status.url != run_url or status.state == "pending":
            states[name] = "pending"
        else:
            states[name] = "success" if status.state == "success" else "failure"
    return states


def worst_state(states: Mapping[str, StatusState]) -> StatusState:
    """Combine the states of all environments: a failure first, then what is still pending."""
    if "failure" in states.values():
        return "failure"
    return "pending" if "pending" in states.values() else "success"
