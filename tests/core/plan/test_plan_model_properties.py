"""What must hold for every history, desired and observed state (RULES R2, R5)."""

from __future__ import annotations

import contextlib

from hypothesis import event, given, settings
from hypothesis import strategies as st

from mlflow_gitops.core.history.mainline import Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Field
from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.observed.model import ObservedModel
from tests.support.core.random_plans import (
    EXAMPLE_COUNT,
    apply_plan,
    histories_and_registries,
    is_occupied,
    plan_now,
)
from tests.support.core.states import NAME, REPORTING, commit, histories, observed_models
from tests.support.registries.memory import MemoryRegistry


@settings(max_examples=EXAMPLE_COUNT, deadline=None)
@given(histories_and_registries())
def test_applying_a_plan_leaves_nothing_to_plan(case: tuple[ModelHistory, MemoryRegistry]) -> None:
    history, registry = case
    first = plan_now(history, registry)
    outcome = apply_plan(history, registry)
    event(outcome.result)
    assert outcome.result != "failed", outcome.error
    again = plan_now(history, registry)
    if outcome.result == "refused":
        assert [r.code for r in again.refusals] == [r.code for r in outcome.refusals]
        return
    assert again.changes == () and again.stamps == () and again.refusals == ()
    assert again.sync == "Synced"
    assert len(outcome.changes) == len(first.changes)
    writes = len(registry.writes)
    assert apply_plan(history, registry).result == "unchanged"
    assert len(registry.writes) == writes, "a second run writes nothing"


def value_of(model: ObservedModel, field: Field) -> str | int | None:
    """What a model shows for an alias, a tag or a description of a manifest."""
    if field.kind == "alias":
        return model.aliases.get(field.key or "")
    entity = model if field.version is None else model.versions[field.version]
    return entity.tags.get(field.key or "") if field.kind == "tag" else entity.description


@settings(max_examples=EXAMPLE_COUNT, deadline=None)
@given(histories_and_registries())
def test_the_end_state_is_the_desired_state(case: tuple[ModelHistory, MemoryRegistry]) -> None:
    history, registry = case
    desired = history.target
    assert desired is not None
    if apply_plan(history, registry).result == "refused":
        return
    model = registry.models[NAME]
    for stage in ACTIVE_STAGES:
        expected = desired.holders(stage) if desired.policy.stages[stage].native else ()
        assert model.holders(stage) == expected
    for field, value in desired.fields.items():
        # Pinned, but MLflow has no such version and no stage asks for it.
        is_missing = field.version is not None and field.version not in model.versions
        if field.kind != "stage" and not is_missing:
            assert value_of(model, field) == value
    for field in history.declared - desired.fields.keys():
        if field.kind == "alias":
            assert field.key not in model.aliases, (
                "what git once declared and no longer does is removed"
            )
        elif field.kind == "tag" and field.version is None:
            assert field.key not in model.tags


@settings(max_examples=EXAMPLE_COUNT, deadline=None)
@given(histories_and_registries())
def test_nothing_unmanaged_is_touched(case: tuple[ModelHistory, MemoryRegistry]) -> None:
    history, registry = case
    before = registry.models.get(NAME)
    apply_plan(history, registry)
    if before is None:
        return
    after = registry.models[NAME]
    declared = history.declared
    aliases = {alias for alias in before.aliases if Field("alias", None, alias) not in declared}
    assert {a: after.aliases.get(a) for a in aliases} == {a: before.aliases[a] for a in aliases}
    tags = {
        key
        for key in before.tags
        if Field("tag", None, key) not in declared and not key.startswith("gitops.")
    }
    assert {k: after.tags.get(k) for k in tags} == {k: before.tags[k] for k in tags}
    if Field("description") not in declared:
        assert after.description == before.description
    for number, version in before.versions.items():
        kept = {key for key in version.tags if Field("tag", number, key) not in declared}
        assert {k: after.versions[number].tags.get(k) for k in kept} == {
            k: version.tags[k] for k in kept
        }
        if Field("description", number) not in declared:
            assert after.versions[number].description == version.description
        named = any(
            p.desired and number in {*p.desired.native_stages, *p.desired.custom_stages}
            for p in history.points
        )
        if not named and version.stage not in ACTIVE_STAGES:
            assert after.versions[number].stage == version.stage, (
                "a version that held nothing and is named nowhere stays"
            )


