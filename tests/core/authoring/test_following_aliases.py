"""Which plain aliases an edit moves along: values in, values out."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.authoring.following_aliases import alias_moves
from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.manifests.policy import ModelPolicy
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.errors import Failure

CANARY = "stages: {Canary: {alias: canary, native: false}}\n"


def manifest(text: str) -> Manifest:
    read, document = read_manifest(f"name: m\n{text}\n".encode(), "registry/models/m.yaml")
    assert read is not None, document.problems
    return read


def rules(text: str) -> ModelPolicy:
    policy, problems = read_policy((CANARY + text).encode(), "registry/policy.yaml")
    assert policy is not None and not problems, problems
    return policy.for_model("m")


PRODUCTION = "aliases: {only: [Production]}\n"
EITHER = "aliases: {only: [Production, Canary]}\n"


@pytest.mark.parametrize(
    ("policy", "text", "stages", "moves"),
    [
        (PRODUCTION, "stages: {Production: 1}\naliases: {champion: 1}", {"Production": (2,)}, [2]),
        (
            PRODUCTION,
            "stages: {Production: [1, 3]}\naliases: {a: 1, b: 3}",
            {"Production": (7,)},
            [7, 7],
        ),
        (
            PRODUCTION,
            "stages: {Production: [1, 3]}\naliases: {a: 1, b: 3}",
            {"Production": (3, 4)},
            [4],
        ),
        (PRODUCTION, "stages: {Production: [1, 3]}\naliases: {a: 1}", {"Production": (3,)}, [3]),
        (EITHER, "stages: {Production: 1}\naliases: {champion: 1}", {"Production": (2,)}, [2]),
        # It may stay: another stage of `only` has its version, or nothing asks.
        (
            EITHER,
            "stages: {Production: 1, Canary: 1}\naliases: {champion: 1}",
            {"Production": (2,)},
            [],
        ),
        ("", "stages: {Production: 1}\naliases: {champion: 1}", {"Production": (2,)}, []),
        (
            PRODUCTION,
            "stages: {Production: 1, Staging: 2}\naliases: {champion: 1}",
            {"Staging": (3,)},
            [],
        ),
    ],
)
def test_an_alias_follows_the_version_that_replaces_its_own(
    policy: str, text: str, stages: dict[str, tuple[int, ...]], moves: list[int]
) -> None:
    [stage] = stages
    found = alias_moves(manifest(text), rules(policy), stage, stages)
    assert [move.new for move in found] == moves


@pytest.mark.parametrize(
    ("policy", "text", "stages", "why"),
    [
        (
            PRODUCTION,
            "stages: {Production: [1, 2]}\naliases: {champion: 1}",
            {"Production": (3, 4)},
            "3, 4 replace it",
        ),
        (
            "aliases: {only: [Staging]}\n",
            "stages: {Production: 1, Staging: 2}\naliases: {champion: 2}",
            {"Production": (2,), "Staging": ()},
            "no version replaces it",
        ),
        (
            PRODUCTION,
            "stages: {Production: [1, 2]}\naliases: {champion: 1}",
            {"Archived": (1,), "Production": (2,)},
            "no version replaces it",
        ),
    ],
)
def test_an_alias_that_cannot_follow_is_named(
    policy: str, text: str, stages: dict[str, tuple[int, ...]], why: str
) -> None:
    stage = next(iter(stages))
    with pytest.raises(Failure) as failure:
        alias_moves(manifest(text), rules(policy), stage, stages)
    assert "alias champion" in failure.value.message and why in failure.value.message
    assert "registry/models/m.yaml" in failure.value.fix


def test_what_moves_and_why() -> None:
    text = manifest("stages: {Production: 1}\naliases: {champion: 1}")
    [move] = alias_moves(text, rules(EITHER), "Production", {"Production": (2,)})
    reason = "since the policy lets it point only at versions in Production or Canary"
    assert move.note == f"alias champion: 1 → 2, {reason}"
    assert move.sentence == f"The alias champion moves from 1 to 2, {reason}."
