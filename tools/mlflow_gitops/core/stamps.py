"""Stamps: tags `gitops.*` that say in MLflow itself which commit put a thing there (DESIGN §6, RULES R3, R5).

They are planned like tags, from git alone, so that a second run writes exactly those that a crash left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.desired import Desired
from mlflow_gitops.core.history import ModelHistory
from mlflow_gitops.core.mainline import Commit
from mlflow_gitops.core.observed import (
    AT_TAG,
    AUTHOR_TAG,
    BASE_TAG,
    HELD_PREFIX,
    OWNER_TAG,
    PR_TAG,
    ObservedModel,
)
from mlflow_gitops.core.plan import Change


def stamps(desired: Desired, history: ModelHistory, seen: ObservedModel, owner: str, now: str) -> Iterator[Change]:
    """The stamps still to be written, versions first, then the model's, `gitops.commit` last.

    Nothing is yielded for a working tree: only commits are stamped. Where git changed nothing since the base, the stamps
    stand already; a drift that is healed leaves them as they are.
    """
    target = history.points[-1].commit
    if target is None or not history.moved:
        return
    versions = {v for point in history.points if point.desired for v in (*point.desired.native, *point.desired.own)}
    for version in sorted(versions):
        made = history.made_by(lambda state, v=version: state.placement(v) if state else (None, None))  # type: ignore[misc]
        spec = desired.manifest.versions.get(version)
        there = version in seen.versions or (spec is not None and spec.source is not None)
        if made is not None and there:
            yield from _version_stamps(version, made, desired, seen, now)
    if seen.owner != owner:
        yield Change("set_tag", None, OWNER_TAG, seen.tags.get(OWNER_TAG), owner)
    yield Change("set_tag", None, AT_TAG, seen.tags.get(AT_TAG), now)
    yield Change("set_tag", None, BASE_TAG, seen.base, target.sha)


def _version_stamps(version: int, made: Commit, desired: Desired, seen: ObservedModel, now: str) -> Iterator[Change]:
    tags = seen.versions[version].tags if version in seen.versions else {}
    wanted = {BASE_TAG: made.sha, AUTHOR_TAG: made.author}
    if made.pull_request is not None:
        wanted[PR_TAG] = str(made.pull_request)
    for key, value in wanted.items():
        if tags.get(key) != value:
            yield Change("set_tag", version, key, tags.get(key), value)
    if PR_TAG in tags and PR_TAG not in wanted:
        # What the stamp of an earlier commit said does not hold for this one.
        yield Change("delete_tag", version, PR_TAG, tags[PR_TAG], None)
    for stage in desired.placement(version):
        held = HELD_PREFIX + (stage or "")
        if stage not in (None, "Archived") and not tags.get(held, "").startswith(made.sha + "@"):
            yield Change("set_tag", version, held, tags.get(held), f"{made.sha}@{now}")
