"""Which base a model has, and whether it is known: one case for each row of RULES R1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from mlflow_gitops.core.history.base import (
    NO_BASE,
    UNRECEIPTED_BASE,
    Base,
    base_while_writing,
    find_base,
)
from mlflow_gitops.core.observed.model import BASE_TAG, OWNER_TAG, ObservedModel, ObservedVersion

OWNER, OTHER = "root:registry", "elsewhere:registry"
LINE = ("one", "two")
MAIN_LINE = (*LINE, "three")


def shown(stamp: str | None, owner: str | None = OWNER) -> ObservedModel:
    tags = {BASE_TAG: stamp, OWNER_TAG: owner}
    return ObservedModel("m", tags={key: value for key, value in tags.items() if value})


HOLDING = replace(shown(None), aliases={"champion": 1})


@dataclass
class Facts:
    """What git and the receipts know: the commits that this clone may not have fetched, and the
    commit of the newest receipt."""

    unfetched: tuple[str, ...] = ()
    recorded: str | None = None
    lacks_receipts: bool = False

    def is_later(self, commit: str) -> bool:
        return commit in MAIN_LINE and commit not in LINE

    def may_be_unfetched(self, commit: str) -> bool:
        return commit in self.unfetched

    def last_applied(self, model: str) -> str | None:
        return self.recorded

    def may_lack_receipts(self, *, adopt: bool) -> bool:
        return self.lacks_receipts


def base_of(
    observed: ObservedModel | None,
    owner: str | None = OWNER,
    recorded: str | None = None,
    *,
    unfetched: tuple[str, ...] = (),
    adopt: bool = False,
    lacks_receipts: bool = False,
) -> Base:
    facts = Facts(unfetched, recorded, lacks_receipts)
    return find_base("m", observed, owner, LINE, facts, adopt=adopt)


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
    assert base_of(shown(None), owner=None) == Base(None, "unfetched")
    assert base_of(shown("two"), owner=None) == Base("two", "known")


def test_a_deleted_stamp_does_not_make_a_model_new() -> None:
    assert base_of(shown(None), recorded="one") == Base("one", "lost")


@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize(
    "holders",
    [
        {"aliases": {"champion": 1}},
        {"versions": {1: ObservedVersion(1, stage="Production")}},
        {"versions": {1: ObservedVersion(1), 2: ObservedVersion(2, stage="Staging")}},
    ],
)
def test_without_the_receipts_of_the_remote_nothing_is_adopted(
    holders: dict[str, Any], adopt: bool
) -> None:
    observed = replace(shown(None, None), **holders)
    assert base_of(observed, lacks_receipts=True, adopt=adopt) == UNRECEIPTED_BASE
    assert base_of(observed, adopt=adopt) == NO_BASE
    assert base_of(replace(shown("one"), **holders), lacks_receipts=True).state == "known"


@pytest.mark.parametrize("observed", [None, shown(None), shown(None, None)])
def test_receipts_of_the_remote_are_not_needed_if_nothing_can_be_adopted(
    observed: ObservedModel | None,
) -> None:
    assert base_of(observed, lacks_receipts=True) == NO_BASE


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
        (None, HOLDING, UNRECEIPTED_BASE, NO_BASE),
        (shown(None), HOLDING, UNRECEIPTED_BASE, NO_BASE),
        (HOLDING, HOLDING, UNRECEIPTED_BASE, UNRECEIPTED_BASE),
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


@pytest.mark.parametrize("stamp", ["four", "five", "a commit of a shallow clone's past"])
def test_a_base_that_may_not_have_been_fetched_is_not_adopted(stamp: str) -> None:
    state = Base(stamp, "unfetched")
    assert base_of(shown(stamp), unfetched=(stamp,)) == state
    assert base_of(shown(stamp), unfetched=(stamp,), adopt=True) == state
    assert base_of(shown(stamp), None, unfetched=(stamp,), adopt=True) == state, "a shallow clone"
    assert base_of(shown(None), recorded=stamp, unfetched=(stamp,), adopt=True) == state
    # Of another owner's commits, this clone never has any.
    assert base_of(shown(stamp, OTHER), unfetched=(stamp,)) == Base(stamp, "unknown")
    assert base_of(shown(stamp, OTHER), unfetched=(stamp,), adopt=True) == NO_BASE


@pytest.mark.parametrize("stamp", [None, "one", "rewritten"])
def test_a_receipt_of_a_later_commit_stops_an_adoption(stamp: str | None) -> None:
    observed = shown(stamp)
    assert base_of(observed, recorded="three", adopt=True) == Base("three", "stale")
    assert base_of(observed, recorded="two", adopt=True) == NO_BASE
    assert base_of(observed, recorded="rewritten too", adopt=True) == NO_BASE


def test_nothing_is_read_if_the_stamp_answers() -> None:
    class Unread(Facts):
        def is_later(self, commit: str) -> bool:
            raise AssertionError(commit)

        def last_applied(self, model: str) -> str | None:
            raise AssertionError(model)

    assert find_base("m", shown("one"), OWNER, LINE, Unread()) == Base("one", "known")
