"""The figures of one round of the watch loop, as its metrics show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mlflow_gitops.app.reconciling.reconcile import RunResult
from mlflow_gitops.core.plan.plan import Change, Plan
from mlflow_gitops.core.verdicts.verdict import Refusal

if TYPE_CHECKING:
    from mlflow_gitops.edges.system.metrics.loop import Round

_SYNC_STATES = ("Synced", "Pending", "Drifted", "Missing", "Unknown", "Invalid")
_KINDS = {
    "transition": "stage",
    "set_alias": "alias",
    "delete_alias": "alias",
    "set_tag": "tag",
    "delete_tag": "tag",
    "set_description": "description",
}
"""The kind of drift by the action that heals it; anything else is a missing version or model."""


class RoundFigures:
    """Counts rounds. It remembers the drift of the round before, so that drift which is only
    reported (`drift: report`), or not healed yet, is counted as found once."""

    def __init__(self) -> None:
        self._drift: frozenset[tuple[object, ...]] = frozenset()

    def of(
        self,
        commit: str,
        plan: Plan,
        run: RunResult | None = None,
        resting: int = 0,
        *,
        is_whole: bool = True,
    ) -> Round:
        """The figures of a round over all models, or over some; without a run, the whole plan was
        refused."""
        from mlflow_gitops.edges.system.metrics.loop import Round

        states: dict[str, str] = {model.model: model.sync for model in plan.models}
        counts = Counter(states.values())
        outcomes = run.outcomes if run else ()
        refused = [*outcomes] if run else [*plan.models]
        codes = (refusal.code for each in refused for refusal in _first_of_code(each.refusals))
        return Round(
            commit,
            {state: counts[state] for state in _SYNC_STATES},
            refused=len(run.refused) if run else len(plan.models),
            changes=sum(len(outcome.changes) for outcome in outcomes),
            failed=sum(outcome.result == "failed" for outcome in outcomes),
            resting=resting,
            invalid_files=len({problem.file for problem in plan.errors}),
            sync=states,
            refusals=Counter([*codes, *(refusal.code for refusal in plan.refusals)]),
            drift_found=self._new_drift(plan, is_whole=is_whole),
            drift_healed=_drift_kinds(change for each in outcomes for change in each.changes),
            can_heal=run is not None,
            is_whole=is_whole,
        )

    def _new_drift(self, plan: Plan, *, is_whole: bool) -> Mapping[str, int]:
        drift = {
            (model.model, change.action, change.version, change.key, change.before): change
            for model in plan.models
            for change in model.changes
            if change.cause == "drift"
        }
        new = [change for key, change in drift.items() if key not in self._drift]
        planned = {model.model for model in plan.models}
        other_drift = () if is_whole else (key for key in self._drift if key[0] not in planned)
        self._drift = frozenset((*drift, *other_drift))
        return _drift_kinds(new)


def _first_of_code(refusals: Iterable[Refusal]) -> Iterable[Refusal]:
    """One refusal for each code, so that a model counts once."""
    return {refusal.code: refusal for refusal in refusals}.values()


def _drift_kinds(changes: Iterable[Change]) -> Mapping[str, int]:
    return Counter(
        _KINDS.get(change.action, "version") for change in changes if change.cause == "drift"
    )
