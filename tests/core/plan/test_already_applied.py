"""What git asks for and MLflow holds already, for the receipt of a run that comes after one which
died (RULES R6)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.already_applied import already_applied_changes, state_before_target
from mlflow_gitops.core.plan.plan import Change
from tests.support.core.one_model import make_desired, make_history, make_observed, make_version
from tests.support.core.random_plans import (
    EXAMPLE_COUNT,
    apply_plan,
    histories_and_registries,
    plan_now,
)
from tests.support.core.states import NAME, OWNER, VERSIONS
from tests.support.registries.memory import MemoryRegistry


def done(history: ModelHistory, registry: MemoryRegistry) -> set[tuple[object, ...]]:
    return {
        told(change)
        for change in already_applied_changes(
            history, registry.read(NAME), plan_now(history, registry).changes
        )
    }


def told(change: Change) -> tuple[object, ...]:
    return change.action, change.version, change.key, change.after


class DiedError(Exception):
    pass


@settings(max_examples=EXAMPLE_COUNT // 3, deadline=None)
@given(histories_and_registries())
def test_what_a_dead_run_did_is_found(case: tuple[ModelHistory, MemoryRegistry]) -> None:
    """Where MLflow held what the base wants, the changes of a run that dies and those of the next
    are those of one run."""
    history, _ = case
    if history.before is None:
        return
    stamps = {"gitops.commit": history.base or "", "gitops.owner": OWNER}
    versions = {number: ObservedVersion(number) for number in VERSIONS}
    registry = MemoryRegistry({NAME: ObservedModel(NAME, tags=stamps, versions=versions)})
    start = replace(history, points=history.points[:1])
    if apply_plan(start, registry).result not in ("applied", "unchanged"):
        return
    seen = dict(registry.models)
    registry.writes.clear()
    whole = {told(change) for change in plan_now(history, registry).changes} | done(
        history, registry
    )
    if apply_plan(history, registry).result != "applied":
        return
    for stop in range(1, len(registry.writes) + 1):
        dying = MemoryRegistry(dict(seen))

        def die(dying: MemoryRegistry = dying, stop: int = stop) -> None:
            if len(dying.writes) == stop:
                raise DiedError

        dying.written = die
        try:
            apply_plan(history, dying)
        except DiedError:
            dying.written = lambda: None
        if dying.models[NAME].base != history.base:
            break
        left = {told(change) for change in plan_now(history, dying).changes}
        assert left | done(history, dying) == whole
        assert not left & done(history, dying)


# -- told by hand: MLflow as it would be, had nobody carried out what git changed ------------------

FULL = (
    "stages: {Production: 2}\ndescription: new\ntags: {a: new, b: new}\naliases: {one: 2, two: 2}\n"
    "versions: {1: {description: new, tags: {c: new}}, 2: {tags: {c: new}}}"
)
LESS = (
    "stages: {Production: 1}\ndescription: old\ntags: {a: old}\naliases: {one: 1}\n"
    "versions: {1: {description: old, tags: {c: old}}, 2: {}}"
)


def since(before: str | None, after: str | None) -> ModelHistory:
    states = [make_desired(body) if body is not None else None for body in (before, after)]
    return make_history(*states, base="0" * 40, state="known")


def done_whole() -> ObservedModel:
    """MLflow with all of FULL carried out, and what people added by hand."""
    one = make_version(1, "Archived", description="new", tags={"c": "new", "byhand": "kept"})
    model = make_observed(
        one,
        make_version(2, "Production", tags={"c": "new"}),
        aliases={"one": 2, "two": 2, "byhand": 1},
        a="new",
        b="new",
    )
    return replace(model, description="new", tags={**model.tags, "byhand": "kept"})


def test_what_git_changed_is_put_back_and_nothing_else() -> None:
    earlier = state_before_target(since(LESS, FULL), done_whole())
    assert earlier is not None
    assert (earlier.name, earlier.description) == ("m", "old")
    assert earlier.tags == {"a": "old", "byhand": "kept"} and earlier.aliases == {
        "one": 1,
        "byhand": 1,
    }
    one, two = earlier.versions[1], earlier.versions[2]
    assert (one.stage, one.description, one.tags) == (
        "Production",
        "old",
        {"c": "old", "byhand": "kept"},
    )
    assert (two.stage, two.description, two.tags) == ("None", "", {})


def test_what_git_began_to_declare_was_empty() -> None:
    """A description is compared with what the manifest says of one, and with nothing else that it
    says."""
    begun = "stages: {Production: 1}\ndescription: new\nversions: {1: {description: new}}"
    whole = replace(
        make_observed(make_version(1, "Production", description="new")), description="new"
    )
    earlier = state_before_target(since("stages: {}", begun), whole)
    assert earlier is not None
    assert (earlier.description, earlier.versions[1]) == ("", make_version(1, "None"))
    named = make_version(1, "Production", description="Production")
    earlier = state_before_target(
        since("stages: {}", "stages: {Production: 1}"), make_observed(named)
    )
    assert earlier is not None and earlier.versions[1] == replace(named, stage="None")


def test_what_is_not_done_is_left_as_it_is() -> None:
    versions = {
        1: make_version(1, "Production", description="else", tags={"c": "else"}),
        2: make_version(2, "Staging", tags={"c": "else"}),
    }
    elsewhere = replace(
        make_observed(*versions.values(), aliases={"one": 1, "x": 1}, a="else"), description="else"
    )
    assert state_before_target(since(LESS, FULL), elsewhere) == elsewhere
    assert state_before_target(since(FULL, FULL), done_whole()) == done_whole(), (
        "what git did not change nobody undoes"
    )
    assert state_before_target(since(LESS, None), elsewhere) is elsewhere, (
        "nothing is wanted any more"
    )


def test_what_a_commit_took_away_comes_back() -> None:
    gone = make_observed(make_version(1, "Archived"), make_version(2, "None"))
    earlier = state_before_target(since(LESS, "stages: {Production: null}"), gone)
    assert earlier is not None
    assert (earlier.description, earlier.tags, earlier.aliases) == ("old", {"a": "old"}, {"one": 1})
    assert earlier.versions[1] == make_version(
        1, "Production", description="old", tags={"c": "old"}
    )
    assert earlier.versions[2] == make_version(2, "None")


@pytest.mark.parametrize(
    ("before", "after", "now", "then"),
    [
        ("{Staging: 1}", "{Production: 1}", "Production", "Staging"),
        ("{Staging: 1}", "{Production: 1}", "Staging", "Staging"),
        ("{Staging: 1}", "{Production: 1}", "Archived", "Archived"),
        ("{}", "{Staging: 1}", "Staging", "None"),
        ("{Staging: 1}", "{Staging: 1}", "Staging", "Staging"),
        ("{Staging: 1}", "{}", "Archived", "Staging"),
        ("{Staging: 1}", "{}", "None", "Staging"),
        ("{Staging: 1}", "{}", "Production", "Production"),  # somebody moved it
        (
            "{Archived: 1}",
            "{}",
            "Archived",
            "Archived",
        ),  # leaving Archived changes nothing (RULES R2)
        ("{Archived: 1}", "{Staging: 1}", "Staging", "Archived"),
        ("{}", "{}", "Production", "Production"),
    ],
)
def test_where_a_version_was(before: str, after: str, now: str, then: str) -> None:
    earlier = state_before_target(
        since(f"stages: {before}", f"stages: {after}"), make_observed(make_version(1, now))
    )
    assert earlier is not None and earlier.versions[1].stage == then


NEW = (
    "stages: {Staging: 1}\naliases: {one: 1, kept: 2}\nversions: {1: {source: 'file:///1'}, 2:"
    " {run_id: abc}}"
)
OURS = {"gitops.pin": "m/1"}


def test_a_version_that_reconcile_registered_would_not_be_there() -> None:
    there = make_observed(
        make_version(1, "Staging", tags=OURS), 2, aliases={"one": 1, "kept": 2, "byhand": 1}
    )
    past = since("stages: {}", NEW)
    earlier = state_before_target(past, there)
    assert earlier is not None and list(earlier.versions) == [2]
    assert earlier.aliases == {}, "an alias to nothing is none, and `kept` came with the commit"
    declared = since(NEW, NEW + "\ntags: {a: x}")
    assert state_before_target(declared, there) == there, "the base had it already"
    for tags in ({}, {"gitops.pin": "m/2"}, {"gitops.pin": "other/1"}):
        trained = state_before_target(past, make_observed(make_version(1, "Staging", tags=tags)))
        assert trained is not None and 1 in trained.versions, "a training job registered it"
    unsourced = state_before_target(
        since("stages: {}", "stages: {Staging: 1}"),
        make_observed(make_version(1, "Staging", tags=OURS)),
    )
    assert unsourced is not None and 1 in unsourced.versions


@pytest.mark.parametrize(
    ("observed", "there"),
    [
        (make_observed(make_version(1, "Staging", tags=OURS)), False),
        (make_observed(make_version(1, "Staging", tags=OURS), a="x", gitops_commit="abc"), False),
        (make_observed(make_version(1, "Staging", tags=OURS), byhand="x"), True),
        (make_observed(make_version(1, "Staging", tags=OURS), 2), True),
    ],
)
def test_a_model_that_has_nothing_of_its_own_would_not_be_there(
    observed: ObservedModel, there: bool
) -> None:
    past = make_history(make_desired(f"{NEW}\ntags: {{a: x}}"))
    assert (state_before_target(past, observed) is not None) is there
    assert (
        state_before_target(replace(past, base="0" * 40, base_state="known"), observed) is not None
    ), "it was there at the base"