@settings(max_examples=EXAMPLE_COUNT, deadline=None)
@given(histories_and_registries())
def test_an_occupied_protected_stage_stays_occupied_at_every_step(
    case: tuple[ModelHistory, MemoryRegistry],
) -> None:
    history, registry = case
    desired = history.target
    start = registry.models.get(NAME)
    if desired is None or start is None:
        return
    guarded = [
        rule.name
        for rule in desired.policy.stages.values()
        if rule.protected
        and is_occupied(start, desired, rule.name)
        and desired.manifest.stages.get(rule.name) != ()
    ]
    notes = plan_now(history, registry).notes
    empty: dict[str, int] = {}

    def watch() -> None:
        for stage in guarded:
            if not is_occupied(registry.models[NAME], desired, stage):
                empty[stage] = empty.get(stage, 0) + 1

    registry.written = watch
    apply_plan(history, registry)
    for stage, writes in empty.items():
        assert stage != "Production", "Production is never empty"
        assert writes == 1 and any(
            note.startswith(f"{stage} is empty for one write") for note in notes
        )


@settings(max_examples=EXAMPLE_COUNT, deadline=None)
@given(histories_and_registries())
def test_a_reader_sees_old_then_new(case: tuple[ModelHistory, MemoryRegistry]) -> None:
    """`models:/m/Production` serves the highest number; between the old and the new one nothing
    else is ever served."""
    history, registry = case
    start = registry.models.get(NAME)
    if start is None:
        return
    served = [max(start.holders("Production"), default=None)]
    pointed = [start.aliases.get("production")]

    def watch() -> None:
        model = registry.models[NAME]
        served.append(max(model.holders("Production"), default=None))
        pointed.append(model.aliases.get("production"))

    registry.written = watch
    apply_plan(history, registry)
    for seen in (served, pointed):
        steps = [value for i, value in enumerate(seen) if i == 0 or value != seen[i - 1]]
        assert len(steps) <= 2, steps


@settings(max_examples=EXAMPLE_COUNT // 2, deadline=None)
@given(st.data())
def test_a_crash_anywhere_and_a_second_run_end_in_the_same_state(data: st.DataObject) -> None:
    history, registry = data.draw(histories_and_registries())
    whole = MemoryRegistry(dict(registry.models))
    expected = apply_plan(history, whole)
    if expected.result == "refused" or not whole.writes:
        return
    stop = data.draw(st.integers(1, len(whole.writes)))

    class Crash(BaseException):
        pass

    def crash() -> None:
        if len(registry.writes) == stop:
            raise Crash

    registry.written = crash
    with contextlib.suppress(Crash):
        apply_plan(history, registry)
    registry.written = lambda: None
    assert apply_plan(history, registry).result in ("applied", "unchanged")
    assert registry.models[NAME] == whole.models[NAME]


@settings(max_examples=EXAMPLE_COUNT // 2, deadline=None)
@given(st.data())
def test_drift_is_only_reported_where_the_policy_says_so(data: st.DataObject) -> None:
    history = data.draw(histories([REPORTING]))
    history = ModelHistory(commit(0).sha, "known", (Point(commit(0), history.target),))
    registry = MemoryRegistry({NAME: data.draw(observed_models(commit(0).sha))})
    plan = plan_now(history, registry)
    assert all(change.cause == "drift" and not change.applies for change in plan.changes)
    before = registry.models[NAME]
    apply_plan(history, registry)
    assert registry.models[NAME] == before
