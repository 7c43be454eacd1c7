from __future__ import annotations

import pytest

from mlflow_gitops.core.observed.server_version import (
    ALIASES,
    LOGGED_MODELS,
    NAME_LISTS,
    PROMPTS,
    ROLES,
    SUB_RESOURCES,
    ServerVersion,
)


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("1.30.1", [ALIASES, PROMPTS, LOGGED_MODELS, ROLES, NAME_LISTS, SUB_RESOURCES]),
        ("2.2.2", [ALIASES, PROMPTS, LOGGED_MODELS, ROLES, NAME_LISTS, SUB_RESOURCES]),
        ("2.9.2", [PROMPTS, LOGGED_MODELS, ROLES, NAME_LISTS, SUB_RESOURCES]),
        ("2.21.0rc0", [LOGGED_MODELS, ROLES, NAME_LISTS, SUB_RESOURCES]),
        ("3.13.0", [NAME_LISTS, SUB_RESOURCES]),
        ("3.17.2", []),
        ("4.0.0.dev0", []),
        (None, []),
        ("welcome", []),
        ("3" * 40, []),
    ],
)
def test_what_a_version_lacks(text: str | None, lacks: list[str]) -> None:
    assert ServerVersion(text).lacks == lacks


def test_the_lack_of_a_feature_in_words() -> None:
    lack = ServerVersion("2.2.2").lack_of(ALIASES)
    assert lack == "is MLflow 2.2.2, which has no aliases (they came with 2.3)"
