"""Stamps that say something else than git and the receipts are corrected by the next reconcile,
like drift (RULES R6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mlflow_gitops.app.planning.plan_lines import PlanLine
from mlflow_gitops.core.audit.ledger import AppliedRun
from mlflow_gitops.core.audit.version_stamps import (
    KEYS,
    PeopleOf,
    WrongStamp,
    placing_commits,
    right_stamps,
    wrong_time,
    wrong_version_stamps,
)
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import BASE_TAG, ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.plan import Action, Change, ModelPlan


def with_right_version_stamps(
    plan: ModelPlan, history: ModelHistory, observed: ObservedModel, line: PlanLine
) -> ModelPlan:
    """The plan of a run with corrections of stamps, and a note of each. The caller knows that this
    clone has all receipts, and that one records the model's base."""
    periods = line.histories.renames.periods(file_stem(plan.model))
    runs = line.evidence.ledger().applied_as(periods)
    position = line.line.index.get(history.base or "")
    if position is None or not any(run.index >= position for run in runs):
        return plan

    def people_of(commit: str) -> Sequence[RecordedPeople]:
        return line.evidence.ledger().people(periods, commit)

    for stamp in _corrections(history, observed, line, runs, people_of):
        action: Action = "delete_tag" if stamp.right is None else "set_tag"
        change = Change(action, stamp.version, stamp.key, stamp.actual, stamp.right, "drift")
        subject = "model" if stamp.version is None else f"version {stamp.version}"
        note = f"the tag {stamp.key} of {subject} is corrected: {stamp.fault}"
        plan = replace(plan, stamps=(change, *plan.stamps), notes=(*plan.notes, note))
    return plan


def _corrections(
    history: ModelHistory,
    observed: ObservedModel,
    line: PlanLine,
    runs: Sequence[AppliedRun],
    people_of: PeopleOf,
) -> Iterator[WrongStamp]:
    base = history.base or ""
    doubtful = [
        number
        for number, version in observed.versions.items()
        if not _names_its_receipt(version, line, runs, people_of)
    ]
    # This run's own stamps take care of what git moved since the base.
    moved_versions = {
        number
        for number, commit in placing_commits(history.points).items()
        if commit.sha != base and history.moved
    }
    if doubtful:
        points = line.histories.points_until(file_stem(observed.name), base)
        versions = {number: observed.versions[number] for number in doubtful}
        is_recovered = any(run.receipt.is_recovered for run in runs)
        doubted = replace(observed, versions=versions)
        for stamp in wrong_version_stamps(points, doubted, people_of, is_recovered=is_recovered):
            if stamp.version not in moved_versions:
                yield stamp

    time = wrong_time(observed, runs, line.line.index[base], _commit(line, base).at)
    if time is not None and not history.moved:
        yield time


def _names_its_receipt(
    version: ObservedVersion,
    line: PlanLine,
    runs: Sequence[AppliedRun],
    people_of: PeopleOf,
) -> bool:
    """Whether a version's stamps name the commit of the newest recorded move of it, with what git
    and the receipts say of that; or it has none and was never moved. False if only the manifest's
    states can tell."""
    actual = {key: version.tags[key] for key in KEYS if key in version.tags}
    moved_by = _recorded_move(version.number, runs)
    if not actual or moved_by is None:
        return not actual and moved_by is None
    if actual.get(BASE_TAG) != moved_by or moved_by not in line.line.commits:
        return False
    return actual in right_stamps(_commit(line, moved_by), people_of(moved_by))


def _recorded_move(version: int, runs: Sequence[AppliedRun]) -> str | None:
    """The commit of the newest change of a version's native stage that git asked for."""
    for run in reversed(runs):
        for change in (*run.recorded.changes, *run.recorded.already_applied):
            if change.get("action") != "transition" or change.get("version") != version:
                continue
            commit = change.get("commit")
            if isinstance(commit, str):
                return commit
    return None


def _commit(line: PlanLine, sha: str) -> Commit:
    return line.line.commits.get(sha) or Commit(sha, "", "", "")
