"""The people behind what a run brings about, as its receipt records them (RULES R6)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from mlflow_gitops.core.history.approvals import recorded_people
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.core.verdicts.evidence import Evidence


def people_behind(
    history: ModelHistory, holders: Mapping[str, tuple[int, ...]], evidence: Evidence
) -> dict[str, RecordedPeople]:
    """The people behind each making commit. `holders` are the stages that MLflow shows; the forge
    is not asked about adopted entries."""
    people: dict[str, RecordedPeople] = {}
    for entry in history.entries:
        commit = entry.making_commit
        if commit is None or commit.sha in people:
            continue

        approvals = None
        has_approvals = "approvals" in _gates_before(entry)
        is_adopted = (
            not has_approvals
            and history.base_state != "known"
            and entry.version in holders.get(entry.stage, ())
        )
        if not is_adopted:
            with suppress(Unreadable):
                approvals = evidence.approvals(commit, history.files(commit)[0])
        people[commit.sha] = recorded_people(commit, approvals)
    return people


def _gates_before(entry: Entry) -> tuple[str, ...]:
    rule = entry.judge.stages.get(entry.stage)
    return rule.gates.names if rule else ()
