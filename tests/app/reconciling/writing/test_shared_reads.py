"""Models that are written side by side are read together: in few requests, each after its own
writes, and none for the failure or the slowness of another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mlflow_gitops.app.reconciling.writing.apply import apply_models
from mlflow_gitops.app.reconciling.writing.shared_reads import SharedReads
from mlflow_gitops.core.history.mainline import Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.errors import RegistryFailure
from tests.support.core.evidence import NO_EVIDENCE
from tests.support.core.states import OWNER, commit
from tests.support.registries.memory import MemoryRegistry

LONG = 60.0
NAMES = [f"model-{letter}" for letter in "abcdefgh"]
BASE, TARGET = commit(0), commit(1)


class Readings:
    """What was read, each reading as a set of names; `before` is called before a reading of several
    models."""

    def __init__(self, registry: MemoryRegistry, before: Callable[[], None] = lambda: None) -> None:
        self.registry = registry
        self.made: list[frozenset[str]] = []
        self._before = before

    def one(self, name: str) -> ObservedModel | None:
        self.made.append(frozenset([name]))
        return self.registry.read(name)

    def many(self, names: Collection[str]) -> Mapping[str, ObservedModel]:
        self._before()
        self.made.append(frozenset(names))
        return {name: self.registry.models[name] for name in names if name in self.registry.models}

    def shared(self, patience: float = LONG) -> SharedReads:
        return SharedReads(self.one, lambda: self.many, patience)


def registry(names: Collection[str] = NAMES) -> MemoryRegistry:
    versions = {1: ObservedVersion(1, "Production"), 2: ObservedVersion(2)}
    tags = {"gitops.commit": BASE.sha, "gitops.owner": OWNER}
    return MemoryRegistry(
        {name: ObservedModel(name, tags=tags, versions=versions) for name in names}
    )


def in_production(name: str, version: int) -> Desired:
    file = f"registry/models/{name}.yaml"
    manifest = Manifest(name, file, None, (), {}, {"Production": (version,)}, {}, {})
    return Desired(manifest, Policy().for_model(name))


def plan(name: str, observed: ObservedModel | None) -> ModelPlan:
    points = (
        Point(BASE, in_production(name, 1)),
        Point(TARGET, in_production(name, 2)),
    )
    history = ModelHistory(BASE.sha, "known", points)
    if observed is None:
        history = replace(history, base_state="deleted")
    elif observed.base == TARGET.sha:
        history = replace(history, base=TARGET.sha, points=points[1:])
    elif observed.base != BASE.sha:
        history = replace(history, base=observed.base, base_state="stale")
    return plan_model(
        name, history, observed, PlanContext(OWNER, "2026-02-01T00:00:00Z", NO_EVIDENCE)
    )


def apply(readings: Readings, writers: int, patience: float = LONG) -> list[Outcome]:
    held, reads = readings.registry, readings.shared(patience)
    plans = [plan(name, model) for name, model in held.models.items()]
    return list(
        apply_models(
            plans,
            lambda name: plan(name, reads.read(name)),
            held,
            writers,
            pauses=(0.0,),
            reads=reads,
        )
    )


@pytest.mark.parametrize(("models", "writers"), [(8, 8), (8, 4), (6, 4), (3, 8), (1, 8)])
def test_models_side_by_side_share_every_reading(models: int, writers: int) -> None:
    """Three readings: before the writes, before the second move, and after the writes."""
    readings = Readings(registry(NAMES[:models]))
    outcomes = apply(readings, writers)
    assert [outcome.result for outcome in outcomes] == ["applied"] * models
    rounds = -(-models // writers)
    assert len(readings.made) <= 3 * (rounds + 1), "the last ones may not begin at one moment"
    assert sum(map(len, readings.made)) == 3 * models


def test_one_at_a_time_is_read_alone() -> None:
    readings = Readings(registry())
    apply(readings, 1)
    assert len(readings.made) == 3 * len(NAMES) and set(map(len, readings.made)) == {1}


def test_a_reading_that_fails_fails_no_model() -> None:
    def fail() -> None:
        raise RegistryFailure("504")

    readings = Readings(registry(), fail)
    outcomes = apply(readings, 4)
    assert [outcome.result for outcome in outcomes] == ["applied"] * len(NAMES)
    assert set(map(len, readings.made)) == {1}


def test_a_model_that_cannot_be_read_fails_alone() -> None:
    held, bad = registry(), NAMES[3]

    def fail() -> None:
        raise RegistryFailure("one of them")

    readings = Readings(held, fail)
    read = held.read

    def read_one(name: str) -> ObservedModel | None:
        if name == bad:
            raise RegistryFailure("it is broken")
        return read(name)

    held.read = read_one  # type: ignore[method-assign]
    outcomes = apply(readings, 8)
    failed = {outcome.model: outcome.error for outcome in outcomes if outcome.result == "failed"}
    assert list(failed) == [bad] and "it is broken" in (failed[bad] or "")


@pytest.mark.parametrize("click", ["a move", "another run's stamp", "a deletion"])
def test_a_race_between_writing_and_reading_back_is_that_models_own(click: str) -> None:
    held, victim = registry(), NAMES[2]
    done: list[str] = []

    def meanwhile() -> None:
        model = held.models[victim]
        if done or "gitops.held.Production" not in model.versions[2].tags:
            return
        done.append(click)
        if click == "a move":
            moved = replace(model.versions[2], stage="None")
            held.models[victim] = replace(model, versions={**model.versions, 2: moved})
        elif click == "a deletion":
            del held.models[victim]
        else:
            tags = {**model.tags, "gitops.commit": commit(5).sha}
            held.models[victim] = replace(model, tags=tags)

    readings = Readings(held, meanwhile)  # all are waiting to be read back
    outcomes = {outcome.model: outcome for outcome in apply(readings, 8)}
    assert done == [click]
    others = {outcome.result for name, outcome in outcomes.items() if name != victim}
    assert others == {"applied"}
    error = outcomes[victim].error or ""
    assert outcomes[victim].result == "failed"
    assert {
        "a move": "shows something else",
        "another run's stamp": "Another run reconciled it meanwhile",
        "a deletion": "was deleted in MLflow",
    }[click] in error
    sealed = {name for name, model in held.models.items() if model.base == TARGET.sha}
    assert sealed == {*NAMES} - {victim}


def test_a_slow_model_is_waited_for_once() -> None:
    """The others go on without it, and read together as before."""
    reads = Readings(registry()).shared(patience=0.01)
    slow, quick = NAMES[0], NAMES[1:4]
    reads.begin(4, 4)
    for name in (slow, *quick):
        reads.enter(name)
    is_waiting = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        first = [pool.submit(reads.read, name) for name in quick]
        assert all(reading.result() is not None for reading in first), "the slow one never came"
        reads._patience = LONG
        second = [pool.submit(reads.read, name) for name in quick]
        assert all(reading.result() is not None for reading in second), "it is not waited for again"
        is_waiting.set()
        last = pool.submit(reads.read, slow)
        for name in quick:
            reads.leave(name)
        assert last.result() is not None


@pytest.mark.parametrize("way", ["leaves", "reads alone", "the run ends"])
def test_nobody_waits_for_a_model_that_is_gone(way: str) -> None:
    readings = Readings(registry())
    reads = readings.shared()
    reads.begin(2, 2)
    reads.enter(NAMES[0])
    if way != "the run ends":
        reads.enter(NAMES[1])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(reads.read, NAMES[0])
        if way == "leaves":
            reads.leave(NAMES[1])
        elif way == "reads alone":
            reads.read_alone(NAMES[1])
            assert reads.read(NAMES[1]) is not None
        else:
            reads.end()
        assert waiting.result() is not None
    assert set(map(len, readings.made)) == {1}


def test_a_registry_without_lists_of_names_is_read_model_by_model() -> None:
    readings = Readings(registry())
    reads = SharedReads(readings.one, lambda: None, LONG)
    reads.begin(2, 2)
    reads.enter(NAMES[0])  # the other one has not come, and is not waited for
    assert reads.read(NAMES[0]) is not None
