"""The order of writes (RULES R5): entries by descending version, exits by ascending, each as soon
as it does no harm."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable

import pytest

from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.plan.write_order import order_writes

P, S, A, N = "Production", "Staging", "Archived", "None"

CASES = {
    "first promotion": ({1: N}, {1: P}, [(1, P)]),
    "promotion, the old one archived": ({12: P, 14: S}, {14: P, 12: A}, [(14, P), (12, A)]),
    "rollback to a lower number": ({12: A, 14: P}, {12: P, 14: A}, [(12, P), (14, A)]),
    "a chain runs from its end": (
        {10: P, 11: S, 12: N},
        {12: S, 11: P, 10: A},
        [(12, S), (11, P), (10, A)],
    ),
    "a chain that descends": (
        {12: P, 11: S, 10: N},
        {10: S, 11: P, 12: A},
        [(10, S), (11, P), (12, A)],
    ),
    "three stages turn, upwards": (
        {1: P, 2: S, 3: A},
        {2: P, 3: S, 1: A},
        [(3, S), (2, P), (1, A)],
    ),
    "three stages turn, downwards": (
        {3: P, 2: S, 1: A},
        {1: P, 3: S, 2: A},
        [(1, P), (3, S), (2, A)],
    ),
    "several in, several out": (
        {1: P, 2: P, 3: N, 4: S},
        {3: P, 4: P, 1: A, 2: A},
        [(4, P), (3, P), (1, A), (2, A)],
    ),
    "several lower ones in": (
        {1: A, 2: N, 8: P, 9: P},
        {1: P, 2: P, 8: A, 9: A},
        [(2, P), (1, P), (8, A), (9, A)],
    ),
    "one of several leaves": ({1: P, 2: P, 3: P}, {2: A}, [(2, A)]),
    "emptying": ({1: P, 2: P, 3: S}, {1: A, 2: A, 3: A}, [(1, A), (2, A), (3, A)]),
    "emptying Staging into Production": ({5: S}, {5: P}, [(5, P)]),
    "one of several in Staging is promoted": ({5: S, 9: S, 1: P}, {5: P, 1: A}, [(5, P), (1, A)]),
    "archived ones come back as nothing": ({1: A, 2: A}, {1: N, 2: N}, [(1, N), (2, N)]),
    "nothing": ({1: P}, {}, []),
}
CYCLES = {
    "swap, the higher is promoted": ({1: P, 2: S}, {2: P, 1: S}, [(2, P), (1, S)]),
    "swap, the lower is promoted": ({2: P, 1: S}, {1: P, 2: S}, [(1, P), (2, S)]),
    "swap beside others": (
        {1: P, 2: S, 3: A, 4: N},
        {2: P, 1: S, 3: N, 4: A},
        [(3, N), (4, A), (2, P), (1, S)],
    ),
}


def run(
    now: dict[int, str], wanted: dict[int, str], seed: int = 0
) -> tuple[list[tuple[int | None, object]], list[str]]:
    moves = [
        Change("transition", version, None, now[version], stage)
        for version, stage in wanted.items()
    ]
    random.Random(seed).shuffle(moves)
    order, notes = order_writes(moves, now)
    return [(move.version, move.after) for move in order], notes


@pytest.mark.parametrize("name", CASES)
def test_moves(name: str) -> None:
    now, wanted, expected = CASES[name]
    for seed in range(4):  # the order they are given in does not matter
        assert run(now, wanted, seed) == (expected, [])


@pytest.mark.parametrize("name", CYCLES)
def test_a_cycle_leaves_the_lower_stage_empty_for_one_write_and_says_so(name: str) -> None:
    now, wanted, expected = CYCLES[name]
    for seed in range(4):
        assert run(now, wanted, seed) == (
            expected,
            ["Staging is empty for one write, while its versions change places"],
        )


@pytest.mark.parametrize("seed", range(4))
def test_every_way_for_three_versions_to_change_places(seed: int) -> None:
    """A reader of Production sees old, then new, always. One of Staging too, wherever any order at
    all allows it."""
    numbers = (2, 3, 5)
    for before, after in list(
        itertools.product(itertools.product((P, S, A, N), repeat=3), repeat=2)
    )[seed::4]:
        now = dict(zip(numbers, before, strict=True))
        final = dict(zip(numbers, after, strict=True))
        order, notes = run(now, {v: stage for v, stage in final.items() if now[v] != stage}, seed)
        assert now | dict(order) == final  # type: ignore[operator]
        assert len(served(now, order, P)) <= 2, (now, final, order)
        seen = served(now, order, S)
        gap = seen[0] is not None and seen[-1] is not None and None in seen
        assert notes == (
            ["Staging is empty for one write, while its versions change places"] if gap else []
        )
        if len(seen) > 2:
            others = itertools.permutations(order)
            better = [
                o for o in others if len(served(now, o, P)) <= 2 and len(served(now, o, S)) <= 2
            ]
            assert not better, (now, final, order)


def served(
    now: dict[int, str], order: Iterable[tuple[int | None, object]], stage: str
) -> list[int | None]:
    """What `models:/m/<stage>` serves, from before the first write to after the last; each value
    once in a row."""
    where: dict[int | None, object] = dict(now)  # type: ignore[arg-type]
    told: list[int | None] = []
    for version, target in [(None, None), *order]:
        where[version] = target
        highest = max((v for v, held in where.items() if held == stage and v), default=None)
        if not told or told[-1] != highest:
            told.append(highest)
    return told


def test_the_kinds_of_writes_follow_one_another() -> None:
    expected = [
        Change("create_model", after="m"),
        Change("register_version", 7, None, None, "file:///7"),
        Change("register_version", 8, None, None, "file:///8"),
        Change("set_description", 7, None, "", "seven"),
        Change("set_tag", 7, "a", None, "x"),
        Change("set_tag", 7, "b", None, "x"),
        Change("delete_tag", 8, "a", "x", None),
        Change("transition", 8, None, N, P),
        Change("transition", 5, None, P, A),
        Change("set_alias", None, "champion", 5, 8),
        Change("set_alias", None, "production", 5, 8),
        Change("delete_alias", None, "old", 3, None),
        Change("set_description", None, None, "", "text"),
        Change("set_tag", None, "owner", None, "x"),
    ]
    for seed in range(10):
        mixed = expected.copy()
        random.Random(seed).shuffle(mixed)
        order, notes = order_writes(mixed, {5: P, 7: N})
        assert order == expected and notes == []


@pytest.mark.parametrize("version", [None, 7])
def test_of_two_names_that_a_database_takes_for_one_the_old_one_goes_first(
    version: int | None,
) -> None:
    expected = [
        Change("delete_tag", version, "team", "x", None),
        Change("set_tag", version, "Team", None, "x"),
    ]
    order, _ = order_writes(expected[::-1], {})
    assert order == expected
    aliases = [
        Change("delete_alias", None, "champion", 5, None),
        Change("set_alias", None, "Champion", None, 5),
        Change("delete_alias", None, "old", 3, None),
    ]
    order, _ = order_writes(aliases[::-1], {})
    assert order == aliases
