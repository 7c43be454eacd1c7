"""Which base a model has, and whether it is known: one case for each row of RULES R1."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.history.base import NO_BASE, Base, find_base
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
        observed, owner, LINE, MAIN_LINE.__contains__, lambda name: recorded, adopt=adopt
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
    assert base_of(None, recorded="one") == NO_BASE, "a model that MLflow lacks is made anew"


def test_adopting_takes_any_model_as_new_but_one_that_is_ahead() -> None:
    assert base_of(shown("one"), adopt=True) == NO_BASE
    assert base_of(shown("other branch"), adopt=True) == NO_BASE
    assert base_of(shown(None), recorded="one", adopt=True) == NO_BASE
    assert base_of(shown("three"), adopt=True) == Base("three", "stale")
    assert base_of(shown("three", OTHER), adopt=True) == NO_BASE, "not later than our commits"


def test_nothing_is_read_if_the_stamp_answers() -> None:
    def unread(name: str) -> bool:
        raise AssertionError(name)

    base = find_base(shown("one"), OWNER, LINE, unread, lambda name: str(unread(name)))
    assert base == Base("one", "known")
