"""What a watching reconciler reports: each thing once, and again only after it has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlflow_gitops.app.reconciling.earlier_refusals import reasons
from mlflow_gitops.app.reconciling.reconcile import RunResult
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.yaml.problems import Problem


@dataclass(frozen=True, slots=True)
class News:
    """What is different from the round before. `failure` is a sentence about what went wrong."""

    commit: str | None = None
    run: RunResult | None = None
    outcomes: tuple[Outcome, ...] = ()
    cleared: tuple[str, ...] = ()
    """Models that were refused, deferred or failed before and are not any more."""
    refusals: tuple[Refusal, ...] = ()
    """What stops the whole run."""
    invalid: tuple[Problem, ...] = ()
    """What is invalid in git."""
    failure: str | None = None
    health: tuple[str, ...] = ()
    """What was proposed, withdrawn and reported by the health of versions, a line each."""


class NewsDesk:
    """Passes news to `publish`, unless the same was passed on before."""

    def __init__(self, publish: Callable[[News], None]) -> None:
        self._publish = publish
        self._states: dict[str, object] = {}
        self._troubles: dict[str, object] = {}

    def report(self, subject: str, state: object, news: News) -> None:
        """Publish news about a subject if its state has changed."""
        if state != self._states.get(subject):
            self._states[subject] = state
            self._publish(news)

    def clear(self, subject: str) -> None:
        """Note that there is nothing to report about a subject any more."""
        self._states.pop(subject, None)

    def report_run(self, commit: str, run: RunResult) -> None:
        """Publish what was applied, and each refusal, deferral and failure that is new."""
        outcomes, cleared = [], []
        for outcome in run.outcomes:
            trouble = _trouble(outcome)
            is_new = trouble is not None and trouble != self._troubles.get(outcome.model)
            if outcome.result == "applied" or outcome.changes or is_new:
                outcomes.append(outcome)
            if trouble is not None:
                self._troubles[outcome.model] = trouble
            elif self._troubles.pop(outcome.model, None) and outcome.result == "unchanged":
                cleared.append(outcome.model)

        has_new_faults = bool(run.unrecorded) and run.unrecorded != self._states.get("receipt")
        self._states["receipt"] = run.unrecorded
        if outcomes or cleared or run.recovered or has_new_faults:
            self._publish(News(commit, run, tuple(outcomes), tuple(cleared)))


def _trouble(outcome: Outcome) -> object | None:
    """What is wrong with a model, in a form that can be compared between rounds. Invalid files are
    news of their own."""
    if outcome.error:
        return "failed", outcome.error
    refusals = [refusal for refusal in outcome.refusals if not refusal.is_invalid]
    if refusals:
        return "refused", tuple(reasons(refusals, outcome.gates))
    if outcome.deferred:
        return "deferred", outcome.deferred
    return None
