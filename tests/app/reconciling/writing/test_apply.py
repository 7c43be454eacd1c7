"""Applying while somebody else writes to the same model: no stage is left empty, and nothing is
claimed that is not known."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mlflow_gitops.app.reconciling.writing.apply import apply_model, apply_models
from mlflow_gitops.app.reconciling.writing.progress import Progress
from mlflow_gitops.core.history.mainline import Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.errors import RegistryFailure
from mlflow_gitops.settings import Settings
from tests.support.core.evidence import NO_EVIDENCE
from tests.support.core.states import NAME, OWNER, commit
from tests.support.registries.memory import MemoryRegistry

BASE, TARGET, NEWER = (commit(number) for number in range(3))


def wanted(**stages: int) -> Desired:
    held = {stage: (version,) for stage, version in stages.items()}
    return Desired(
        Manifest(NAME, f"registry/models/{NAME}.yaml", None, (), {}, held, {}, {}),
        Policy().for_model(NAME),
    )


HISTORY = ModelHistory(
    BASE.sha,
    "known",
    (Point(BASE, wanted(Production=1, Staging=2)), Point(TARGET, wanted(Production=2, Staging=3))),
)


def registry() -> MemoryRegistry:
    stages = {1: "Production", 2: "Staging"}
    versions = {
        number: ObservedVersion(number, stages.get(number, "None")) for number in (1, 2, 3, 4)
    }
    tags = {"gitops.commit": BASE.sha, "gitops.owner": OWNER}
    return MemoryRegistry({NAME: ObservedModel(NAME, tags=tags, versions=versions)})


def planner_of(held: MemoryRegistry, whole: ModelHistory = HISTORY) -> Callable[[str], ModelPlan]:
    def again(name: str) -> ModelPlan:
        observed = held.read(name)
        history = whole
        if observed is None:
            history = ModelHistory(BASE.sha, "deleted", (Point(None, whole.target),))
        elif observed.base == TARGET.sha:
            history = replace(whole, base=TARGET.sha, points=whole.points[1:])
        elif observed.base != BASE.sha:
            history = ModelHistory(observed.base, "stale", (Point(None, whole.target),))
        return plan_model(
            name, history, observed, PlanContext(OWNER, "2026-02-01T00:00:00Z", NO_EVIDENCE)
        )

    return again


def run(held: MemoryRegistry, whole: ModelHistory = HISTORY) -> Outcome:
    again = planner_of(held, whole)
    [outcome] = apply_models([again(NAME)], again, held, pauses=(0.0, 0.0, 0.0))
    return outcome


def meanwhile(held: MemoryRegistry, move: int, then: Callable[[], None]) -> None:
    """Do something after a move of the run."""

    def written() -> None:
        moves = [said for said in held.writes if said.startswith("transition")]
        if len(moves) == move and held.writes[-1] == moves[-1]:
            held.written = lambda: None
            then()

    held.written = written


def test_a_newer_run_comes_between() -> None:
    """It has put 3 into Production, which this run would have moved to Staging."""
    held = registry()

    def newer() -> None:
        stages = {1: "Archived", 2: "Archived", 3: "Production", 4: "Staging"}
        model = held.models[NAME]
        versions = {n: replace(version, stage=stages[n]) for n, version in model.versions.items()}
        held.models[NAME] = replace(
            model, versions=versions, tags={**model.tags, "gitops.commit": NEWER.sha}
        )

    meanwhile(held, 1, newer)
    outcome = run(held)
    assert outcome.result == "failed" and "Another run reconciled it meanwhile" in (
        outcome.error or ""
    )
    assert [refusal.code for refusal in outcome.refusals] == ["stale"]
    assert [(c.version, c.after) for c in outcome.changes] == [(3, "Staging")], "it was written"
    assert outcome.entered == (), "and does not hold any more"
    assert held.models[NAME].holders("Production") == (3,) and held.models[NAME].base == NEWER.sha


@pytest.mark.parametrize("move", [1, 2])
def test_a_person_moves_a_version_between(move: int) -> None:
    held = registry()
    meanwhile(held, move, lambda: held.transition(NAME, 3, "Archived"))
    outcome = run(held)
    assert outcome.result == "applied" and outcome.error is None
    assert held.models[NAME].holders("Production") == (2,) and held.models[NAME].holders(
        "Staging"
    ) == (3,)
    assert held.models[NAME].base == TARGET.sha


def test_a_newer_run_ends_before_this_one_has_read_back() -> None:
    """What this run wrote is counted, though the other one may have written over it."""
    held = registry()
    whole = len(
        plan_model(NAME, HISTORY, held.read(NAME), PlanContext(OWNER, "", NO_EVIDENCE)).applying
    )

    def newer() -> None:
        model = held.models[NAME]
        held.models[NAME] = replace(model, tags={**model.tags, "gitops.commit": NEWER.sha})

    meanwhile(held, whole, newer)
    outcome = run(held)
    assert outcome.result == "failed" and len(outcome.changes) == whole


@pytest.mark.parametrize("late", [True, False])
def test_a_registration_without_an_answer_is_not_asked_for_again(late: bool) -> None:
    """It may still be under way: this run ends, and the next one finds it, or asks for it then."""
    held = registry()
    asked: list[int] = []
    register = held.register

    def unanswered(*about: Any) -> int:
        asked.append(1)
        raise RegistryFailure("no answer", transient=True)

    held.register = unanswered  # type: ignore[method-assign]
    pinned = replace(
        wanted(Production=1, Staging=5).manifest, versions={5: VersionSpec(source="s3://made/5")}
    )
    target = Desired(pinned, Policy().for_model(NAME))
    history = replace(HISTORY, points=(HISTORY.points[0], Point(TARGET, target)))
    outcome = run(held, history)
    assert (
        outcome.result == "failed"
        and "the next run reads again" in (outcome.error or "")
        and len(asked) == 1
    )
    held.register = register  # type: ignore[method-assign]
    if late:
        held.register(NAME, "s3://made/5", None, None, {"gitops.pin": f"{NAME}/5"})
    assert run(held, history).result == "applied"
    assert sorted(held.models[NAME].versions) == [1, 2, 3, 4, 5]
    assert held.models[NAME].holders("Staging") == (5,)


def test_a_disk_of_ours_that_is_full_fails_the_model_alone() -> None:
    held = registry()
    transition = held.transition

    def full(*about: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/artifacts")

    held.transition = full  # type: ignore[method-assign]
    outcome = run(held)
    assert outcome.result == "failed"
    assert outcome.error == "/tmp/artifacts could not be written: No space left on device."
    held.transition = transition  # type: ignore[method-assign]
    assert run(held).result == "applied"


def test_a_fault_of_ours_fails_the_model_alone_and_is_named() -> None:
    held = registry()

    def faulty(*about: Any) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "gone")

    held.transition = faulty  # type: ignore[method-assign]
    outcome = run(held)
    assert outcome.result == "failed" and outcome.changes == ()
    assert "Unexpected FileNotFoundError: " in (outcome.error or "")
    assert "-v" in (outcome.error or "")


WRITES = 8
"""The writes of `HISTORY`, stamps included, are more than this; the seal is the last two."""


def asked_for(held: MemoryRegistry) -> list[str]:
    """The writes that MLflow holds and that are no stamps."""
    return [write for write in held.writes if "gitops." not in write]


def counted(outcome: Outcome) -> list[str]:
    return [f"transition {change.version} {change.after}" for change in outcome.changes]


def break_after(held: MemoryRegistry, number: int, fail: Callable[[], None]) -> None:
    """Call `fail` right after a write was made, before its answer."""

    def written() -> None:
        if len(held.writes) == number:
            fail()

    held.written = written


def raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize("number", range(1, WRITES))
@pytest.mark.parametrize(
    "error",
    [RegistryFailure("no"), KeyError("a bug of ours"), UnicodeError("odd"), RecursionError("deep")],
    ids=lambda error: type(error).__name__,
)
def test_every_write_counts_if_the_store_fails_after_it(number: int, error: Exception) -> None:
    held = registry()
    break_after(held, number, raising(error))
    outcome = run(held)
    assert outcome.result == "failed" and outcome.has_written
    assert counted(outcome) == asked_for(held) and len(held.writes) == number


@pytest.mark.parametrize("number", range(1, WRITES))
def test_every_answered_write_counts_if_the_server_dies(number: int) -> None:
    """One write had no answer, and nothing can be read back: what is not known is said."""
    held = registry()
    is_dead: list[bool] = []
    read = held.read

    def die() -> None:
        is_dead.append(True)
        raise RegistryFailure("MLflow died.")

    def read_if_alive(name: str) -> ObservedModel | None:
        if is_dead:
            raise RegistryFailure("MLflow died.")
        return read(name)

    break_after(held, number, die)
    held.read = read_if_alive  # type: ignore[method-assign]
    outcome = run(held)
    answered = [write for write in held.writes[: number - 1] if "gitops." not in write]
    assert outcome.result == "failed" and outcome.has_written and counted(outcome) == answered
    assert "could not be read back" in (outcome.error or "")
    assert "did not answer one write" in (outcome.error or "")


@pytest.mark.parametrize("number", range(1, WRITES))
def test_every_write_counts_if_the_model_is_deleted_after_it(number: int) -> None:
    held = registry()

    def delete() -> None:
        if NAME in held.models:
            del held.models[NAME]

    break_after(held, number, delete)
    outcome = run(held)
    assert outcome.result == "failed" and outcome.has_written
    assert counted(outcome) == asked_for(held)
    assert len(held.writes) == number and NAME not in held.models, "it is not made again"


def test_an_interrupted_run_stops_between_two_writes_and_counts_them() -> None:
    held, stop = registry(), threading.Event()
    break_after(held, 2, stop.set)
    progress = Progress(NAME, planner_of(held), stop)
    outcome = apply_model(progress, held, (), Settings())
    assert outcome.result == "failed" and counted(outcome) == asked_for(held)
    assert len(held.writes) == 2 and "interrupted" in (outcome.error or "")


def test_the_traceback_comes_with_verbose_and_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct-horse")
    for verbosity, lines in ((0, False), (1, True)):
        held = registry()
        break_after(held, 1, raising(ValueError("login correct-horse failed")))
        progress = Progress(NAME, planner_of(held))
        outcome = apply_model(progress, held, (), Settings(verbosity=verbosity))
        shown = capsys.readouterr().err
        assert ("Traceback" in shown) is lines
        assert "correct-horse" not in shown + str(outcome.error)
        assert "ValueError: login *** failed" in str(outcome.error)
