"""Which base a model has, and whether it is known: one case for each row of RULES R1."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.history.base import NO_BASE, Base, base_while_writing, find_base
from mlflow_gitops.core.observed.model import BASE_TAG, OWNER_TAG, ObservedModel

OWNER, OTHER = "root:registry", "elsewhere:registry"
LINE = ("one", "two")
MAIN_LINE = (*LINE, "three")


def shown(stamp: str | None, owner: str | None = OWNER) -> ObservedModel:
    tags = {BASE_TAG: stamp, OWNER_TAG: owner}
    return ObservedModel("m", tags={key: value for key, value in tags.items() if value})


def base_of(
    observed: ObservedModel | None,
    owner: str | None = OWNER,
    recorded: str | None = None,
    *,
    adopt: bool = False,
) -> Base:
    return find_base(
        "m", observed, owner, LINE, MAIN_LINE.__contains__, lambda name: recorded, adopt=adopt
    )


@pytest.mark.parametrize(
    ("stamp", "state"), [("one", "known"), ("three", "stale"), ("other branch", "unknown")]
)
def test_a_stamped_model(stamp: str, state: str) -> None:
    base = base_of(shown(stamp))
    assert (base.commit, base.state) == (stamp, state)


@pytest.mark.parametrize("observed", [None, shown(None), shown(None, None)])
def test_a_model_without_a_stamp_has_no_base(observed: ObservedModel | None) -> None:
    assert base_of(observed) == NO_BASE


def test_a_shallow_clone_knows_no_base_without_a_stamp() -> None:
    assert base_of(shown(None), owner=None) == Base(None, "unknown")
    assert base_of(shown("two"), owner=None) == Base("two", "known")


def test_a_deleted_stamp_does_not_make_a_model_new() -> None:
    assert base_of(shown(None), recorded="one") == Base("one", "lost")


def test_a_deleted_model_is_not_made_again_unless_it_is_adopted() -> None:
    assert base_of(None) == NO_BASE
    assert base_of(None, recorded="one") == Base("one", "deleted")
    assert base_of(None, owner=None, recorded="one") == Base("one", "deleted")
    assert base_of(None, recorded="one", adopt=True) == NO_BASE


@pytest.mark.parametrize(
    ("before", "now", "current", "expected"),
    [
        (None, None, NO_BASE, NO_BASE),
        (shown(None), None, NO_BASE, Base(None, "deleted")),
        (shown("one"), None, NO_BASE, Base("one", "deleted")),
        (shown("one"), shown(None), NO_BASE, Base("one", "lost")),
        (shown(None), shown(None), NO_BASE, NO_BASE),
        (shown("one"), shown("two"), Base("two", "known"), Base("two", "known")),
    ],
)
def test_a_model_that_is_deleted_during_a_run_is_not_begun_anew(
    before: ObservedModel | None, now: ObservedModel | None, current: Base, expected: Base
) -> None:
    assert base_while_writing(current, before, now) == expected


def test_adopting_takes_any_model_as_new_but_one_that_is_ahead() -> None:
    assert base_of(shown("one"), adopt=True) == NO_BASE
    assert base_of(shown("other branch"), adopt=True) == NO_BASE
    assert base_of(shown(None), recorded="one", adopt=True) == NO_BASE
    assert base_of(shown("three"), adopt=True) == Base("three", "stale")
    assert base_of(shown("three", OTHER), adopt=True) == NO_BASE, "not later than our commits"


def test_nothing_is_read_if_the_stamp_answers() -> None:
    def unread(name: str) -> bool:
        raise AssertionError(name)

    base = find_base("m", shown("one"), OWNER, LINE, unread, lambda name: str(unread(name)))
    assert base == Base("one", "known")
