"""The limit on one run (RULES R3): models that change a stage or an alias, of those looked at."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.manifests.restrictions import Limit
from mlflow_gitops.core.plan.plan import Action, Change, ModelPlan, Sync
from mlflow_gitops.core.plan.refusals.run_limit import limit_refusal
from mlflow_gitops.core.verdicts.verdict import Refusal


def model(
    i: int, action: Action | None, sync: Sync = "Pending", *, applies: bool = True
) -> ModelPlan:
    changes = (Change(action, 1, "key", applies=applies),) if action else ()
    return ModelPlan(f"m{i}", None, sync, None, changes=changes)


def many(changing: int, still: int) -> list[ModelPlan]:
    return [model(i, "transition" if i < changing else None) for i in range(changing + still)]


@pytest.mark.parametrize(
    ("changing", "still", "others", "max_changes", "refused"),
    [
        (10, 0, 0, None, False),  # the floor
        (11, 0, 0, None, True),
        (30, 70, 0, None, False),  # 30 percent of 100
        (31, 69, 0, None, True),
        (31, 69, 10, None, False),  # 30 percent of 110
        (31, 69, 0, 31, False),
        (31, 69, 0, 30, True),
        (1, 0, 0, 0, True),
    ],
)
def test_the_larger_of_floor_and_percent(
    changing: int, still: int, others: int, max_changes: int | None, refused: bool
) -> None:
    found = limit_refusal(many(changing, still), Limit(percent=30, floor=10), max_changes, others)
    assert (found is not None) is refused
    if found:
        assert found.code == "limit" and f"--max-changes {changing}" in found.way_out
        assert found.detail.startswith(f"{changing} of {changing + still + others} models")


@pytest.mark.parametrize(
    ("changing", "named"), [(2, "m0, m1"), (3, "m0, m1, m2"), (4, "m0, m1, m2 …")]
)
def test_a_few_of_the_models_are_named(changing: int, named: str) -> None:
    found = limit_refusal(many(changing, 6), Limit(percent=0, floor=1), None)
    assert found == Refusal(
        "limit",
        f"{changing} of {changing + 6} models would change a stage or an alias, and 1 may in one"
        f" run ({named})",
        f"look at the plan; if it is meant, reconcile --max-changes {changing}",
        expected="1",
        actual=str(changing),
    )


def test_what_does_not_count() -> None:
    quiet: list[Action] = ["set_tag", "delete_tag", "set_description", "register_version"]
    models = [model(i, action) for i, action in enumerate(quiet)]
    models += [model(10, "transition", "Missing"), model(11, "transition", applies=False)]
    assert limit_refusal(models, Limit(percent=0, floor=0), None) is None
    counted: list[Action] = ["transition", "set_alias", "delete_alias"]
    for action in counted:
        assert limit_refusal([model(0, action)], Limit(percent=0, floor=0), None) is not None
    assert limit_refusal(many(100, 0), None, None) is None, "no policy, no limit"


@pytest.mark.parametrize(
    ("limit", "max_changes", "refused"),
    [(None, None, True), (Limit(100, 99), None, True), (None, 3, False)],
)
def test_pruning_all_there_was(limit: Limit | None, max_changes: int | None, refused: bool) -> None:
    found = limit_refusal(many(3, 2), limit, max_changes, is_everything_pruned=True)
    assert (found is not None) is refused
    if found:
        assert "3 of 5 models" in found.detail and "--prune --max-changes 3" in found.way_out
        assert found.code == "limit" and "git revert" in found.way_out
        assert limit_refusal(many(2, 0), limit, max_changes, is_everything_pruned=True) is not None
    assert limit_refusal(many(1, 0), limit, max_changes, is_everything_pruned=True) is None, (
        "the only model may retire"
    )


def adopted(i: int, before: int | None, after: int, base: str | None = None) -> ModelPlan:
    """A model whose stage gets its alias."""
    change = Change("set_alias", None, "production", before, after)
    held = {"Production": (1,)}
    return ModelPlan(f"m{i}", None, "Pending", base, observed=held, desired=held, changes=(change,))


@pytest.mark.parametrize(
    ("before", "after", "base", "refused"),
    [(None, 1, None, False), (2, 1, None, True), (None, 2, None, True), (None, 1, "b", True)],
)
def test_a_new_alias_of_an_adopted_stage_does_not_count(
    before: int | None, after: int, base: str | None, refused: bool
) -> None:
    models = [adopted(i, before, after, base) for i in range(4)]
    assert (limit_refusal(models, Limit(percent=0, floor=1), None) is not None) is refused
