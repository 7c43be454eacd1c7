"""What git asks for and MLflow holds already, for the receipt of a run that comes after one which died (RULES R6)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from mlflow_gitops.core.history import ModelHistory
from mlflow_gitops.core.observed import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan import Change
from mlflow_gitops.core.planner import found
from tests.core.test_planner_properties import EXAMPLES, cases, plan_now, run
from tests.support.memory_registry import MemoryRegistry
from tests.support.states import NAME, OWNER, VERSIONS


def done(history: ModelHistory, registry: MemoryRegistry) -> set[tuple[object, ...]]:
    return {told(change) for change in found(history, registry.read(NAME), plan_now(history, registry).changes)}


def told(change: Change) -> tuple[object, ...]:
    return change.action, change.version, change.key, change.after


class DiedError(Exception):
    pass


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(cases())
def test_what_a_dead_run_did_is_found(case: tuple[ModelHistory, MemoryRegistry]) -> None:
    """Where MLflow held what the base wants, the changes of a run that dies and those of the next are those of one run."""
    history, _ = case
    if history.before is None:
        return
    stamps = {"gitops.commit": history.base or "", "gitops.owner": OWNER}
    versions = {number: ObservedVersion(number) for number in VERSIONS}
    registry = MemoryRegistry({NAME: ObservedModel(NAME, tags=stamps, versions=versions)})
    start = replace(history, points=history.points[:1])
    if run(start, registry).result not in ("applied", "unchanged"):
        return
    seen = dict(registry.models)
    registry.writes.clear()
    whole = {told(change) for change in plan_now(history, registry).changes} | done(history, registry)
    if run(history, registry).result != "applied":
        return
    for stop in range(1, len(registry.writes) + 1):
        dying = MemoryRegistry(dict(seen))

        def die(dying: MemoryRegistry = dying, stop: int = stop) -> None:
            if len(dying.writes) == stop:
                raise DiedError

        dying.written = die
        try:
            run(history, dying)
        except DiedError:
            dying.written = lambda: None
        if dying.models[NAME].base != history.base:
            break
        left = {told(change) for change in plan_now(history, dying).changes}
        assert left | done(history, dying) == whole
        assert not left & done(history, dying)
