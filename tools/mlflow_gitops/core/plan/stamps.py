"""Stamps: tags `gitops.*` that say in MLflow itself which commit put a thing there (DESIGN §6,
RULES R3, R5).

They are planned like tags, from git alone, so that a second run writes exactly those that a crash
left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import (
    APPROVED_TAG,
    AT_TAG,
    AUTHOR_TAG,
    BASE_TAG,
    HELD_PREFIX,
    OWNER_TAG,
    PR_TAG,
    ObservedModel,
)
from mlflow_gitops.core.plan.plan import Change


def stamps(
    desired: Desired,
    history: ModelHistory,
    seen: ObservedModel,
    owner: str,
    now: str,
    people: Mapping[str, RecordedPeople] | None = None,
) -> Iterator[Change]:
    """The stamps still to be written, versions first, then the model's, `gitops.commit` last.
    `people` maps making commits to who stands behind them.

    Nothing is yielded for a working tree: only commits are stamped. Where git changed nothing since
    the base, the stamps stand already; a drift that is healed leaves them as they are.
    """
    target = history.points[-1].commit
    if target is None or not history.moved:
        return
    versions = {
        v
        for point in history.points
        if point.desired
        for v in (*point.desired.native_stages, *point.desired.custom_stages)
    }
    for version in sorted(versions):
        made = history.made_by(lambda state, v=version: state.stages_of(v) if state else ())  # type: ignore[misc]
        spec = desired.manifest.versions.get(version)
        there = version in seen.versions or (spec is not None and spec.can_be_registered)
        if made is not None and there:
            yield from _version_stamps(version, made, seen, (people or {}).get(made.sha))
            yield from _held_stamps(version, desired, history, seen, now)
    if seen.owner != owner:
        yield Change("set_tag", None, OWNER_TAG, seen.tags.get(OWNER_TAG), owner)
    yield Change("set_tag", None, AT_TAG, seen.tags.get(AT_TAG), now)
    yield Change("set_tag", None, BASE_TAG, seen.base, target.sha)


def _version_stamps(
    version: int, made: Commit, seen: ObservedModel, people: RecordedPeople | None
) -> Iterator[Change]:
    tags = seen.versions[version].tags if version in seen.versions else {}
    # Before `gitops.commit`: that one says whose the others are.
    for key, value in _request(made, tags, people).items():
        if value is None and key in tags:
            yield Change("delete_tag", version, key, tags[key], None)
        elif value is not None and tags.get(key) != value:
            yield Change("set_tag", version, key, tags.get(key), value)
    for key, value in ((BASE_TAG, made.sha), (AUTHOR_TAG, made.author)):
        if tags.get(key) != value:
            yield Change("set_tag", version, key, tags.get(key), value)


def _held_stamps(
    version: int, desired: Desired, history: ModelHistory, seen: ObservedModel, now: str
) -> Iterator[Change]:
    """When a reconcile put the version into each of its stages. A stage that it stays in, while it
    enters another, keeps its stamp: the time in it goes on."""
    tags = seen.versions[version].tags if version in seen.versions else {}
    for stage in desired.stages_of(version):
        entered = history.made_by(partial(_holds, version, stage))
        held = HELD_PREFIX + stage
        if (
            stage != "Archived"
            and entered is not None
            and not tags.get(held, "").startswith(entered.sha + "@")
        ):
            yield Change("set_tag", version, held, tags.get(held), f"{entered.sha}@{now}")


def _holds(version: int, stage: str, state: Desired | None) -> bool:
    return state is not None and version in state.holders(stage)


def _request(
    made: Commit, tags: Mapping[str, str], people: RecordedPeople | None
) -> dict[str, str | None]:
    """The stamps of the pull request: what GitHub said of it, else what the commit's message
    claims.

    Where GitHub could not be asked this time, what it said of this very commit before stays; what a
    stamp said of an earlier commit does not hold for this one.
    """
    if people is not None and people.source == "api":
        number = people.pull_request
        return {
            PR_TAG: str(number) if number else None,
            APPROVED_TAG: ", ".join(people.approved_by) or None,
        }
    claimed = str(made.pull_request) if made.pull_request else None
    if tags.get(BASE_TAG) != made.sha:
        return {PR_TAG: claimed, APPROVED_TAG: None}
    return {PR_TAG: claimed} if claimed and PR_TAG not in tags else {}
