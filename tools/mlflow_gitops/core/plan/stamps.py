"""Stamps: tags `gitops.*` that record in MLflow itself which commit put a thing there (DESIGN §6,
RULES R3, R5).

They are planned like tags, from git alone, so that a second run writes exactly those that an
interrupted run left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import (
    APPROVED_TAG,
    AT_TAG,
    AUTHOR_TAG,
    BASE_TAG,
    HELD_PREFIX,
    OWNER_TAG,
    PR_TAG,
    REPOSITORY_TAG,
    ObservedModel,
)
from mlflow_gitops.core.plan.context import FindRepository
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.times import is_stamped_between

if TYPE_CHECKING:
    from mlflow_gitops.core.history.people import RecordedPeople


def stamps(
    desired: Desired,
    history: ModelHistory,
    model: ObservedModel,
    owner: str,
    now: str,
    people: Mapping[str, RecordedPeople] | None = None,
    began: str | None = None,
    find_repository: FindRepository = lambda: "",
) -> Iterator[Change]:
    """The stamps still to be written: those of versions first, then the model's, `gitops.commit`
    last. `people` maps making commits to the people behind them. `began` is when this run began;
    without it, a held stamp of any time counts as written already. `find_repository` returns
    this repository's address, by which people who see the model find its manifest.

    A working tree has none, since only commits are stamped. If git changed nothing since the base,
    the stamps are written already; healing a drift leaves them as they are.
    """
    target = history.points[-1].commit
    if target is None or not history.moved:
        return

    stays = new_stays(history)
    for version in sorted(_placed_versions(history)):
        commit = history.made_by(partial(_stages, version))
        spec = desired.manifest.versions.get(version)
        exists = version in model.versions or (spec is not None and spec.can_be_registered)
        if commit is not None and exists:
            yield from _version_stamps(version, commit, model, (people or {}).get(commit.sha))
            yield from _held_stamps(version, stays, model, began, now)

    if model.owner != owner:
        yield Change("set_tag", None, OWNER_TAG, model.tags.get(OWNER_TAG), owner)
    address, repository = model.tags.get(REPOSITORY_TAG), find_repository()
    if repository and address != repository:
        yield Change("set_tag", None, REPOSITORY_TAG, address, repository)
    yield Change("set_tag", None, AT_TAG, model.tags.get(AT_TAG), now)
    yield Change("set_tag", None, BASE_TAG, model.base, target.sha)


def _placed_versions(history: ModelHistory) -> set[int]:
    """The versions that held a stage at any commit from the base to the target."""
    states = (point.desired for point in history.points if point.desired)
    return {version for state in states for version in (*state.native_stages, *state.custom_stages)}


def _stages(version: int, state: Desired | None) -> tuple[str, ...]:
    return state.stages_of(version) if state else ()


def _version_stamps(
    version: int, commit: Commit, model: ObservedModel, people: RecordedPeople | None
) -> Iterator[Change]:
    tags = model.versions[version].tags if version in model.versions else {}
    # The pull request comes before `gitops.commit`, which says what commit the others are about.
    for key, value in _pull_request_stamps(commit, tags, people).items():
        if value is None and key in tags:
            yield Change("delete_tag", version, key, tags[key], None)
        elif value is not None and tags.get(key) != value:
            yield Change("set_tag", version, key, tags.get(key), value)

    for key, value in ((BASE_TAG, commit.sha), (AUTHOR_TAG, commit.author)):
        if tags.get(key) != value:
            yield Change("set_tag", version, key, tags.get(key), value)


def new_stays(history: ModelHistory) -> dict[tuple[int, str], Commit]:
    """Each (version, stage) whose stay began between the base and the target, and the commit that
    began it. A stage that a version stays in, while it enters another, is none."""
    desired = history.target
    stays: dict[tuple[int, str], Commit] = {}
    for version in _placed_versions(history) if desired else ():
        for stage in desired.stages_of(version) if desired else ():
            commit = history.made_by(partial(_is_holder, version, stage))
            if commit is not None and stage != "Archived":
                stays[version, stage] = commit
    return stays


def _held_stamps(
    version: int,
    stays: Mapping[tuple[int, str], Commit],
    model: ObservedModel,
    began: str | None,
    now: str,
) -> Iterator[Change]:
    """When a reconcile put the version into each of its new stages. A stamp that this run did not
    write is replaced: it may be anybody's."""
    tags = model.versions[version].tags if version in model.versions else {}
    for (held_version, stage), commit in stays.items():
        key = HELD_PREFIX + stage
        if held_version != version or _is_of_run(tags.get(key, ""), commit, began, now):
            continue
        yield Change("set_tag", version, key, tags.get(key), f"{commit.sha}@{now}")


def _is_of_run(stamp: str, commit: Commit, began: str | None, now: str) -> bool:
    """Whether a run that began at `began` wrote a stamp for a stay that a commit began; without
    `began`, whether any run did."""
    sha, _, time = stamp.partition("@")
    return sha == commit.sha and (began is None or is_stamped_between(time, began, now))


def _is_holder(version: int, stage: str, state: Desired | None) -> bool:
    return state is not None and version in state.holders(stage)


def _pull_request_stamps(
    commit: Commit, tags: Mapping[str, str], people: RecordedPeople | None
) -> dict[str, str | None]:
    """The stamps of the pull request, None for one to be removed: what the forge said about it,
    else what the commit's subject claims, marked as such.

    If the forge could not be asked this time, what it said before about this very commit stays; a
    stamp about an earlier commit does not hold for this one.
    """
    if people is not None and people.source == "api":
        number = people.pull_request
        return {
            PR_TAG: str(number) if number else None,
            APPROVED_TAG: ", ".join(people.approved_by) or None,
        }

    claimed = claimed_number(commit.pull_request) if commit.pull_request else None
    if tags.get(BASE_TAG) != commit.sha:
        return {PR_TAG: claimed, APPROVED_TAG: None}
    return {PR_TAG: claimed} if claimed and PR_TAG not in tags else {}


def claimed_number(number: int) -> str:
    """The stamp of a pull request that only the commit's subject names: no forge confirmed it."""
    return f"{number} (claimed)"
